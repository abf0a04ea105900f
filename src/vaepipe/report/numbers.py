"""The table, the differences and what may be said about them."""

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pandas as pd

from vaepipe.comparison import KEYS, interval
from vaepipe.metrics import HEADLINE, METRICS

# Knowing one of ten equally frequent digits is worth at most this many nats:
# p(x) >= p(y) p(x|y), so -log p(x) <= -log p(x|y) + ln 10.
LABEL_NATS = math.log(10)
GIVEN_LABEL = ("neg_elbo", "nll")  # what a conditional model has for log p(x|y), not log p(x)
# What the verdict may be about, in this order, and how it is called there.
VERDICT = {
    "neg_elbo": "-ELBO",
    "reconstruction_cross_entropy": "reconstruction cross-entropy",
}


def number(value: float) -> str:
    """A number as people read it: two digits behind the point, four below one."""
    text = f"{value:,.2f}" if abs(value) >= 1 or value == 0 else f"{value:,.4f}"
    return text.replace("-", "−")


def with_interval(cell: Any) -> str:
    """Mean ± half the width of its interval; the mean alone where there is no interval."""
    if math.isnan(cell.high):
        return number(cell.mean)
    half = cell.high - cell.mean
    digits = 2 if abs(cell.mean) >= 1 else 4
    return f"{cell.mean:,.{digits}f} ± {half:,.{digits}f}".replace("-", "−")


def paired_differences(metrics: pd.DataFrame) -> pd.DataFrame:
    """Model a minus model b over the seeds that both have, for each latent size and metric.

    Returns:
        Columns latent_dim, metric, model_a, model_b, n, mean, sd, low, high (95 % t-interval).
    """
    rows = []
    for latent_dim, group in metrics.groupby("latent_dim", sort=True):
        for name in (c for c in METRICS if c in group):
            by_seed = group.pivot(index="seed", columns="model", values=name)
            for a, b in combinations(pd.unique(group["model"]), 2):
                difference = (by_seed[a] - by_seed[b]).dropna()
                if len(difference):
                    keys = {"latent_dim": latent_dim, "metric": name, "model_a": a, "model_b": b}
                    rows.append(keys | interval(difference))
    columns = ["latent_dim", "metric", "model_a", "model_b", "n", "mean", "sd", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def typeset(title: str) -> str:
    """A metric's title with a minus and a norm sign where the tables have what is on a keyboard."""
    return title.replace("-E", "−E").replace("||", "‖")


@dataclass(frozen=True)
class Win:
    """A model whose advantage over every other one has an interval without zero.

    `gap`, `low` and `high` are over the runner-up, positive where the winner is better.
    """

    model: str
    rival: str
    gap: float
    low: float
    high: float


def best(
    differences: pd.DataFrame, metric: str, latent_dim: int, conditional: set[str]
) -> Win | None:
    """The model that is better than all others in the metric at that latent size, if there is one.

    A conditional model must beat an unconditional one by more than the label can be worth where
    the metric is a bound given the label.
    """
    sign = {"lower": -1, "higher": 1}.get(METRICS[metric].better)
    cells = differences[
        (differences["metric"] == metric) & (differences["latent_dim"] == latent_dim)
    ]
    if sign is None:
        return None
    wins: dict[str, list[Win]] = {}
    rivals: dict[str, set[str]] = {}
    for cell in cells.itertuples():
        low, high = sorted((sign * cell.low, sign * cell.high))
        for model, rival, gap in (
            (cell.model_a, cell.model_b, (sign * cell.mean, low, high)),
            (cell.model_b, cell.model_a, (-sign * cell.mean, -high, -low)),
        ):
            rivals.setdefault(model, set()).add(rival)
            handicap = metric in GIVEN_LABEL and model in conditional and rival not in conditional
            if gap[1] > (LABEL_NATS if handicap else 0):
                wins.setdefault(model, []).append(Win(model, rival, *gap))
    for model, won in wins.items():
        if len(won) == len(rivals[model]):
            return min(won, key=lambda win: win.gap)
    return None


def main_table(
    comparison: pd.DataFrame,
    seconds: pd.DataFrame,
    differences: pd.DataFrame,
    conditional: set[str],
    names: tuple[str, ...] = HEADLINE,
) -> dict[str, Any]:
    """Columns and rows of a table: a group a latent size, in it a row a model.

    Args:
        seconds: model, latent_dim and the columns of an interval.

    Returns:
        `metrics` (those that were measured), and `groups`: latent size and rows; a row's cells are
        `(text, whether it is best)`, or None where the model does not have the metric.
    """
    names = [name for name in names if name in set(comparison["metric"])]
    cells = {(c.model, c.latent_dim, c.metric): c for c in comparison.itertuples()}
    cost = {(c.model, c.latent_dim): with_interval(c) for c in seconds.itertuples()}
    groups = []
    for dim in sorted(map(int, comparison["latent_dim"].unique())):
        winners = {name: best(differences, name, dim, conditional) for name in names}
        rows = []
        for model in pd.unique(comparison["model"]):
            found = [cells.get((model, dim, name)) for name in names]
            marked = [
                (with_interval(c), bool(w and w.model == model)) if c else None
                for c, w in zip(found, winners.values(), strict=True)
            ]
            rows.append({"model": model, "cells": marked, "seconds": cost.get((model, dim))})
        groups.append({"latent_dim": dim, "rows": rows})
    return {"metrics": [METRICS[name] for name in names], "groups": groups}


def verdict(
    comparison: pd.DataFrame, differences: pd.DataFrame, conditional: set[str]
) -> list[str]:
    """What the numbers allow to be said: a sentence a metric, none where an interval holds zero."""
    models = pd.unique(comparison["model"])
    if len(models) < 2:
        return ["One model was run, so there is nothing to compare it with."]
    if comparison["n"].max() < 2:
        return [
            "One seed was run. Its numbers stand below, but nothing is known about their spread,"
            " so no model is called better."
        ]
    sentences = [
        sentence
        for metric in VERDICT
        if (sentence := _sentence(metric, comparison, differences, conditional))
    ]
    return sentences or [
        "No difference between the models is larger than its 95 % interval over the seeds."
    ]


def _sentence(
    metric: str, comparison: pd.DataFrame, differences: pd.DataFrame, conditional: set[str]
) -> str | None:
    extreme, side = {"lower": ("lowest", "below"), "higher": ("highest", "above")}[
        METRICS[metric].better
    ]
    parts, ceded = [], False
    for dim in sorted(map(int, comparison["latent_dim"].unique())):
        if win := best(differences, metric, dim, conditional):
            is_whose = f"{'is ' if not parts else ''}the {win.model.upper()}'s"
            gap = f"{number(win.gap)} {METRICS[metric].unit}" if not parts else number(win.gap)
            parts.append(
                f"with {dim} latent{'s' * (dim > 1)} {is_whose}, {gap} ({number(win.low)} to"
                f" {number(win.high)}) {side} the {win.rival.upper()}'s"
            )
            ceded |= metric in GIVEN_LABEL and win.model in conditional
    if not parts:
        return None
    text = f"The {extreme} {VERDICT[metric]} " + "; ".join(parts) + "."
    if ceded:
        text += f" Being told the digit can explain at most {LABEL_NATS:.2f} nats of a difference."
    return typeset(text)


def seconds_table(timing: dict) -> pd.DataFrame:
    """Training seconds over the seeds: model, latent_dim and an interval.

    Args:
        timing: what the train stage recorded, by run.
    """
    rows = pd.DataFrame(
        [vars(run) | {"seconds": about["seconds"]} for run, about in timing.items()]
    )
    return pd.DataFrame(
        [
            {"model": model, "latent_dim": dim, **interval(group["seconds"])}
            for (model, dim), group in rows.groupby(KEYS[:2], sort=False)
        ]
    )
