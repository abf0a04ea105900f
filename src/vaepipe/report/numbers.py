"""The tables of the page, the differences and what may be said about them."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from vaepipe.evaluation.metrics import (
    HEADLINE,
    METRICS,
    NATS,
    comparable,
    direction,
    is_given_label,
)
from vaepipe.evaluation.tables import KEYS, better_model, interval

# What the summary may be about, in this order, and what it is called in a sentence.
SUMMARY = {
    "nll_marginal": "negative log-likelihood without the label",
    "reconstruction_cross_entropy": "reconstruction cross-entropy",
    "frechet_distance": "Fréchet distance of samples to training images",
}


def number(value: float, digits: int = 2) -> str:
    """A number for readers: so many digits behind the point, a true minus."""
    return f"{value:,.{digits}f}".replace("-", "−")


def with_interval(cell: Any, digits: int = 2) -> str:
    """Mean ± half the width of its interval; the mean alone where there is no interval."""
    if math.isnan(cell.high):
        return number(cell.mean, digits)
    return f"{number(cell.mean, digits)} ± {number(cell.high - cell.mean, digits)}"


def typeset(title: str) -> str:
    """A metric's title with a true minus and a norm sign in place of ASCII."""
    return title.replace("-E", "−E").replace("||", "‖")


def names_of(models: Collection[str]) -> str:
    """Models as a sentence lists them: `AE, VAE and CVAE`."""
    *first, last = [model.upper() for model in models]
    return f"{', '.join(first)} and {last}" if first else last


@dataclass(frozen=True)
class Win:
    """A model that is better than all others: `gap`, `low` and `high` are over the runner-up."""

    model: str
    rival: str
    gap: float
    low: float
    high: float


def best(
    differences: pd.DataFrame, metric: str, latent_dim: int, conditional: Collection[str]
) -> Win | None:
    """The model that is better than every other in the metric at that latent size, if any.

    None also where one of the pairs is not comparable.
    """
    cells = differences[
        (differences["metric"] == metric) & (differences["latent_dim"] == latent_dim)
    ]
    for model in pd.unique(cells[["model_a", "model_b"]].to_numpy().ravel()):
        own = cells[(cells["model_a"] == model) | (cells["model_b"] == model)]
        if all(better_model(row, conditional) == model for row in own.itertuples()):
            closest = min(own.itertuples(), key=lambda row: abs(row.mean))
            (rival,) = {closest.model_a, closest.model_b} - {model}
            low, high = sorted((abs(closest.low), abs(closest.high)))
            return Win(model, rival, abs(closest.mean), low, high)
    return None


class Cell(NamedTuple):
    """A mean as text, whether it is marked as best, and whether the model is given the label."""

    text: str
    best: bool
    given_label: bool


def main_table(
    comparison: pd.DataFrame,
    seconds: pd.DataFrame,
    differences: pd.DataFrame,
    conditional: Collection[str],
    names: tuple[str, ...] = HEADLINE,
) -> dict[str, Any]:
    """Columns and rows of a table: a group for each latent size, in it a row for each model.

    Args:
        seconds: model, latent_dim and the columns of an interval.

    Returns:
        `metrics`: title, unit and direction of those that were measured; `groups`: latent size and
        rows, a `Cell` for each metric or None where the model does not have it; `label_notes`, as
        `label_notes` gives them.
    """
    names = tuple(name for name in names if name in set(comparison["metric"]))
    models = pd.unique(comparison["model"])
    cells = {(c.model, c.latent_dim, c.metric): c for c in comparison.itertuples()}
    cost = {(c.model, c.latent_dim): with_interval(c) for c in seconds.itertuples()}
    groups = []
    for dim in sorted(map(int, comparison["latent_dim"].unique())):
        winners = {name: best(differences, name, dim, conditional) for name in names}
        rows = []
        for model in models:
            row = [
                Cell(
                    with_interval(cell, METRICS[name].digits),
                    bool(win and win.model == model),
                    is_given_label(name, model, conditional),
                )
                if (cell := cells.get((model, dim, name)))
                else None
                for name, win in winners.items()
            ]
            rows.append({"model": model, "cells": row, "seconds": cost.get((model, dim))})
        groups.append({"latent_dim": dim, "rows": rows})
    return {
        "metrics": [_heading(name, models, conditional) for name in names],
        "groups": groups,
        "label_notes": label_notes(names, models, conditional),
    }


def _heading(name: str, models: Collection[str], conditional: Collection[str]) -> dict[str, str]:
    metric = METRICS[name]
    return {
        "title": typeset(metric.title),
        "unit": metric.unit,
        "better": direction_in_words(name, models, conditional),
    }


def direction_in_words(name: str, models: Collection[str], conditional: Collection[str]) -> str:
    """Such as `lower is better`, with the models it holds for if it does not hold for all."""
    of = {model: direction(name, model in conditional) for model in models}
    having = [model for model in models if of[model]]
    if not having:
        return ""
    text = f"{of[having[0]]} is better"
    return text if len(having) == len(of) else f"{text} ({names_of(having)})"


def label_notes(
    names: Collection[str], models: Collection[str], conditional: Collection[str]
) -> list[str]:
    """What the mark of a given label stands for in a table of these metrics.

    Returns:
        A note for each use of the label, led by the metrics it is about; none where all models
        are conditional, or none is.
    """
    if len({model in conditional for model in models}) < 2:
        return []
    titles: dict[str, list[str]] = {}
    for name in names:
        if note := METRICS[name].given_label:
            titles.setdefault(note, []).append(typeset(METRICS[name].title))
    return [f"{'; '.join(metrics)}: {note}." for note, metrics in titles.items()]


def summary_sentences(
    comparison: pd.DataFrame, differences: pd.DataFrame, conditional: Collection[str]
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
        for metric in SUMMARY
        if (sentence := _sentence(metric, comparison, differences, conditional))
    ]
    return sentences or [
        "No model can be called better than the others it is comparable with: see the 95 %"
        " intervals over the seeds."
    ]


def _sentence(
    metric: str,
    comparison: pd.DataFrame,
    differences: pd.DataFrame,
    conditional: Collection[str],
) -> str | None:
    extreme, side = {"lower": ("lowest", "below"), "higher": ("highest", "above")}[
        METRICS[metric].better
    ]
    models = list(pd.unique(comparison.loc[comparison["metric"] == metric, "model"]))
    subject, left_out = SUMMARY[metric], ""
    if not comparable(metric, models, conditional):
        helped = [model for model in models if model in conditional]
        models = [model for model in models if model not in conditional]
        is_or_are = "is" if len(helped) == 1 else "are"
        left_out = f" {names_of(helped)} {is_or_are} given the label here and not compared."
        subject += f" of {names_of(models)}"
    rows = differences[differences["model_a"].isin(models) & differences["model_b"].isin(models)]
    parts = []
    for dim in sorted(map(int, comparison["latent_dim"].unique())):
        if win := best(rows, metric, dim, conditional):
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
    return f"The {extreme} {subject} " + "; ".join(parts) + "." + left_out


def differences_rows(
    differences: pd.DataFrame, conditional: Collection[str]
) -> list[dict[str, Any]]:
    """Rows of the table of paired differences over two or more seeds.

    Returns:
        `row`, as `differences_table` has it, `metric`, and `better`: the better model's name, or
        why there is none.
    """
    return [
        {
            "row": row,
            "metric": METRICS[row.metric],
            "better": _better_in_words(row, conditional),
        }
        for row in differences[differences["n"] > 1].itertuples()
    ]


def _better_in_words(row: Any, conditional: Collection[str]) -> str:
    models = row.model_a, row.model_b
    if not direction(row.metric, all(model in conditional for model in models)):
        return "–"
    if not comparable(row.metric, models, conditional):
        return "not comparable"
    model = better_model(row, conditional)
    return model.upper() if model else "undecided"


def seconds_table(timing: dict) -> pd.DataFrame:
    """Processor seconds of training over the seeds: model, latent_dim and an interval.

    Processor and not wall seconds, which depend on what else runs on the machine.

    Args:
        timing: what the train stage recorded, by run.
    """
    rows = pd.DataFrame(
        [vars(run) | {"seconds": record["cpu_seconds"]} for run, record in timing.items()]
    )
    return pd.DataFrame(
        [
            {"model": model, "latent_dim": dim, **interval(group["seconds"])}
            for (model, dim), group in rows.groupby(KEYS[:2], sort=False)
        ]
    )
