"""The tables: seeds are the unit of replication, and models are compared in pairs."""

import io

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vaepipe.core.errors import UserError
from vaepipe.evaluation.tables import (
    comparison_table,
    differences_table,
    metrics_table,
    shared_protocol,
    verdict,
    with_protocol,
)

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
    assert verdict(difference(metric, low, high)) == better


def test_runs_of_different_protocols_are_not_put_into_one_table(results):
    assert shared_protocol(results) == PROTOCOL
    results[3]["protocol"]["importance_samples"] = 50
    with pytest.raises(UserError, match="importance_samples"):
        shared_protocol(results)


def test_tables_say_how_their_numbers_were_measured(table):
    text = with_protocol(comparison_table(table), PROTOCOL).to_csv(index=False)
    row = pd.read_csv(io.StringIO(text)).iloc[0]
    assert {name: row[name] for name in PROTOCOL} == PROTOCOL
