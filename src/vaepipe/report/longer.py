"""One longer budget beside the page's answers: what the version to quote found for them.

Its tables lie in `longer/`, put there by `python -m benchmarks.full` after a run of
params/full.yaml.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from vaepipe.core.files import read_json, read_table
from vaepipe.evaluation.verdicts import with_verdicts
from vaepipe.params import Matrix
from vaepipe.report.answers import Answer, questions
from vaepipe.report.words import Text, counted, say

FOLDER = Path(__file__).with_name("longer")
TABLES = ("comparison", "differences", "seconds")
# Where a setting is not recorded, it is of before there was a choice.
PLAIN = {
    "likelihood": "bernoulli",
    "prior": "normal",
    "reconstruction": "cross_entropy",
    "beta": 1.0,
    "free_bits": 0.0,
    "importance_samples": 1,
}


class Longer(NamedTuple):
    """`budget`: its epochs; `explained`: how else it was trained."""

    budget: Text
    explained: Text
    answers: dict[tuple[str, int], Answer]


def answers(
    matrix: Matrix,
    data_set: str,
    protocol: dict[str, Any],
    train: Mapping[str, Any],
    epochs: int,
    folder: Path = FOLDER,
) -> Longer | None:
    """The answers of the longer run, by question and latent size, for the page's models.

    Its verdicts are corrected for all of its own comparisons.

    Args:
        train: the page's settings of training.
        epochs: the page's.

    Returns:
        None where there is nothing longer to set beside the page: another data set, other pixels,
        another objective or likelihood, as many epochs, or no common model.
    """
    about = read_json(folder / "about.json")
    comparison, differences, seconds = (read_table(folder / f"{name}.csv") for name in TABLES)
    alike = (data_set, protocol["binarize"]) == (about["data_set"], about["binarize"])
    if not alike or not is_plain(train) or epochs >= about["epochs"]:
        return None
    # Only models that are given the label have this metric.
    conditional = set(comparison.loc[comparison["metric"] == "conditional_accuracy", "model"])
    verdicts = with_verdicts(differences, conditional)
    verdicts = verdicts[verdicts["model_a"].isin(matrix.models)]
    verdicts = verdicts[verdicts["model_b"].isin(matrix.models)]
    tables = [_of(matrix, table) for table in (comparison, verdicts, seconds)]
    if tables[0].empty:
        return None
    found = questions(*tables, conditional)
    return Longer(
        say("longer.budget", epochs=counted("epoch", about["epochs"])),
        say("longer.explained", **about),
        {(one.name, answer.latent_dim): answer for one in found for answer in one.answers},
    )


def is_plain(train: Mapping[str, Any]) -> bool:
    """Whether models were trained by the plain objectives, with the prior N(0, I) and pixels that
    are independent given z: as the longer run, and as the published VAEs that the page names.
    """
    return all(train.get(name, value) == value for name, value in PLAIN.items())


def _of(matrix: Matrix, table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the matrix's cells."""
    table = table[table["latent_dim"].isin(matrix.latent_dims)]
    return table[table["model"].isin(matrix.models)] if "model" in table else table
