"""A team's store: PostgreSQL for the runs, an S3 protocol server for the files, many writers."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import boto3
import mlflow
import pytest
import requests
from moto.server import ThreadedMotoServer

from conftest import ROOT
from logged import ONE, Seen, assert_whole, start_logging
from stores import POSTGRESQL, free_port, postgresql, until
from synthetic import history, metadata, write_results
from vaepipe.core.errors import UserError
from vaepipe.params import Matrix
from vaepipe.results import Results, Run
from vaepipe.tracking.log_runs import log_runs
from vaepipe.tracking.ui import serving, wait_for_answer
from vaepipe.training.live import streaming

PLAIN = "only-for@tests"
PASSWORD = "only%2Dfor%40tests"  # the same, as an address holds it
pytestmark = pytest.mark.needs("postgresql")


@pytest.fixture(scope="module")
def postgres():
    """The address of an empty database, with a password in it."""
    with postgresql(PLAIN) as address:
        yield address


@pytest.fixture(scope="module")
def team(postgres):
    """The environment of every member of the team, with which this process runs, too."""
    objects = ThreadedMotoServer(ip_address="127.0.0.1", port=free_port(), verbose=False)
    objects.start()
    environment = {
        "MLFLOW_TRACKING_URI": postgres,
        "MLFLOW_DEFAULT_ARTIFACT_ROOT": "s3://team/mlflow",
        "MLFLOW_S3_ENDPOINT_URL": f"http://127.0.0.1:{objects._port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        boto3.client("s3", endpoint_url=environment["MLFLOW_S3_ENDPOINT_URL"]).create_bucket(
            Bucket="team"
        )
        yield environment
    objects.stop()


@pytest.fixture(scope="module")
def written(team, tmp_path_factory):
    """Results of four writers who logged at once, the first to do so in this store.

    Writers 0 and 1 have the same results, as two people have who ran the same version.
    """
    folders = [tmp_path_factory.mktemp(f"writer{i}") / "results" for i in range(4)]
    matrices = [Matrix(("vae", "cvae"), (3,), (seed,)) for seed in (0, 0, 1, 2)]
    written = [write_results(f, m) for f, m in zip(folders, matrices, strict=True)]
    writers = [start_logging(f, m, **team) for f, m in zip(folders, matrices, strict=True)]
    for writer in writers:
        writer.join(120)
    assert [writer.exitcode for writer in writers] == [0] * 4
    return list(zip(written, matrices, strict=True))


class SeenOf(Seen):
    """What the store has of one seed, and of the comparison of its runs."""

    def __init__(self, uri: str, seed: int):
        super().__init__(uri)
        ids = {r.info.run_id for r in self.runs if r.data.tags.get("seed") == str(seed)}

        def concerns(run) -> bool:
            links = run.data.tags.get("mlflow.note.content", "")
            return run.info.run_id in ids or any(run_id in links for run_id in ids)

        self.runs = [run for run in self.runs if concerns(run)]
        self.models = [model for model in self.models if model.source_run_id in ids]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_four_writers_at_once_lose_nothing(team, written, seed):
    seen = SeenOf(team["MLFLOW_TRACKING_URI"], seed)
    results, matrix = next((r, m) for r, m in written if m.seeds == (seed,))
    assert_whole(results, matrix, seen)
    for run in seen.runs:
        assert run.info.artifact_uri.startswith("s3://team/mlflow/")
    for model in seen.models:
        assert model.artifact_location.startswith("s3://team/mlflow/")


def test_every_writer_is_told_of_runs_that_are_there(team, written):
    ids = [log_runs(matrix, "vaepipe", results) for results, matrix in written]
    assert ids[0]["runs"] == ids[1]["runs"]
    assert ids[0]["comparison"] == ids[1]["comparison"]
    seen = Seen(team["MLFLOW_TRACKING_URI"])
    told = {i for one in ids for i in (*one["runs"].values(), one["comparison"])}
    # No file names the runs of means: only MLflow has them.
    assert told == {run.info.run_id for run in seen.runs if run.data.tags["kind"] != "cell"}


def test_the_registry_has_all_weights_once_and_the_best_as_champion(team, written):
    seen = Seen(team["MLFLOW_TRACKING_URI"])
    for name in ("vaepipe-vae", "vaepipe-cvae"):
        versions = [v for v in seen.versions if v.name == name]
        assert sorted(v.tags["seed"] for v in versions) == ["0", "1", "2"]
        best = min(versions, key=lambda v: float(v.tags["validation_loss"]))
        champion = seen.client.get_model_version_by_alias(name, "champion")
        assert champion.version == best.version


def test_a_model_comes_back_from_the_object_store(team, written, tmp_path):
    seen = Seen(team["MLFLOW_TRACKING_URI"])
    [model] = [m for m in seen.models if m.name == "vae-z3-s0"]
    mlflow.set_tracking_uri(team["MLFLOW_TRACKING_URI"])
    folder = Path(mlflow.artifacts.download_artifacts(f"models:/{model.model_id}"))
    [stored] = folder.glob("data/*.safetensors")
    results, _ = written[0]
    assert stored.read_bytes() == results.model(Run("vae", 3, 0)).read_bytes()


def kept(team: dict[str, str]) -> bytes:
    """All that is in the database and in the bucket."""
    dump = [POSTGRESQL / "pg_dump", team["MLFLOW_TRACKING_URI"]]
    tables = subprocess.run(dump, capture_output=True, check=True).stdout
    s3 = boto3.client("s3", endpoint_url=team["MLFLOW_S3_ENDPOINT_URL"])
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="team")
    keys = [entry["Key"] for page in pages for entry in page["Contents"]]
    objects = b"".join(s3.get_object(Bucket="team", Key=k)["Body"].read() for k in keys)
    assert b"vae-z3-s0" in tables
    assert b"safetensors" in objects
    return tables + objects


def test_the_password_is_nowhere(team, written, tmp_path, capfd):
    """Not in the database, not in the bucket, not in what is written down or said."""
    results, matrix = written[0]
    told = log_runs(matrix, "vaepipe", results)
    assert told["tracking_uri"].startswith("postgresql://ann:***@127.0.0.1:")
    said = capfd.readouterr()
    for form in (PASSWORD, PLAIN):
        assert form.encode() not in kept(team)
        assert form not in said.out + said.err + str(told)


def test_a_wrong_password_is_not_shown(team, written, monkeypatch):
    results, matrix = written[0]
    wrong = team["MLFLOW_TRACKING_URI"].replace(PASSWORD, "wr%2Dong")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", wrong)
    with pytest.raises(UserError, match="password authentication failed") as caught:
        log_runs(matrix, "vaepipe", results)
    assert "wr-ong" not in str(caught.value)
    assert "wr%2Dong" not in str(caught.value)


def test_the_ui_serves_the_teams_store(team, written, capfd):
    """The server is told the address in its environment: a command line is for all to see."""
    with serving(team["MLFLOW_TRACKING_URI"], free_port()) as base:
        seen = Seen(base)
        assert "vae-z3-s1" in seen.names()
        lines = b""
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):  # a process that has just ended
                lines += path.read_bytes()
        assert b"mlflow" in lines
        assert PASSWORD.encode() not in lines
    said = capfd.readouterr()
    assert PASSWORD not in said.out + said.err


SERVER_SECRETS = {
    "MLFLOW_FLASK_SERVER_SECRET_KEY": "only-for-tests-signs-cookies",
    "MLFLOW_AUTH_ADMIN_PASSWORD": "only-for-tests-administrator",
}
MEMBERS = {"eve": "only-for-tests-of-eve", "bob": "only-for-tests-of-bob"}


@pytest.fixture(scope="module")
def guarded(team, written, tmp_path_factory):
    """The set-up of docs/mlflow.md: a server that asks for a password; its URL and its log."""
    folder, port = tmp_path_factory.mktemp("guarded"), free_port()
    block = (ROOT / "docs/mlflow.md").read_text().partition("[mlflow]")[2].partition("\n\n")[0]
    settings = dict(line.replace(" ", "").split("=", 1) for line in block.split("\n") if line)
    settings["database_uri"] = team["MLFLOW_TRACKING_URI"].replace("%", "%%")
    lines = [f"{key} = {value}" for key, value in settings.items()]
    (folder / "auth.ini").write_text("\n".join(["[mlflow]", *lines]) + "\n")
    words = "-m mlflow server --app-name basic-auth --artifacts-destination s3://team/guarded"
    words = [*words.split(), "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    environment = os.environ | SERVER_SECRETS
    environment |= {
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"),
        "MLFLOW_BACKEND_STORE_URI": team["MLFLOW_TRACKING_URI"],
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    del environment["MLFLOW_DEFAULT_ARTIFACT_ROOT"]  # as docs have it: the server passes files on
    with (folder / "log").open("w") as log:
        child = subprocess.Popen(
            [sys.executable, *words], env=environment, stderr=log, stdout=log, cwd=folder
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for_answer(child, url, url)
        for name, password in MEMBERS.items():
            requests.post(
                f"{url}/api/2.0/mlflow/users/create",
                json={"username": name, "password": password},
                auth=("admin", SERVER_SECRETS["MLFLOW_AUTH_ADMIN_PASSWORD"]),
            ).raise_for_status()
        yield url, folder / "log"
    finally:
        child.terminate()
        child.wait(20)


def track(folder: Path, url: str, user: str = "", password: str = ""):
    """Run the stage `track` as one of the drivers does, by a member of the team."""
    # Members know neither the database nor the bucket.
    own = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MLFLOW_"))}
    environment = own | {"MLFLOW_TRACKING_URI": url}
    if user:
        environment |= {"MLFLOW_TRACKING_USERNAME": user, "MLFLOW_TRACKING_PASSWORD": password}
    words = [sys.executable, str(ROOT / "workflow/scripts/track.py"), "--results", str(folder)]
    words += ["--models", "vae", "--latent_dims", "3", "--seeds", "0", "--experiment", "guarded"]
    return subprocess.run(words, env=environment, capture_output=True, text=True)


def test_members_log_with_their_passwords_which_are_nowhere(
    team, guarded, tmp_path, monkeypatch, capfd
):
    url, log = guarded
    said = ""
    for i, (user, password) in enumerate(MEMBERS.items()):
        results = write_results(tmp_path / user, ONE, shift=i)
        done = track(results.folder, url, user, password)
        assert done.returncode == 0, done.stderr
        said += done.stdout + done.stderr
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "eve")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", MEMBERS["eve"])
    seen = Seen(url, "guarded")
    assert seen.names() == ["comparison"] * 2 + ["vae-z3"] * 2 + ["vae-z3-s0"] * 2
    assert {run.info.artifact_uri.partition(":")[0] for run in seen.runs} == {"mlflow-artifacts"}

    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "guarded")
    with streaming(Results(tmp_path / "live"), metadata(Run("vae", 3, 0))) as send:
        send(history(Run("vae", 3, 0))[0])
        until(lambda: len(Seen(url, "guarded").runs) == 7)

    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    captured = capfd.readouterr()
    said += captured.out + captured.err + log.read_text()
    everything = b"".join(files) + said.encode() + kept(team)
    for secret in (*MEMBERS.values(), *SERVER_SECRETS.values(), PASSWORD, PLAIN):
        assert secret.encode() not in everything


@pytest.mark.parametrize(("user", "password"), [("", ""), ("eve", "not-hers")])
def test_without_the_right_password_there_is_one_message(guarded, tmp_path, user, password):
    results = write_results(tmp_path / "results", ONE)
    done = track(results.folder, guarded[0], user, password)
    assert done.returncode == 1
    [message] = done.stderr.splitlines()
    assert "MLFLOW_TRACKING_USERNAME" in message
    assert "All results are kept" in message
    assert "not-hers" not in message
