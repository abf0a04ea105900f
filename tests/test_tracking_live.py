"""Metrics that stream to MLflow's server while training runs, and a server that fails."""

import os
import subprocess
import sys
import time
from dataclasses import asdict

import pytest
from mlflow import MlflowClient

from conftest import ROOT
from published import ONE, Seen, about, assert_whole, history, write_results
from stores import Server, silent, until
from vaepipe.params import check_file
from vaepipe.runs import Results, Run
from vaepipe.tracking.live import streaming
from vaepipe.tracking.publish import track

VAE = Run("vae", 3, 0)


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
    with streaming(live, about(VAE)) as send:
        send(rows[0])
        until(lambda: logged(server, name).get("validation/loss") == rows[0]["validation_loss"])
        until(lambda: any(m.startswith("system/cpu") for m in logged(server, name)))
        for row in rows[1:]:
            send(row)
        until(lambda: logged(server, name).get("train/loss") == rows[-1]["train_loss"])
        streamed = logged(server, name)["run_id"]

    write_results(live.folder, ONE)
    assert track(ONE, name, live)["runs"][VAE.name] == streamed
    seen = Seen(server.url, name)
    machine = {m for m in seen.run(VAE.name).data.metrics if m.startswith("system/")}
    assert machine >= {"system/cpu_utilization_percentage", "system/system_memory_usage_megabytes"}
    assert_whole(live, ONE, seen)


def test_a_server_that_goes_away_is_filled_in_later(server, live, tmp_path, capfd):
    name, rows = tmp_path.name, history(VAE)
    with streaming(live, about(VAE)) as send:
        send(rows[0])
        until(lambda: "train/loss" in logged(server, name))
        streamed = logged(server, name)["run_id"]
        server.stop()
        start = time.monotonic()
        for row in rows[1:]:
            send(row)
        assert time.monotonic() - start < 0.5
    server.start()
    write_results(live.folder, ONE)
    assert track(ONE, name, live)["runs"][VAE.name] == streamed
    assert_whole(live, ONE, Seen(server.url, name))


def test_a_run_of_other_code_is_replaced(server, live, tmp_path):
    """What was streamed with the same settings, but is not what the files say, is not completed."""
    name = tmp_path.name
    with streaming(live, about(VAE)) as send:
        send(history(VAE, shift=1.0)[0])
        until(lambda: "train/loss" in logged(server, name))
        streamed = logged(server, name)["run_id"]
    write_results(live.folder, ONE)
    assert track(ONE, name, live)["runs"][VAE.name] != streamed
    assert_whole(live, ONE, Seen(server.url, name))


def test_training_that_broke_off_goes_on_in_the_same_run(server, live, tmp_path):
    name, rows = tmp_path.name, history(VAE)

    def state() -> str:
        return MlflowClient(server.uri).get_run(logged(server, name)["run_id"]).info.status

    def broken_off() -> None:
        with streaming(live, about(VAE)) as send:
            send(rows[0])
            until(lambda: "train/loss" in logged(server, name))
            time.sleep(5)  # of which training may wait for a share
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert state() == "FAILED"
    with streaming(live, about(VAE)) as send:
        for row in rows[1:]:
            send(row)
        until(lambda: logged(server, name).get("train/loss") == rows[-1]["train_loss"])
        assert state() == "RUNNING"
    assert len(Seen(server.url, name).runs) == 1


@pytest.mark.parametrize("rows", [30, 1000])
def test_a_silent_server_costs_training_less_than_5_percent(live, monkeypatch, rows):
    """With 1,000 rows, the pipe is long full: what does not fit is dropped."""
    work = 4.0
    with silent() as url:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
        row = history(VAE)[0]
        start = time.perf_counter()
        with streaming(live, about(VAE)) as send:
            for _ in range(rows):
                send(row)
            time.sleep(work)
        assert time.perf_counter() - start < 1.05 * work


def test_training_gives_the_same_bits_with_a_server_that_never_answers(mnist_folder, tmp_path):
    words = [sys.executable, str(ROOT / "workflow/scripts/train.py")]
    words += ["--model", "vae", "--latent_dim", "3", "--seed", "0"]
    settings = asdict(check_file(ROOT / "params.yaml").train)
    settings |= {"hidden": [16], "epochs": 2, "batch_size": 1000, "device": "cpu"}
    for name, value in settings.items():
        words += [f"--{name}", *map(str, value if isinstance(value, list | tuple) else [value])]
    words += ["--data", str(mnist_folder), "--results"]
    with silent() as url:
        for folder, uri in (("without", ""), ("with", url)):
            environment = os.environ | {"MLFLOW_TRACKING_URI": uri}
            done = subprocess.run([*words, str(tmp_path / folder)], env=environment)
            assert done.returncode == 0
    for file in ("models/vae-z3-s0.safetensors", "history/vae-z3-s0.csv"):
        assert (tmp_path / "with" / file).read_bytes() == (tmp_path / "without" / file).read_bytes()


def test_training_does_not_import_mlflow():
    code = "import runpy, sys; runpy.run_path(sys.argv[1]); print('mlflow' in sys.modules)"
    script = str(ROOT / "workflow/scripts/train.py")
    done = subprocess.run([sys.executable, "-c", code, script], capture_output=True, text=True)
    assert done.stdout == "False\n"
