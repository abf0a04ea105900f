"""Profiles for schedulers that no test can run: they are read, and Snakemake plans with them."""

import re

import boto3
import pytest
import yaml
from moto.server import ThreadedMotoServer

from conftest import ROOT, run_in

pytestmark = [pytest.mark.slow, pytest.mark.server]
ARNS = ["--aws-batch-job-queue", "arn:queue", "--aws-batch-job-role", "arn:role"]
KEYS = {"AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": "something"}
KEYS |= {f"SNAKEMAKE_STORAGE_S3_{k}": "for-tests" for k in ("ACCESS_KEY", "SECRET_KEY")}


@pytest.fixture(scope="module")
def store():
    """The URL of a server that speaks S3's protocol, with a bucket of the profiles' name."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    words = {"aws_access_key_id": "someone", "aws_secret_access_key": "something"}
    client = boto3.client("s3", endpoint_url=f"http://{host}:{port}", **words)
    client.create_bucket(Bucket="bucket")
    yield f"http://{host}:{port}"
    server.stop()


@pytest.mark.parametrize(("name", "words"), [("kubernetes", []), ("aws-batch", ARNS)])
def test_snakemake_plans_with_files_in_a_bucket(store, name, words):
    """The commands read and write where Snakemake puts the bucket's files, not in `results`."""
    at = ["--profile", f"profiles/{name}", "--workflow-profile", "none"]
    at += ["--storage-s3-endpoint-url", store, "--configfile", "params/smoke.yaml"]
    wanted = "results/models/vae-z3-s0.safetensors"
    done = run_in(ROOT, "snakemake", wanted, "-n", "-p", *at, *words, **KEYS)
    assert done.returncode == 0, done.stdout + done.stderr
    text = done.stdout + done.stderr
    [command] = set(re.findall(r"python workflow/scripts/train\.py .*", text))
    place = ".snakemake/storage/s3/bucket/vaepipe"
    assert f"--data {place}/data/mnist" in command
    assert f"--results {place}/results" in command


def test_jobs_ask_for_no_gpu_of_the_machine_that_reads_the_profile():
    for name in ("slurm", "kubernetes", "aws-batch"):
        profile = yaml.safe_load((ROOT / f"profiles/{name}/profile.yaml").read_text())
        for rule in ("train", "classify", "evaluate", "sweep_train", "sweep_evaluate"):
            assert profile["set-resources"][rule]["gpu"] == 0


def test_account_and_partition_of_slurm_are_set_by_taking_the_comment_signs_away():
    text = (ROOT / "profiles/slurm/profile.yaml").read_text()
    changed = re.sub(r"^  # (.*slurm_(account|partition).*)$", r"  \1", text, flags=re.M)
    asked = yaml.safe_load(changed)["default-resources"]
    assert asked[:2] == ["slurm_account=your-account", "slurm_partition=your-partition"]
    assert asked[2:] == yaml.safe_load(text)["default-resources"]


def test_claims_ask_for_the_memory_of_all_their_processes():
    words = ["-n", "--cores", "2", "--config", "claims={processes: 7}"]
    done = run_in(ROOT, "snakemake", "results/claims.json", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    [job] = re.findall(r"^rule claims:\n.*?(?=\n\n)", done.stdout + done.stderr, re.M | re.S)
    assert "mem_mb=6400" in job


def test_the_image_is_built_from_the_lock():
    recipe = (ROOT / "Dockerfile").read_text()
    copied = re.search(r"^COPY (.+) \./$", recipe, re.M).group(1).split()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for name in copied:
        assert (ROOT / name).exists()
        assert f"!{name}" in ignored
    assert "--requirement requirements.lock" in recipe
