"""Which differences between models can be told from chance, with all that are tested in view."""

import math
from collections.abc import Collection
from typing import Any

import pandas as pd
from scipy.special import stdtr

from vaepipe.evaluation.metrics import CLASSES, comparable, direction, is_given_label, label_worth
from vaepipe.evaluation.tables import better_model

ALPHA = 0.05  # chance of one or more wrong verdicts among all comparisons


def with_verdicts(
    differences: pd.DataFrame, conditional: Collection[str], classes: int = CLASSES
) -> pd.DataFrame:
    """The differences with `p`, `p_holm` and `better`.

    `p` is that of the paired two-sided t-test over the seeds, `p_holm` the same adjusted for all
    comparisons of the table (Holm 1979); both are NaN where nothing is tested: one seed, models
    that are not comparable, or a metric of which neither direction is better. Where all seeds have
    the same difference, as accuracies on few images may, `p` is 1: the spread is not known.
    `better` is the better model where `p_holm` is below 0.05, else None.

    Args:
        differences: as `tables.differences_table` returns it.
        conditional: names of the models that are given the label.
        classes: how many there are.
    """
    p = pd.Series([_p(row, conditional, classes) for row in differences.itertuples()], dtype=float)
    adjusted = holm(p)
    better = [
        better_model(row, conditional, classes) if corrected < ALPHA else None
        for row, corrected in zip(differences.itertuples(), adjusted, strict=True)
    ]
    table = differences.assign(p=p.to_numpy(), p_holm=adjusted.to_numpy())
    return table.assign(better=pd.Series(better, index=table.index, dtype=object))


def holm(p: pd.Series) -> pd.Series:
    """Holm's adjusted p-values: below alpha where the step-down procedure rejects; NaN stays."""
    ranked = p.dropna().sort_values()
    factors = range(len(ranked), 0, -1)
    return (ranked * list(factors)).cummax().clip(upper=1).reindex(p.index)


def _p(row: Any, conditional: Collection[str], classes: int) -> float:
    """p-value of a difference; of the lead over what the label is worth, where that counts."""
    models = row.model_a, row.model_b
    better = direction(row.metric, all(model in conditional for model in models))
    if row.n < 2 or not better or not comparable(row.metric, models, conditional):
        return math.nan
    leader, other = models if (row.mean > 0) == (better == "higher") else models[::-1]
    helped = [is_given_label(row.metric, model, conditional) for model in (leader, other)]
    worth = label_worth(row.metric, classes) if helped == [True, False] else 0.0
    lead = abs(row.mean) - worth
    if lead <= 0:
        return 1.0
    error = row.sd / row.n**0.5
    return float(2 * stdtr(row.n - 1, -lead / error)) if error else 1.0
