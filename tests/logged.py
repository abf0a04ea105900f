"""A look at what MLflow has, and logging that is killed."""

import multiprocessing
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from vaepipe.core.files import read_json
from vaepipe.figures import NAMES
from vaepipe.params import Matrix
from vaepipe.results import Results, Run, runs_of
from vaepipe.tracking.log_runs import log_runs

ALL = Matrix(("ae", "vae", "cvae"), (3,), (0,))
ONE = Matrix(("vae",), (3,), (0,))

# A server that has imported everything and forks: what is killed is logging, not an import.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["logged"])


def start_logging(
    folder: Path, matrix: Matrix, **environment: str
) -> multiprocessing.process.BaseProcess:
    """Log the results of a folder in a process of its own."""
    process = PROCESSES.Process(target=_log, args=(folder, matrix, environment), daemon=True)
    process.start()
    return process


def _log(folder: Path, matrix: Matrix, environment: dict[str, str]) -> None:
    os.environ |= environment
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    log_runs(matrix, "vaepipe", Results(folder))


class Killed(BaseException):
    """Like SIGKILL between two calls to MLflow: nothing that catches an `Exception` notices."""


@contextmanager
def writes(killed_at: int = -1) -> Iterator[list[str]]:
    """All calls to MLflow's client that write, as they come; before that one, it is killed."""
    calls: list[str] = []

    def counted(name: str, method: Callable) -> Callable:
        def call(*words: Any, **named: Any) -> Any:
            if len(calls) == killed_at:
                raise Killed
            calls.append(name)
            return method(*words, **named)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name, method in list(vars(MlflowClient).items()):
            if not name.startswith(("_", "get_", "search_")) and callable(method):
                patch.setattr(MlflowClient, name, counted(name, method))
        yield calls


class Seen:
    """All that a store holds of an experiment."""

    def __init__(self, uri: str, experiment: str = "vaepipe"):
        self.client = MlflowClient(uri, registry_uri=uri)
        self.experiment_id = self.client.get_experiment_by_name(experiment).experiment_id
        self.runs = self.client.search_runs([self.experiment_id])
        self.models = self.client.search_logged_models([self.experiment_id], max_results=1000)
        ids = {run.info.run_id for run in self.runs}
        versions = self.client.search_model_versions("name LIKE 'vaepipe-%'")
        self.versions = [version for version in versions if version.run_id in ids]

    def names(self) -> list[str]:
        return sorted(run.info.run_name for run in self.runs)

    def run(self, name: str):
        [found] = [run for run in self.runs if run.info.run_name == name]
        return found

    def points(self, name: str) -> dict[tuple[str, int], float]:
        """Every logged point of a run by metric and step; none may be there twice.

        System metrics are left out.
        """
        run = self.run(name)
        names = [m for m in run.data.metrics if not m.startswith("system/")]
        points = [p for m in names for p in self.client.get_metric_history(run.info.run_id, m)]
        found = {(p.key, p.step): p.value for p in points}
        assert len(found) == len(points)
        return found

    def files(self, name: str, folder: str = "") -> set[str]:
        listed = self.client.list_artifacts(self.run(name).info.run_id, folder or None)
        return {Path(f.path).name for f in listed}


def expected_points(run: Run, results: Results) -> dict[tuple[str, int], float]:
    """The points that the files of a run hold, read without this project's code for tracking."""
    measured = read_json(results.metrics(run))["metrics"]
    points = {(f"test/{k}", 0): v for k, v in measured.items() if not k.endswith("_sem")}
    points |= {(f"sem/{k[:-4]}", 0): v for k, v in measured.items() if k.endswith("_sem")}
    cost = read_json(results.timing(run))
    points |= {(f"cost/{k}", 0): cost[k] for k in ("cpu_seconds", "seconds", "peak_memory_mib")}
    lines = results.history(run).read_text().splitlines()
    columns = lines[0].split(",")
    for line in lines[1:]:
        row = dict(zip(columns, map(float, line.split(",")), strict=True))
        step = int(row["epoch"])
        points["train/learning_rate", step] = row.pop("learning_rate")
        for column in row.keys() - {"epoch"}:  # train_loss, validation_rate, validation_kl_1
            name = re.sub(r"validation_kl_(\d)$", r"kl/latent_0\1", column)
            points[name if name != column else column.replace("_", "/", 1), step] = row[column]
    return points


def assert_whole(results: Results, matrix: Matrix, seen: Seen) -> None:
    """Runs, means over seeds and the comparison are there once, with all they should hold."""
    means = {f"{run.model}-z{run.latent_dim}" for run in runs_of(matrix)}
    assert seen.names() == sorted([*(run.name for run in runs_of(matrix)), *means, "comparison"])
    assert {run.info.status for run in seen.runs} == {"FINISHED"}
    assert len(seen.models) == len(runs_of(matrix))
    assert {model.status for model in seen.models} == {"READY"}
    for run in runs_of(matrix):
        assert seen.points(run.name) == expected_points(run, results)
        assert seen.files(run.name, "figures") == {f"{run.name}.png"}
        assert seen.files(run.name) == {f"{run.name}.csv", f"{run.name}.json", "figures"}
    assert seen.files("comparison", "figures") == {f"{name}.png" for name in NAMES}
    assert seen.files("comparison") == {
        "metrics.csv",
        "comparison.csv",
        "differences.csv",
        "protocol.json",
        "report.html",
        "answers.json",
        "figures",
    }
