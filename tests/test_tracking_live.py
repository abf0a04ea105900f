"""Metrics that are sent to MLflow's server while training runs, and a server that fails."""

import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from mlflow import MlflowClient

from conftest import ROOT
from logged import ONE, Seen, assert_whole
from servers import refusing
from stores import Server, silent, slow, until
from synthetic import history, metadata, write_results
from vaepipe.params import check_file
from vaepipe.results import Results, Run
from vaepipe.tracking.log_runs import log_runs
from vaepipe.tracking.stream import StreamedRun
from vaepipe.training.live import streaming

VAE = Run("vae", 3, 0)
SYSTEM = "system/cpu_utilization_percentage"


@pytest.fixture(scope="module")
def server(tmp_path_factory, schema):
    folder = tmp_path_factory.mktemp("server")
    one = Server(folder, schema)
    yield one
    one.close()


@pytest.fixture
def live(server, monkeypatch, tmp_path) -> Results:
    """A results folder whose runs are logged to the server, in an experiment of the test's own."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", tmp_path.name)
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "1")
    return Results(tmp_path / "results")


def logged(server: Server, name: str) -> dict[str, float]:
    """The last value of each metric of the experiment's only run."""
    client = MlflowClient(server.uri)
    found = client.get_experiment_by_name(name)
    runs = client.search_runs([found.experiment_id]) if found else []
    return {"run_id": runs[0].info.run_id, **runs[0].data.metrics} if runs else {}


def test_metrics_of_run_and_machine_are_there_while_training_runs(server, live, tmp_path):
    name, rows = tmp_path.name, history(VAE)
    with streaming(live, metadata(VAE)) as send:
        # More than a pipe takes at once: `track` logs the KL terms of so many latents.
        send(rows[0] | {f"validation_kl_{number}": 0.123 for number in range(200)})
        until(lambda: logged(server, name).get("validation/loss") == rows[0]["validation_loss"])
        until(lambda: SYSTEM in logged(server, name))
        for row in rows[1:]:
            send(row)
        until(lambda: logged(server, name).get("train/loss") == rows[-1]["train_loss"])
        streamed = logged(server, name)["run_id"]

    write_results(live.folder, ONE)
    assert log_runs(ONE, name, live)["runs"][VAE.name] == streamed
    seen = Seen(server.url, name)
    machine = {m for m in seen.run(VAE.name).data.metrics if m.startswith("system/")}
    assert machine >= {SYSTEM, "system/system_memory_usage_megabytes"}
    assert_whole(live, ONE, seen)


def test_a_run_of_other_code_is_replaced(server, live, tmp_path):
    """What was streamed with the same settings, but is not what the files say, is not completed."""
    name = tmp_path.name
    with streaming(live, metadata(VAE)) as send:
        send(history(VAE, shift=1.0)[0])
        until(lambda: "train/loss" in logged(server, name))
        streamed = logged(server, name)["run_id"]
    write_results(live.folder, ONE)
    assert log_runs(ONE, name, live)["runs"][VAE.name] != streamed
    assert_whole(live, ONE, Seen(server.url, name))


def test_training_that_broke_off_goes_on_in_the_same_run(server, live, tmp_path, monkeypatch):
    monkeypatch.setattr("vaepipe.training.live.PATIENCE", 1e6)
    name, rows = tmp_path.name, history(VAE)

    def state() -> str:
        return MlflowClient(server.uri).get_run(logged(server, name)["run_id"]).info.status

    def steps() -> list[int]:
        run_id = logged(server, name)["run_id"]
        points = MlflowClient(server.uri).get_metric_history(run_id, SYSTEM)
        return [p.step for p in sorted(points, key=lambda p: p.timestamp)]

    def broken_off() -> None:
        with streaming(live, metadata(VAE)) as send:
            send(rows[0])
            until(lambda: "train/loss" in logged(server, name))
            until(lambda: len(steps()) >= 2)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert state() == "FAILED"
    before = steps()
    with streaming(live, metadata(VAE)) as send:
        for row in rows[1:]:
            send(row)
        until(lambda: logged(server, name).get("train/loss") == rows[-1]["train_loss"])
        assert state() == "RUNNING"
        until(lambda: len(steps()) >= len(before) + 2)
    assert steps() == list(range(len(steps()))), "the system metrics go on counting"
    assert len(Seen(server.url, name).runs) == 1


@pytest.mark.timeout(120)  # a row that waits for the server would wait for ever
def test_a_silent_server_never_makes_training_wait(live, monkeypatch, capfd):
    """With 10,000 rows, pipe and buffers are full: what does not fit is dropped."""
    patience = []

    class Child(subprocess.Popen):
        def wait(self, timeout=None):
            patience.append(timeout)
            return super().wait(timeout if timeout is None else 0.01)

    monkeypatch.setattr("vaepipe.training.live.Popen", Child)
    clock = iter((100.0, 600.0))
    monkeypatch.setattr("vaepipe.training.live.time.monotonic", lambda: next(clock))
    with silent() as url:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
        with streaming(live, metadata(VAE)) as send:
            for _ in range(10_000):
                send(history(VAE)[0])
    assert patience[0] <= 0.05 * 500
    assert patience[1:] == [None], "what does not end by itself is ended"


# A training of which the first epoch waits for a line on stdin, once it was sent.
WAITING = """
import runpy, sys
from contextlib import contextmanager
from vaepipe.training import live
real = live.streaming
@contextmanager
def streaming(*words):
    with real(*words) as send:
        def send_and_wait(row):
            send(row)
            if row["epoch"] == 1:
                sys.stdin.readline()
        yield send_and_wait
live.streaming = streaming
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def training(data: Path, results: Path, url: str, experiment: str) -> subprocess.Popen:
    """A real training, beside results of the other stages."""
    write_results(results, ONE)
    words = [sys.executable, "-c", WAITING, str(ROOT / "workflow/scripts/train.py")]
    words += ["--model", "vae", "--latent_dim", "3", "--seed", "0"]
    settings = asdict(check_file(ROOT / "params.yaml").train)
    settings |= {"hidden": [16], "epochs": 3, "batch_size": 1000, "device": "cpu"}
    for name, value in settings.items():
        words += [f"--{name}", *map(str, value if isinstance(value, list | tuple) else [value])]
    words += ["--data", str(data), "--results", str(results)]
    environment = os.environ | {"MLFLOW_TRACKING_URI": url, "MLFLOW_EXPERIMENT_NAME": experiment}
    return subprocess.Popen(words, env=environment, stdin=subprocess.PIPE)


@pytest.fixture(scope="module")
def without(mnist_folder, tmp_path_factory) -> Results:
    """What a training writes of which no server is told."""
    results = Results(tmp_path_factory.mktemp("without"))
    child = training(mnist_folder, results.folder, "", "")
    child.communicate(b"\n")
    assert child.returncode == 0
    return results


@pytest.mark.parametrize("fault", ["silent", "slow", "killed"])
def test_training_gives_the_same_bits_and_track_the_rest(
    server, without, mnist_folder, tmp_path, fault
):
    """Whatever the server does meanwhile."""
    results, streamed = Results(tmp_path / "results"), None
    with silent() as nobody, slow(server.port, 1.0) as behind:
        url = {"silent": nobody, "slow": behind, "killed": server.url}[fault]
        child = training(mnist_folder, results.folder, url, tmp_path.name)
        if fault != "silent":
            until(lambda: "train/loss" in logged(server, tmp_path.name))
            streamed = logged(server, tmp_path.name)["run_id"]
        if fault == "killed":
            server.kill()
        child.communicate(b"\n")
    assert child.returncode == 0
    for file in (Results.model, Results.history):
        assert file(results, VAE).read_bytes() == file(without, VAE).read_bytes()

    if fault == "killed":
        server.start()
    words = [sys.executable, str(ROOT / "workflow/scripts/track.py"), "--models", "vae"]
    words += ["--latent_dims", "3", "--seeds", "0", "--experiment", tmp_path.name]
    words += ["--results", str(results.folder)]
    environment = os.environ | {"MLFLOW_TRACKING_URI": server.url}
    subprocess.run(words, env=environment, check=True)
    seen = Seen(server.url, tmp_path.name)
    assert_whole(results, ONE, seen)
    if streamed:
        assert seen.run(VAE.name).info.run_id == streamed


def test_more_rows_than_one_call_takes_arrive(server, live, tmp_path):
    """Such as those of an hour in which the server was away."""
    rows = history(VAE, epochs=400)
    run = StreamedRun(live, metadata(VAE))
    run.log(rows)
    assert not run.waiting
    assert logged(server, tmp_path.name)["train/loss"] == rows[-1]["train_loss"]


def test_a_password_in_the_address_is_not_shown(live, monkeypatch, capfd):
    """Said once, however many rows there are; training is not disturbed."""
    monkeypatch.setattr("vaepipe.training.live.PATIENCE", 1e6)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    url = refusing().replace("//", "//ann:s3cr%40t@")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    with streaming(live, metadata(VAE)) as send:
        for row in history(VAE):
            send(row)
    [said] = capfd.readouterr().err.splitlines()
    assert "ann:***@127.0.0.1" in said
    assert "can't be used" in said
    assert "Training goes on" in said
    assert "s3cr" not in said


def test_streaming_does_not_import_torch():
    """The process beside the training would take its memory a second time."""
    code = "import sys, vaepipe.tracking.stream; print('torch' in sys.modules)"
    words = [sys.executable, "-c", code]
    assert subprocess.run(words, capture_output=True, text=True).stdout == "False\n"
