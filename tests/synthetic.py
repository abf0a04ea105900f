"""Results as the stages leave them, from models that are not trained."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pandas as pd

from vaepipe.core.files import read_json, write_json, write_text
from vaepipe.core.provenance import versions
from vaepipe.core.rng import generator
from vaepipe.evaluation.metrics import METRICS
from vaepipe.evaluation.tables import comparison_table, differences_table, metrics_table
from vaepipe.figures import NAMES
from vaepipe.models import Architecture, build, weights
from vaepipe.models.names import split
from vaepipe.params import Matrix
from vaepipe.report.answers_file import answers
from vaepipe.results import Results, Run, runs_of

MANIFEST = {
    "data_set": "mnist",
    "files": {"train-images-idx3-ubyte": {"sha256": "ab" * 32, "bytes": 784, "shape": [1, 28, 28]}},
}
TRAIN = {"hidden": [16], "activation": "silu", "binarize": "dynamic", "epochs": 3}
PROTOCOL = {
    "data_set": "mnist",
    "split": "test",
    "images": 10_000,
    "binarize": "dynamic",
    "importance_samples": 5,
    "evaluation_seed": 0,
    "test_images_among_training_images": 0,
    "classifier": {"test_accuracy": 98.75, "frechet_floor": 0.5},
}
PROVENANCE = {
    "git": {"commit": "c0ffee" * 6 + "c0ff", "clean": True},
    "versions": versions(),
    "processor": "a processor",
    "committed_params": None,
    "classify": {},
    "changes": None,
}
COST = {
    "started": 1_764_000_000.25,
    "ended": 1_764_000_001.75,
    "seconds": 1.5,
    "cpu_seconds": 1.25,
    "peak_memory_mib": 100.0,
    "cores": 2,
}
COST |= {"device": "a processor"}
# Metrics that an AE has none of.
OF_POSTERIOR = {"neg_elbo", "nll", "nll_marginal", "bits_per_dim", "rate", "distortion"}
OF_POSTERIOR |= {"active_units"}


def metadata(run: Run, **changed: Any) -> dict[str, Any]:
    """What the weights file says of the run; `data` and `train` may be changed."""
    return {"run": vars(run), "train": TRAIN, "data": MANIFEST} | changed


def history(run: Run, epochs: int = 3, shift: float = 0.0) -> list[dict[str, float]]:
    """Losses with all their digits, so that a value that lost some is noticed."""
    rng = np.random.default_rng(run.seed + 10 * run.latent_dim)
    return [
        {
            "epoch": epoch,
            "learning_rate": 0.005 / 3**epoch,
            "train_loss": 200 / epoch + shift + rng.random(),
            "validation_loss": 210 / epoch + shift + rng.random(),
        }
        | ({"validation_kl_1": 9 - 8 / epoch} if run.model != "ae" else {})
        for epoch in range(1, epochs + 1)
    ]


def made_up_metrics(run: Run, shift: float = 0.0) -> dict[str, float]:
    """Every metric that the model has, with its standard error."""
    rng = np.random.default_rng([run.seed, run.latent_dim, *run.model.encode()])
    names = [n for n in METRICS if not (run.model == "ae" and n in OF_POSTERIOR)]
    values = {name: 50 + 10 * k + shift + rng.normal() for k, name in enumerate(names)}
    return values | {f"{name}_sem": 1 / 7 for name in names}


def write_run(
    run: Run,
    results: Results,
    shift: float = 0.0,
    test_shift: float = 0.0,
    data: Mapping[str, Any] = MANIFEST,
    train: Mapping[str, Any] = TRAIN,
) -> None:
    """The files of train, evaluate and figures for one run.

    Args:
        shift: another one gives other weights, losses and figures; it is added to the metrics, too.
        test_shift: added to the test metrics alone.
    """
    a = Architecture(
        split(run.model)[0], run.latent_dim, tuple(train["hidden"]), train["activation"]
    )
    model = build(a, generator(run.seed, f"initialisation {shift}" if shift else "initialisation"))
    about = metadata(run, data=data, train=train)
    results.model(run).parent.mkdir(parents=True, exist_ok=True)
    weights.save(results.model(run), model.eval(), about)
    rows = pd.DataFrame(history(run, train["epochs"], shift))
    write_text(results.history(run), rows.to_csv(index=False))
    write_json(results.timing(run), COST)
    write_json(
        results.metrics(run),
        vars(run)
        | {
            "metrics": made_up_metrics(run, shift + test_shift),
            "protocol": PROTOCOL | {"binarize": train["binarize"], "data_set": data["data_set"]},
            "failed": None,
        },
    )
    draw(results.figure(run.name), shift)


def draw(path: Path, shift: float) -> None:
    """A tiny figure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    matplotlib.image.imsave(path, np.full((8, 8), shift), vmin=0, vmax=100)


def write_tables(results: Results, matrix: Matrix, shift: float = 0.0) -> None:
    """The files of compare, figures, provenance and report over the runs that are there."""
    measured = [read_json(results.metrics(run)) for run in runs_of(matrix)]
    table = metrics_table(measured)
    write_text(results.metrics_table, table.to_csv(index=False))
    write_text(results.comparison_table, comparison_table(table).to_csv(index=False))
    write_text(results.differences_table, differences_table(table).to_csv(index=False))
    write_json(results.protocol, measured[0]["protocol"] | {"failed_runs": []})
    for name in NAMES:
        draw(results.figure(name), shift)
    write_json(results.provenance, PROVENANCE)
    write_text(results.report, "<!doctype html><title>A report</title><h1>A report</h1>")
    write_json(results.answers, answers(matrix, results))


def write_results(
    folder: Path,
    matrix: Matrix,
    shift: float = 0.0,
    data: Mapping[str, Any] = MANIFEST,
    train: Mapping[str, Any] = TRAIN,
) -> Results:
    """The files of all stages up to `report`, in a results folder."""
    results = Results(folder)
    for run in runs_of(matrix):
        write_run(run, results, shift, data=data, train=train)
    write_tables(results, matrix, shift)
    return results
