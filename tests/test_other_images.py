"""Images that are not MNIST's go through every stage: no labels, colour, another size."""

from dataclasses import replace

import numpy as np
import pytest

from conftest import ROOT
from synthetic import PROVENANCE
from vaepipe import params
from vaepipe.claims.job import claims
from vaepipe.core.errors import UserError
from vaepipe.core.files import read_json, read_table, write_json
from vaepipe.data.sources import fetch
from vaepipe.evaluation.classifier import classify
from vaepipe.evaluation.compare import compare
from vaepipe.evaluation.evaluate import evaluate_files
from vaepipe.figures.draw import draw_all
from vaepipe.figures.inputs import read
from vaepipe.report.page import render
from vaepipe.results import Results, Run, runs_of
from vaepipe.training.job import train_runs

pytestmark = pytest.mark.slow
SETTINGS = params.check_file(ROOT / "params.yaml")
FIGURES = params.Figures(images=4, digits=20, points=60, dpi=50)
EVALUATE = params.Evaluate(2, 200, 100, 100, 0, "all", "cpu", 1)
CLAIMS = replace(SETTINGS.claims, images=60, samples=60, posterior_draws=2)
CLASSIFY = params.Classify(1, 20, 0.004, 0, "cpu", 1)
TRAIN = replace(
    SETTINGS.train, hidden=(8,), epochs=1, batch_size=20, validation=40, device="cpu",
    binarize="none", likelihood="logistic",
)  # fmt: skip


def stages(tmp_path, matrix, train=TRAIN, **arrays) -> tuple[Results, str]:
    """All stages up to the page over a small .npz file."""
    np.savez(tmp_path / "a.npz", **arrays)
    data, results = tmp_path / "data", Results(tmp_path / "results")
    fetch("npz", data, str(tmp_path / "a.npz"))
    classify(CLASSIFY, data, results)
    for run in runs_of(matrix):
        train_runs([run], train, data, results, {})
        [found] = evaluate_files([results.model(run)], results.classifier, EVALUATE, data)
        write_json(results.metrics(run), found)
    compare(matrix, data, results)
    claims(matrix, CLAIMS, data, results)
    draw_all(read(matrix, FIGURES, data, results))
    write_json(results.provenance, PROVENANCE)
    return results, render(matrix, FIGURES, data, results, ROOT / "workflow/report")


def images(n: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(n).integers(0, 256, (n, *shape), np.uint8)


def test_images_without_labels(tmp_path):
    matrix = params.Matrix(("ae", "vae"), (2,), (0,))
    arrays = {"train_images": images(200, 9, 8), "test_images": images(60, 9, 8)}
    results, page = stages(tmp_path, matrix, **arrays)
    found = set(read_table(results.comparison_table)["metric"])
    assert {"nll", "bits_per_dim", "prior_mmd"} <= found
    assert not found & {"probe_accuracy", "knn_accuracy", "frechet_distance"}
    assert read_json(results.classifier_metrics) == {}
    assert "The images have no labels" in page
    # And a model that is given the label is refused.
    with pytest.raises(UserError, match=r"cvae is given labels.*matrix.models"):
        train_runs([Run("cvae", 2, 0)], TRAIN, tmp_path / "data", results, {})


def test_colour_images_of_twelve_named_classes(tmp_path):
    names = [f"kind {chr(97 + k)}" for k in range(12)]
    (tmp_path / "classes.txt").write_text("\n".join(names))
    labels = np.arange(240) % 12
    matrix = params.Matrix(("cvae",), (2,), (0,))
    results, page = stages(
        tmp_path,
        matrix,
        train_images=images(240, 8, 8, 3),
        train_labels=labels,
        test_images=images(60, 8, 8, 3),
        test_labels=labels[:60],
    )
    assert "digit " not in page
    assert "kind l" in page
    for name in ("structure", "manifold"):
        svg = results.figure(name).with_suffix(".svg").read_text()
        assert "digit" not in svg
    bits = read_table(results.comparison_table).set_index("metric")["mean"]["bits_per_dim"]
    # Noise of 256 levels can't be told in less than 8 bits.
    assert bits > 7.9


def test_pixels_that_depend_on_those_before_them(tmp_path):
    """The autoregressive likelihood, of every model that has one, beside a GAN."""
    matrix = params.Matrix(("ae", "vae", "cvae", "gan"), (2,), (0,))
    train = replace(TRAIN, network="conv", binarize="dynamic", likelihood="autoregressive")
    labels = np.arange(240) % 3
    results, page = stages(
        tmp_path,
        matrix,
        train,
        train_images=images(240, 8, 8),
        train_labels=labels,
        test_images=images(60, 8, 8),
        test_labels=labels[:60],
    )
    found = set(read_table(results.comparison_table)["metric"])
    assert {"nll", "reconstruction_cross_entropy", "frechet_distance"} <= found
    assert "reconstruction_squared_error" not in found
    assert "drawn pixel by pixel" in page
    claimed = read_table(results.claims_table)
    assert {"obeys", "separates", "compares"} <= set(claimed["claim"])
