"""The table, the differences and what may be said about them."""

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from vaepipe.evaluation import tables
from vaepipe.evaluation.metrics import HEADLINE, METRICS, NATS
from vaepipe.evaluation.tables import KEYS, interval

# Knowing one of ten equally frequent digits is worth at most this many nats:
# p(x) >= p(y) p(x|y), so -log p(x) <= -log p(x|y) + ln 10.
LABEL_NATS = math.log(10)
GIVEN_LABEL = ("neg_elbo", "nll")  # what a conditional model has for log p(x|y), not log p(x)
# What the verdict may be about, in this order, and how it is called there.
VERDICT = {
    "nll_marginal": "negative log-likelihood without the label",
    "reconstruction_cross_entropy": "reconstruction cross-entropy",
    "frechet_distance": "Fréchet distance of samples to test images",
}


def number(value: float, digits: int = 2) -> str:
    """A number as people read it: so many digits behind the point, a true minus."""
    return f"{value:,.{digits}f}".replace("-", "−")


def with_interval(cell: Any, digits: int = 2) -> str:
    """Mean ± half the width of its interval; the mean alone where there is no interval."""
    if math.isnan(cell.high):
        return number(cell.mean, digits)
    return f"{number(cell.mean, digits)} ± {number(cell.high - cell.mean, digits)}"


def typeset(title: str) -> str:
    """A metric's title with a minus and a norm sign where the tables have what is on a keyboard."""
    return title.replace("-E", "−E").replace("||", "‖")


@dataclass(frozen=True)
class Win:
    """A model that is better than all others: `gap`, `low` and `high` are over the runner-up."""

    model: str
    rival: str
    gap: float
    low: float
    high: float


def better(difference: Any, conditional: set[str]) -> str | None:
    """The better model of a row of the differences, or None where nothing may be said.

    Where the metric is a bound given the label for a conditional model, that model must be ahead
    of an unconditional one by more than the label can be worth.
    """
    model = tables.better_model(difference)
    pair = {difference.model_a, difference.model_b}
    helped = difference.metric in GIVEN_LABEL and model in conditional and not pair <= conditional
    lead = min(abs(difference.low), abs(difference.high))
    return None if helped and lead <= LABEL_NATS else model


def best(
    differences: pd.DataFrame, metric: str, latent_dim: int, conditional: set[str]
) -> Win | None:
    """The model that is better than every other in the metric at that latent size, if any."""
    cells = differences[
        (differences["metric"] == metric) & (differences["latent_dim"] == latent_dim)
    ]
    for model in pd.unique(cells[["model_a", "model_b"]].to_numpy().ravel()):
        own = cells[(cells["model_a"] == model) | (cells["model_b"] == model)]
        if all(better(row, conditional) == model for row in own.itertuples()):
            closest = min(own.itertuples(), key=lambda row: abs(row.mean))
            (rival,) = {closest.model_a, closest.model_b} - {model}
            low, high = sorted((abs(closest.low), abs(closest.high)))
            return Win(model, rival, abs(closest.mean), low, high)
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
                (with_interval(c, METRICS[name].digits), bool(w and w.model == model))
                if c
                else None
                for c, (name, w) in zip(found, winners.items(), strict=True)
            ]
            rows.append({"model": model, "cells": marked, "seconds": cost.get((model, dim))})
        groups.append({"latent_dim": dim, "rows": rows})
    return {"metrics": [METRICS[name] for name in names], "groups": groups}


def summary_sentences(
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
    parts = []
    for dim in sorted(map(int, comparison["latent_dim"].unique())):
        if win := best(differences, metric, dim, conditional):
            is_whose = f"{'is ' if not parts else ''}the {win.model.upper()}'s"
            unit = METRICS[metric].unit
            nats = f" {unit}" if unit == NATS and not parts else ""
            gap = number(win.gap) + nats
            parts.append(
                f"with {dim} latent{'s' * (dim > 1)} {is_whose}, {gap} ({number(win.low)} to"
                f" {number(win.high)}) {side} the {win.rival.upper()}'s"
            )
    if not parts:
        return None
    text = f"The {extreme} {VERDICT[metric]} " + "; ".join(parts) + "."
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
