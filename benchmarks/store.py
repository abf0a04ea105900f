"""Whether 1,000 runs in the store slow `track` down: python benchmarks/store.py RESULTS

Logs the results of a matrix to a store with no other runs and to one with 1,000, in turn: first
anew, and then once more, when all of it is there. Reported is the processor time with the other
runs divided by that without; the median over the rounds, and the range.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

from vaepipe.core.files import read_json
from vaepipe.evaluation.metrics import METRICS
from vaepipe.params import Matrix
from vaepipe.results import Results
from vaepipe.tracking.address import store_uri
from vaepipe.tracking.log_runs import log_runs
from vaepipe.tracking.store import connect

STAGES = ("anew", "again")


def fill(results: Results, runs: int) -> None:
    """Runs of other versions: as many metrics, params and tags as one of the default params."""
    store = connect(store_uri(results), "vaepipe", results)
    values, now = random.Random(0), int(time.time() * 1000)
    for number in range(runs):
        made = store.client.create_run(store.experiment_id, run_name=f"vae-z20-s{number}")
        metrics = [Metric(f"test/{name}", values.random(), now, 0) for name in METRICS]
        names = ("train/loss", "train/rate", "train/distortion", "validation/loss")
        metrics += [Metric(n, values.random(), now, epoch) for n in names for epoch in range(1, 5)]
        params = [Param(f"train.{i}", str(i)) for i in range(20)]
        tags = {"model": "vae", "latent_dim": "20", "seed": str(number), "digest": f"{number:032x}"}
        tags |= {"writer": "another", "report_version": f"{number // 18:012x}"}
        tags = [RunTag(*item) for item in tags.items()]
        store.client.log_batch(made.info.run_id, metrics, params, tags)
        store.client.set_terminated(made.info.run_id)


def seconds(matrix: Matrix, folder: Path) -> dict[str, float]:
    """Processor time of logging, in a process of its own, without its imports."""
    words = [sys.executable, __file__, "--measure", json.dumps(vars(matrix)), str(folder)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure(matrix: Matrix, results: Results) -> dict[str, float]:
    # The first look at a database loads much of MLflow.
    MlflowClient(store_uri(results)).search_experiments()
    times = [time.process_time()]
    for _ in STAGES:
        log_runs(matrix, "vaepipe", results)
        times.append(time.process_time())
    return {stage: b - a for stage, a, b in zip(STAGES, times, times[1:], strict=False)}


def matrix_of(names: Iterable[str]) -> Matrix:
    """The matrix of runs such as `vae-z20-s0`."""
    models, sizes, seeds = zip(*(name.split("-") for name in names), strict=True)
    numbers = (tuple(dict.fromkeys(int(word[1:]) for word in words)) for words in (sizes, seeds))
    return Matrix(tuple(dict.fromkeys(models)), *numbers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="folder of all results; it stays as it is")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    flags = parser.parse_args()
    os.environ["MLFLOW_TRACKING_URI"] = ""
    if flags.measure:
        matrix = Matrix(**{k: tuple(v) for k, v in json.loads(flags.measure).items()})
        print(json.dumps(measure(matrix, Results(flags.results))))
        return

    matrix = matrix_of(read_json(Results(flags.results).mlflow_runs)["runs"])
    with TemporaryDirectory() as name:
        stores = {0: Path(name, "none"), flags.runs: Path(name, "many")}
        for count, folder in stores.items():
            shutil.copytree(flags.results, folder, ignore=shutil.ignore_patterns("ml*"))
            fill(Results(folder), count)
        times = {count: [] for count in stores}
        for number in range(flags.rounds):
            for count, folder in random.Random(number).sample(list(stores.items()), 2):
                copy = Path(name, "copy")
                shutil.copytree(folder, copy)
                times[count].append(seconds(matrix, copy))
                shutil.rmtree(copy)
    for stage in STAGES:
        none, many = ([one[stage] for one in times[count]] for count in stores)
        ratios = [b / a for a, b in zip(none, many, strict=True)]
        print(
            f"{stage}: {statistics.median(none):.2f} s without other runs,"
            f" {statistics.median(many):.2f} s with {flags.runs}, ratio"
            f" {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        )


if __name__ == "__main__":
    main()
