"""Each driver goes on from the results of the other, and never beside it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest
import yaml
from moto.server import ThreadedMotoServer

from conftest import a_copy, git, run_in, with_site


def read(path: Path) -> dict:
    return json.loads(path.read_text())


def train_for(tree: Path, epochs: int) -> None:
    """Change the tree's params."""
    params = yaml.safe_load((tree / "params.yaml").read_text())
    params["train"]["epochs"] = epochs
    (tree / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def dry_run(tree: Path, *words: str) -> str:
    """What Snakemake would do."""
    done = run_in(tree, "snakemake", "-n", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def refusal(tree: Path, driver: str) -> str:
    """The message with which a hand-over is refused; nothing in the tree may change by it."""
    before = {p: p.stat().st_mtime_ns for p in tree.glob("results/**/*") if p.is_file()}
    done = run_in(tree, "vaepipe", "handover", driver)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    after = {p: p.stat().st_mtime_ns for p in tree.glob("results/**/*") if p.is_file()}
    assert after == before
    return done.stderr


def test_both_drivers_give_the_same_bits(smoke_tree, dvc_tree, record):
    ours, theirs = (read(tree / "results/digest.json") for tree in (smoke_tree, dvc_tree))
    assert ours == theirs
    names = {name.rpartition(".")[2] for name in ours["files"]}
    assert {"safetensors", "csv", "json", "png"} <= names
    record("whole pipelines rerun by the other driver", 1)


def test_after_snakemake_dvc_is_clean(version):
    assert "up to date" in run_in(version, "dvc", "status").stdout
    assert git(version, "status", "--porcelain") == ""
    lock = yaml.safe_load((version / "dvc.lock").read_text())
    sizes = [out.get("size", 0) for s in lock["stages"].values() for out in s.get("outs", [])]
    assert max(sizes) > 2**20


def test_after_dvc_snakemake_has_nothing_to_do(dvc_tree, tmp_path):
    tree = a_copy(dvc_tree, tmp_path / "tree")
    done = run_in(tree, "vaepipe", "handover", "snakemake")
    assert done.returncode == 0, done.stderr
    assert "Nothing to be done" in dry_run(tree)
    # It knows the params too, so that a change of them is seen.
    plan = dry_run(tree, "--config", "train={epochs: 2}")
    assert re.search(r"^train +3", plan, re.MULTILINE)
    assert "up to date" in run_in(tree, "dvc", "status").stdout


def test_results_of_other_params_are_not_handed_to_dvc(version, tmp_path):
    tree = a_copy(version, tmp_path / "tree")
    train_for(tree, epochs=2)
    assert "vaepipe preset" in refusal(tree, "dvc")
    assert git(tree, "status", "--porcelain").split() == ["M", "params.yaml"]


def test_results_of_unknown_origin_are_not_handed_to_dvc(version, tmp_path):
    tree = a_copy(version, tmp_path / "tree")
    shutil.rmtree(tree / ".snakemake")
    assert "no record" in refusal(tree, "dvc")


def test_a_lock_of_other_params_is_not_handed_to_snakemake(version, tmp_path):
    tree = a_copy(version, tmp_path / "tree")
    train_for(tree, epochs=2)
    other = tree / "results/models/vae-z3-s9.safetensors"
    other.write_text("of another matrix")
    said = refusal(tree, "snakemake")
    assert other.exists()
    assert "dvc.lock was written with other params" in said
    assert "git checkout" in said


def test_a_missing_cache_file_is_named(version, tmp_path):
    tree = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(version), str(tree))
    said = refusal(tree, "snakemake")
    assert "missing" in said
    assert "vaepipe pull" in said
    assert "other params" not in said
    done = run_in(tree, "vaepipe", "diff", "v1", "HEAD")
    assert done.returncode == 0, done.stderr
    assert "Figures that can't be had" in done.stdout


@pytest.mark.parametrize(
    ("remote", "said"),
    [
        (None, "neither DVC's cache nor its remote has"),
        ("nowhere", "neither DVC's cache nor its remote has"),
        ("s3://results/dvc", "DVC's remote can't be read"),
    ],
)
def test_an_unreadable_remote_costs_nothing(version, tmp_path, remote, said):
    tree = a_copy(version, tmp_path / "tree")
    if remote:
        run_in(tree, "dvc", "remote", "add", "-d", "store", remote)
        run_in(tree, "dvc", "remote", "modify", "store", "endpointurl", "http://127.0.0.1:9")
    shutil.rmtree(tree / ".dvc/cache")
    model = next(tree.glob("results/models/*.safetensors"))
    model.rename(tmp_path / "kept")
    before = set(tree.glob("results/**/*"))
    keys = {"AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": "something"}
    keys["AWS_MAX_ATTEMPTS"] = "1"
    done = run_in(tree, "vaepipe", "pull", **keys)
    assert done.returncode == 1
    assert said in done.stderr
    assert "something" not in done.stderr
    assert "Traceback" not in done.stderr
    assert set(tree.glob("results/**/*")) == before


def test_results_of_runs_that_are_no_more_are_set_aside(version, tmp_path):
    tree = a_copy(version, tmp_path / "tree")
    others = ["models/vae-z3-s9.safetensors", "metrics/vae-z3-s9.json", "figures/own.png"]
    for name in (*others, "models/vae-beta0.25-z3-s0.safetensors"):
        (tree / "results" / name).write_text("of another matrix")
    done = run_in(tree, "vaepipe", "handover", "dvc")
    assert done.returncode == 0, done.stderr
    assert (tree / "results/aside/models/vae-z3-s9.safetensors").exists()
    assert (tree / "results/aside/metrics/vae-z3-s9.json").exists()
    assert (tree / "results/aside/models/vae-beta0.25-z3-s0.safetensors").exists()
    assert not list(tree.glob("results/m*/vae-z3-s9*"))
    assert (tree / "results/figures/own.png").exists()

    (tree / "results/models/vae-z3-s9.safetensors").write_text("of a version before")
    back = run_in(tree, "vaepipe", "handover", "snakemake")
    assert back.returncode == 0, back.stderr
    assert "set aside" in back.stderr


@contextmanager
def running(tree: Path, *words: str):
    """A driver that is training; in the end it and its children are killed by SIGKILL."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    lock = tree / ".dvc/tmp/rwlock"
    with (tree / "driver.log").open("w") as log:
        driver = subprocess.Popen(
            words, cwd=tree, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            deadline = time.monotonic() + 60
            while not (lock.exists() and str(driver.pid) in lock.read_text()):
                assert driver.poll() is None, (tree / "driver.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.1)
            yield driver
        finally:
            os.killpg(driver.pid, signal.SIGKILL)
            driver.wait()


def test_two_drivers_never_run_at_once(version, tmp_path):
    tree = a_copy(version, tmp_path / "tree")
    train_for(tree, epochs=100_000)
    assert run_in(tree, "dvc", "repro", "download").returncode == 0

    with running(tree, "dvc", "repro", "train@ae-3-0") as driver:
        second = run_in(tree, "snakemake", "--cores", "1")
        assert second.returncode == 1
        assert f"PID {driver.pid}" in second.stderr
        assert "vaepipe handover snakemake" in second.stderr
        assert run_in(tree, "snakemake", "-n").returncode == 0

    # A killed DVC is not in the way.
    with running(
        tree, "snakemake", "--cores", "1", "results/models/ae-z3-s0.safetensors"
    ) as driver:
        second = run_in(tree, "dvc", "repro")
        assert second.returncode != 0
        assert f"PID {driver.pid}" in second.stderr
        assert "vaepipe handover dvc" in second.stderr
        (tree / "results/params.checked").touch()  # which Snakemake does not make
        commit = run_in(tree, "dvc", "commit", "-f", "download")
        assert commit.returncode != 0
        assert f"PID {driver.pid}" in commit.stderr

    # Nor is a killed Snakemake.
    assert run_in(tree, "dvc", "repro", "download").returncode == 0


@pytest.fixture
def bucket(monkeypatch):
    """The URL of a server that speaks S3's protocol, with a bucket `results`."""
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "something")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    boto3.client("s3", endpoint_url=url).create_bucket(Bucket="results")
    yield url
    server.stop()


def test_a_clone_pulls_a_version_from_s3_and_runs_nothing_again(version, tmp_path, bucket):
    tree = a_copy(version, tmp_path / "tree")
    run_in(tree, "dvc", "remote", "add", "-d", "store", "s3://results/dvc")
    run_in(tree, "dvc", "remote", "modify", "store", "endpointurl", bucket)
    git(tree, "commit", "-qam", "a remote")
    pushed = run_in(tree, "dvc", "push")
    assert pushed.returncode == 0, pushed.stderr

    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(tree), str(clone))
    pulled = run_in(clone, "vaepipe", "pull")
    assert pulled.returncode == 0, pulled.stderr
    done = run_in(clone, "dvc", "repro")
    assert "Running stage" not in done.stdout
    assert "up to date" in done.stdout
    assert "Nothing to be done" in dry_run(clone)
    assert read(clone / "results/digest.json") == read(version / "results/digest.json")
    assert git(clone, "status", "--porcelain").split() == ["M", "dvc.lock"]


NO_TRAINING = """
import sys
if any(word.endswith("scripts/train.py") for word in sys.orig_argv):
    sys.exit("a training was started")
"""


def test_a_training_of_one_clone_is_a_download_of_another(dvc_tree, tmp_path, bucket):
    """Without a commit of the results: the second asks for the same params with the same code."""
    tree = a_copy(dvc_tree, tmp_path / "tree")
    run_in(tree, "dvc", "remote", "add", "-d", "store", "s3://results/dvc")
    run_in(tree, "dvc", "remote", "modify", "store", "endpointurl", bucket)
    git(tree, "commit", "-qm", "a remote", ".dvc/config")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(tree), str(clone))
    assert not (clone / "dvc.lock").exists()
    site = with_site(tmp_path / "site", NO_TRAINING, clone)

    without = run_in(clone, "dvc", "repro", "--pull", "train", **site)
    assert "a training was started" in without.stderr
    pushed = run_in(tree, "dvc", "push", "--run-cache")
    assert pushed.returncode == 0, pushed.stderr
    done = run_in(clone, "dvc", "repro", "--pull", "train", **site)
    assert done.returncode == 0, done.stdout + done.stderr
    for path in sorted((tree / "results/models").iterdir()):
        assert (clone / "results/models" / path.name).read_bytes() == path.read_bytes()
