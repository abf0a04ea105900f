"""Results for tests of tables, figures and page: every stage's files, of untrained models."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from made_claims import made_table, write_claims
from vaepipe.core.files import write_json, write_text
from vaepipe.core.rng import generator
from vaepipe.data.manifest import read_manifest
from vaepipe.evaluation.classifier import Classifier, ImageClassifier, save
from vaepipe.evaluation.compare import compare
from vaepipe.evaluation.metrics import METRICS
from vaepipe.evaluation.statistics import Moments
from vaepipe.figures.draw import draw_all
from vaepipe.figures.inputs import read
from vaepipe.models import Architecture, build, weights
from vaepipe.models.names import split
from vaepipe.params import Classify, Figures, Matrix
from vaepipe.report.page import render
from vaepipe.results import Results, Run, runs_of

ROOT = Path(__file__).parents[1]
OF_POSTERIOR = (
    "neg_elbo",
    "nll",
    "nll_marginal",
    "rate",
    "distortion",
    "bits_per_dim",
    "active_units",
)
PROTOCOL = {
    "data_set": "mnist",
    "split": "test",
    "images": 10_000,
    "importance_samples": 3,
    "evaluation_seed": 0,
}
PROVENANCE = {
    "git": {"commit": "0" * 40, "clean": True},
    "versions": {"python": "3.11.0", "vaepipe": "1.0"},
    "processor": "a processor",
    "committed_params": None,
    "classify": {},
    "changes": None,
}


def made_metrics(run: Run, rng: np.random.Generator) -> dict[str, float]:
    """Random metrics of a run: of those that its model has."""
    kind = split(run.model)[0]
    missing = () if kind == "cvae" else ("conditional_accuracy",)
    missing += OF_POSTERIOR if kind == "ae" else ()
    if kind == "gan":
        missing = METRICS.keys() - {"frechet_distance"}
    return {
        name: 50 + 10 * k + rng.normal() for k, name in enumerate(METRICS) if name not in missing
    }


def made_runs(
    folder: Path,
    matrix: Matrix,
    data: Path,
    binarize: str = "dynamic",
    hidden: tuple[int, ...] = (24, 12),
    activation: str = "tanh",
) -> Results:
    """The files of train, classify and evaluate for the matrix, under `folder`."""
    results = Results(folder)
    rng = np.random.default_rng(0)
    for run in runs_of(matrix):
        kind = split(run.model)[0]
        architecture = Architecture(kind, run.latent_dim, hidden, activation)
        model = build(architecture, generator(run.seed, "initialisation"))
        train = {"hidden": hidden, "activation": activation, "binarize": binarize, "epochs": 2}
        metadata = {"run": vars(run), "train": train, "data": read_manifest(data)}
        results.model(run).parent.mkdir(parents=True, exist_ok=True)
        weights.save(results.model(run), model.eval(), metadata)
        measured = {
            "metrics": made_metrics(run, rng),
            "protocol": PROTOCOL | {"binarize": binarize},
            "failed": None,
        }
        write_json(results.metrics(run), vars(run) | measured)
        terms = ("generator", "discriminator") if kind == "gan" else ("loss",)
        names = [f"{part}_{term}" for part in ("train", "validation") for term in terms]
        if model.variational:
            names += [f"validation_kl_{latent}" for latent in range(1, run.latent_dim + 1)]
        losses = [{"epoch": e} | dict.fromkeys(names, 200 - e) for e in (1, 2)]
        write_text(results.history(run), pd.DataFrame(losses).to_csv(index=False))
        cost = {"seconds": 1.5, "cpu_seconds": 1.25, "peak_memory_mib": 100.0, "cores": 2}
        write_json(results.timing(run), cost | {"device": "a processor"})
    write_json(results.classifier_metrics, {"test_accuracy": 98.75, "frechet_floor": 0.5})
    return results


def made_results(folder: Path, matrix: Matrix, data: Path, **settings: object) -> Results:
    """The files of `made_runs`, and those of compare, claims and provenance."""
    results = made_runs(folder, matrix, data, **settings)
    compare(matrix, data, results)
    write_json(results.provenance, PROVENANCE)
    write_claims(results, matrix, made_table(matrix) if len(matrix.seeds) > 1 else None)
    return results


def made_page(matrix: Matrix, figures: Figures, data: Path, results: Results) -> Path:
    """The page over those results, with all figures drawn."""
    draw_all(read(matrix, figures, data, results))
    write_text(results.report, page_of(matrix, figures, data, results))
    return results.report


def page_of(matrix: Matrix, figures: Figures, data: Path, results: Results) -> str:
    """The page as text, over figures that are drawn."""
    return render(matrix, figures, data, results, captions=ROOT / "workflow" / "report")


def made_classifier(path: Path) -> Path:
    """An untrained classifier's file."""
    standard_normal = Moments(torch.zeros(64).double(), torch.eye(64).double())
    made = ImageClassifier(Classifier().eval(), standard_normal)
    save(path, made, Classify(1, 100, 0.004, 0, "cpu", 1))
    return path
