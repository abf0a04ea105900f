"""The tables: seeds are the unit of replication, and models are compared in pairs."""

import io
import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from reports import made_runs
from vaepipe.core.errors import UserError
from vaepipe.core.files import read_json, write_json
from vaepipe.evaluation import metrics
from vaepipe.evaluation.compare import compare
from vaepipe.evaluation.tables import (
    better_model,
    comparison_table,
    differences_table,
    metrics_table,
    shared_protocol,
    with_protocol,
)
from vaepipe.params import Matrix
from vaepipe.results import Run, runs_of
from vaepipe.versions.diff import moves

PROTOCOL = {
    "data_set": "mnist",
    "split": "test",
    "binarize": "dynamic",
    "importance_samples": 5,
    "evaluation_seed": 0,
}
# The spread between seeds is far wider than the difference between the models.
SHARED = [0.0, 5.0, -7.0]
VAE, CVAE = [100.0, 100.2, 100.1], [96.1, 96.0, 96.2]


def result(model, seed, latent_dim=20, **metrics):
    run = {"model": model, "latent_dim": latent_dim, "seed": seed}
    return run | {"metrics": metrics, "protocol": dict(PROTOCOL)}


@pytest.fixture
def results():
    made = [result("vae", s, nll=VAE[s] + SHARED[s], nll_sem=0.1, rate=20.0 + s) for s in range(3)]
    made += [
        result("cvae", s, nll=CVAE[s] + SHARED[s], nll_sem=0.1, rate=21.0 - s) for s in range(3)
    ]
    return [*made, result("ae", 0, reconstruction_squared_error=18.0)]


@pytest.fixture
def table(results):
    return metrics_table(results)


def test_a_row_per_run_in_the_order_of_the_params(results):
    table = metrics_table(results[::-1])
    assert list(table["model"]) == ["ae", "cvae", "cvae", "cvae", "vae", "vae", "vae"]
    assert list(table["seed"]) == [0, 0, 1, 2, 0, 1, 2]
    assert table["nll"].isna().tolist() == [True] + 6 * [False]


def test_means_come_with_their_t_interval_over_seeds(table):
    rows = comparison_table(table).set_index(["model", "metric"])
    values = np.add(VAE, SHARED)
    row = rows.loc["vae", "nll"]
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert row["n"] == 3
    assert row[["mean", "sd", "low", "high"]].tolist() == pytest.approx(
        [values.mean(), values.std(ddof=1), low, high]
    )
    one = rows.loc["ae", "reconstruction_squared_error"]
    assert one["n"] == 1
    assert one[["sd", "low", "high"]].isna().all()
    assert ("ae", "nll") not in rows.index
    assert not any("sem" in metric for _, metric in rows.index)


def test_differences_are_paired_by_seed(table):
    rows = differences_table(table).set_index(["metric", "model_a", "model_b"])
    row = rows.loc["nll", "vae", "cvae"]
    low, high = stats.ttest_rel(np.add(VAE, SHARED), np.add(CVAE, SHARED)).confidence_interval(0.95)
    assert row["n"] == 3
    assert row["mean"] == pytest.approx(np.subtract(VAE, CVAE).mean())
    assert [row["low"], row["high"]] == pytest.approx([low, high])
    assert row["low"] > 0
    assert len(rows) == 2


def test_seeds_that_only_one_model_has_are_left_out():
    made = [result("vae", s, nll=100.0 + s) for s in (0, 1, 2)]
    made += [result("cvae", s, nll=90.0 + s) for s in (1, 2, 3)]
    row = differences_table(metrics_table(made)).iloc[0]
    assert (row["n"], row["mean"], row["sd"]) == (2, 10, 0)
    alone = differences_table(metrics_table(made[:3]))
    assert list(alone.columns) == list(differences_table(metrics_table(made)).columns)
    assert alone.empty


def difference(metric, low, high):
    return pd.Series(
        {"metric": metric, "model_a": "vae", "model_b": "cvae", "low": low, "high": high}
    )


@pytest.mark.parametrize(
    ("metric", "low", "high", "better"),
    [
        ("nll", 1.0, 2.0, "cvae"),
        ("nll", -2.0, -1.0, "vae"),
        ("nll", -1.0, 1.0, None),
        ("nll", 0.0, 1.0, None),
        ("nll", -1.0, 0.0, None),
        ("nll", float("nan"), float("nan"), None),
        ("knn_accuracy", 1.0, 2.0, "vae"),
        ("knn_accuracy", -2.0, -1.0, "cvae"),
        ("knn_accuracy", -2.0, 1.0, None),
        ("rate", 1.0, 2.0, None),
    ],
)
def test_no_winner_where_the_interval_holds_zero(metric, low, high, better):
    assert better_model(difference(metric, low, high)) == better


# A conditional model is given the label, and others are not


@pytest.mark.parametrize(
    "metric",
    [
        "reconstruction_cross_entropy",
        "reconstruction_squared_error",
        "frechet_distance",
        "knn_accuracy",
        "probe_accuracy",
    ],
)
@pytest.mark.parametrize(("low", "high"), [(1.0, 2.0), (50.0, 60.0), (-2.0, -1.0)])
def test_what_the_label_helps_by_an_unknown_amount_is_not_compared(metric, low, high):
    assert not metrics.comparable(metric, ("vae", "cvae"), {"cvae"})
    assert better_model(difference(metric, low, high), {"cvae"}) is None
    assert better_model(difference(metric, low, high), ()) is not None


@pytest.mark.parametrize("metric", ["nll_marginal", "bits_per_dim", "prior_moments", "prior_mmd"])
def test_what_is_measured_alike_is_compared(metric):
    assert metrics.comparable(metric, ("vae", "cvae"), {"cvae"})
    assert better_model(difference(metric, 1.0, 2.0), {"cvae"}) == "cvae"


@pytest.mark.parametrize("metric", ["neg_elbo", "nll"])
def test_a_bound_given_the_label_must_lead_by_more_than_the_label_is_worth(metric):
    worth = math.log(10)
    assert better_model(difference(metric, worth - 0.01, 9.0), {"cvae"}) is None
    assert better_model(difference(metric, worth + 0.01, 9.0), {"cvae"}) == "cvae"
    assert better_model(difference(metric, -9.0, -0.01), {"cvae"}) == "vae"


def test_among_conditional_models_like_is_compared_with_like():
    both = {"vae", "cvae"}
    assert better_model(difference("frechet_distance", 1.0, 2.0), both) == "cvae"
    assert better_model(difference("nll", 1.0, 2.0), both) == "cvae"
    assert better_model(difference("knn_accuracy", 1.0, 2.0), both) is None


def test_no_accuracy_of_a_code_that_need_not_hold_the_digit_is_better():
    for name in ("knn_accuracy", "probe_accuracy"):
        assert metrics.direction(name, conditional=False) == "higher"
        assert metrics.direction(name, conditional=True) == ""
    assert metrics.direction("frechet_distance", conditional=True) == "lower"
    assert metrics.direction("no such metric", conditional=False) == ""


def test_runs_of_different_protocols_are_not_put_into_one_table(results):
    assert shared_protocol(results) == PROTOCOL
    results[3]["protocol"]["importance_samples"] = 50
    with pytest.raises(UserError, match="importance_samples"):
        shared_protocol(results)


def test_tables_say_how_their_numbers_were_measured(table):
    text = with_protocol(comparison_table(table), PROTOCOL).to_csv(index=False)
    row = pd.read_csv(io.StringIO(text)).iloc[0]
    assert {name: row[name] for name in PROTOCOL} == PROTOCOL


def test_a_change_of_an_accuracy_of_a_conditional_models_codes_is_not_called_worse():
    def version(offset):
        names = ("knn_accuracy", "frechet_distance")
        made = [
            result(model, s, **dict.fromkeys(names, 50.0 + s + offset) | extra)
            for model, extra in (("vae", {}), ("cvae", {"conditional_accuracy": 90.0}))
            for s in range(3)
        ]
        return comparison_table(metrics_table(made))

    rows = moves(version(20), version(0)).set_index(["model", "metric"])["verdict"]
    assert rows["vae", "knn_accuracy"] == "worse"
    assert rows["cvae", "knn_accuracy"] == "lower"
    assert rows["cvae", "frechet_distance"] == "better"


# The job


MATRIX = Matrix(("ae", "vae"), (3,), (0, 1))


def test_compare_writes_the_tables_of_all_runs(tmp_path, mnist_folder):
    results = made_runs(tmp_path, MATRIX, mnist_folder)
    failed = Run("vae", 3, 1)
    told = read_json(results.metrics(failed)) | {"metrics": {}, "failed": "loss is NaN"}
    write_json(results.metrics(failed), told)
    compare(MATRIX, mnist_folder, results)

    measured = [read_json(results.metrics(run)) for run in runs_of(MATRIX)]
    table = metrics_table(measured)
    written = pd.read_csv(results.metrics_table)
    pd.testing.assert_frame_equal(written[list(table.columns)], table)
    means = pd.read_csv(results.comparison_table).set_index(["model", "metric"])
    assert means.loc["vae", "nll"]["n"] == 1, "a failed run is part of no mean"
    assert means.loc["ae", "knn_accuracy"]["n"] == 2
    assert set(pd.read_csv(results.differences_table)["n"]) == {1}
    protocol = read_json(results.protocol)
    assert protocol["seeds"] == [0, 1]
    assert protocol["failed_runs"] == [failed.name]
    assert protocol["test_images_among_training_images"] == 0
    assert protocol["classifier"] == read_json(results.classifier_metrics)
    assert measured[0]["protocol"].items() <= protocol.items()
    summary = read_json(results.summary)
    assert summary["vae-z3"]["nll"] == round(means.loc["vae", "nll"]["mean"], 2)
    curves = pd.read_csv(results.curves_table)
    assert sorted(set(curves["runs"])) == ["ae-z3", "vae-z3"]
    assert len(curves) == 2 * len(runs_of(MATRIX))


def test_compare_refuses_runs_of_different_protocols_with_one_message(tmp_path, mnist_folder):
    results = made_runs(tmp_path, MATRIX, mnist_folder)
    path = results.metrics(Run("vae", 3, 1))
    other = read_json(path)
    other["protocol"] |= {"importance_samples": 50, "evaluation_seed": 1}
    path.write_text(json.dumps(other))
    message = "runs differ in evaluation_seed, importance_samples; run evaluate again for all"
    with pytest.raises(UserError, match=f"^{message}$"):
        compare(MATRIX, mnist_folder, results)
    assert not results.metrics_table.exists()


@pytest.mark.parametrize(("failed", "said"), [("loss is NaN", "loss is NaN"), (None, "a GAN is")])
def test_compare_says_so_where_no_run_has_a_metric(tmp_path, mnist_folder, failed, said):
    results = made_runs(tmp_path, MATRIX, mnist_folder)
    for run in runs_of(MATRIX):
        told = read_json(results.metrics(run)) | {"metrics": {}, "failed": failed}
        write_json(results.metrics(run), told)
    with pytest.raises(UserError, match=f"nothing to compare: .*ae-z3-s0: {said}"):
        compare(MATRIX, mnist_folder, results)
    assert not results.metrics_table.exists()


@pytest.mark.parametrize("name", ["metrics", "history", "classifier_metrics"])
def test_compare_names_a_file_that_is_missing(tmp_path, mnist_folder, name):
    results = made_runs(tmp_path, MATRIX, mnist_folder)
    place = getattr(results, name)
    path = place(Run("ae", 3, 1)) if callable(place) else place
    path.unlink()
    with pytest.raises(UserError, match=path.name):
        compare(MATRIX, mnist_folder, results)
