"""Model cards: what they say of the model, of its data and of its numbers."""

import pandas as pd
import pytest

from synthetic import MANIFEST, PROTOCOL, TRAIN
from vaepipe.tracking.cards import card


def test_a_card_says_what_the_model_is_and_how_good():
    rows = pd.DataFrame(
        [
            ("vae", 3, "nll_marginal", 3, 101.234, 0.5, 100.5, 102.0),
            ("vae", 3, "rate", 1, 12.5, float("nan"), float("nan"), float("nan")),
            ("ae", 3, "reconstruction_cross_entropy", 3, 77.77, 0.5, 77.0, 78.0),
        ],
        columns=["model", "latent_dim", "metric", "n", "mean", "sd", "low", "high"],
    )
    run = {"model": "vae", "latent_dim": 3, "seed": 1}
    text = card("vaepipe-vae", "4", {"run": run, "train": TRAIN, "data": MANIFEST}, rows, PROTOCOL)
    assert "# vaepipe-vae, version 4" in text
    assert "`vae-z3-s1`" in text
    assert "MNIST (`mnist`), grey images of 28 x 28 pixels, 10 classes: 0, 1, 2" in text
    assert "| 101.23 | 100.50 to 102.00 | 3 |" in text
    assert "| 12.50 | one seed, none | 1 |" in text
    assert "77.77" not in text
    assert "binarised anew" in text
    assert "## Intended use and limits" in text


def test_a_card_of_a_model_with_a_setting_of_its_own_says_what_kind_it_is():
    run = {"model": "vae-beta4", "latent_dim": 3, "seed": 1}
    rows = pd.DataFrame([], columns=["model", "latent_dim", "metric", "n", "mean", "low", "high"])
    of = {"run": run, "train": TRAIN, "data": MANIFEST}
    assert "A variational autoencoder" in card("vaepipe-vae-beta4", "1", of, rows, PROTOCOL)


@pytest.mark.parametrize(
    ("binarize", "said"),
    [("none", "pixels, squared"), ("dynamic", "pixels binarised anew for each minibatch, squared")],
)
def test_a_card_names_no_likelihood_of_what_minimised_the_squared_error(binarize, said):
    run = {"model": "ae", "latent_dim": 3, "seed": 1}
    rows = pd.DataFrame([], columns=["model", "latent_dim", "metric", "n", "mean", "low", "high"])
    train = TRAIN | {"reconstruction": "squared_error", "binarize": binarize}
    of = {"run": run, "train": train, "data": MANIFEST}
    assert f"3 epochs; {said} error; " in card("vaepipe-ae-squared", "1", of, rows, PROTOCOL)
