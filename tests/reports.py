"""Results for tests of figures and page: every stage's files, from models that are not trained."""

from pathlib import Path

import numpy as np
import pandas as pd

from vaepipe.core.files import read_json, write_json, write_text
from vaepipe.core.rng import generator
from vaepipe.data.manifest import read_manifest
from vaepipe.evaluation.metrics import METRICS
from vaepipe.evaluation.tables import comparison_table, differences_table, metrics_table
from vaepipe.figures.draw import draw_all
from vaepipe.figures.inputs import read
from vaepipe.models import Architecture, build, weights
from vaepipe.params import Figures, Matrix
from vaepipe.report.page import render
from vaepipe.results import Results, Run, runs_of

ROOT = Path(__file__).parents[1]
OF_POSTERIOR = ("neg_elbo", "nll", "nll_marginal", "rate", "distortion", "bits_per_dim")


def made_up(run: Run, draw: np.random.Generator) -> dict[str, float]:
    """Metrics of a run; an AE has none of those that need a posterior."""
    names = [n for n in METRICS if not (run.model == "ae" and n in (*OF_POSTERIOR, "active_units"))]
    return {name: 50 + 10 * k + draw.normal() for k, name in enumerate(names)}


def made_results(
    folder: Path,
    matrix: Matrix,
    data: Path,
    binarize: str = "dynamic",
    hidden: tuple[int, ...] = (24, 12),
    activation: str = "tanh",
) -> Results:
    """The files of train, evaluate, compare and track for the matrix, under `folder`."""
    results = Results(folder)
    draw = np.random.default_rng(0)
    protocol = {
        "data_set": "mnist",
        "split": "test",
        "images": 10_000,
        "binarize": binarize,
        "importance_samples": 3,
        "evaluation_seed": 0,
        "test_images_among_training_images": 0,
        "classifier": {"test_accuracy": 98.75, "frechet_floor": 0.5},
    }
    measured = []
    for run in runs_of(matrix):
        architecture = Architecture(run.model, run.latent_dim, hidden, activation)
        model = build(architecture, generator(run.seed, "initialisation"))
        train = {"hidden": hidden, "activation": activation, "binarize": binarize, "epochs": 2}
        about = {"run": vars(run), "train": train, "data": read_manifest(data)}
        results.model(run).parent.mkdir(parents=True, exist_ok=True)
        weights.save(results.model(run), model.eval(), about)
        about = {"metrics": made_up(run, draw), "protocol": protocol, "failed": None}
        write_json(results.metrics(run), vars(run) | about)
        measured.append(read_json(results.metrics(run)))
        losses = [{"epoch": e, "train_loss": 200 - e, "validation_loss": 201 - e} for e in (1, 2)]
        write_text(results.history(run), pd.DataFrame(losses).to_csv(index=False))
        cost = {"seconds": 1.5, "cpu_seconds": 1.25, "peak_memory_mib": 100.0, "cores": 2}
        write_json(results.timing(run), cost | {"device": "a processor"})
    table = metrics_table(measured)
    write_text(results.metrics_table, table.to_csv(index=False))
    write_text(results.comparison_table, comparison_table(table).to_csv(index=False))
    write_text(results.differences_table, differences_table(table).to_csv(index=False))
    write_json(results.protocol, protocol)
    ids = {run.name: f"{k:032x}" for k, run in enumerate(runs_of(matrix))}
    store = {"tracking_uri": "sqlite:///results/mlflow.db", "experiment_id": "1"}
    write_json(folder / "mlflow.json", store | {"runs": ids, "comparison": "c" * 32})
    return results


def made_page(matrix: Matrix, figures: Figures, data: Path, results: Results) -> Path:
    """The page over those results, with all figures drawn."""
    draw_all(read(matrix, figures, data, results))
    out = results.folder / "report.html"
    captions = ROOT / "workflow" / "report"
    tried = ROOT / "docs" / "reliability.json"
    write_text(out, render(matrix, figures, data, results, captions, tried, out))
    return out
