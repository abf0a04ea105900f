"""The tables of the page, the differences and what may be said about them."""

import math
from collections.abc import Collection
from typing import Any, NamedTuple

import pandas as pd

from vaepipe.evaluation.metrics import (
    HEADLINE,
    METRICS,
    comparable,
    direction,
    is_given_label,
)
from vaepipe.evaluation.tables import KEYS, interval
from vaepipe.report.words import Text, joined, names, say, translated


def number(value: float, digits: int = 2) -> str:
    """A number for readers: so many digits behind the point, a true minus."""
    return f"{value:z,.{digits}f}".replace("-", "−")  # z: no minus before a zero


def with_interval(cell: Any, digits: int = 2) -> str:
    """Mean ± half the width of its interval; the mean alone where there is no interval."""
    if math.isnan(cell.high):
        return number(cell.mean, digits)
    return f"{number(cell.mean, digits)} ± {number(cell.high - cell.mean, digits)}"


def p_value(p: float) -> str:
    """A p-value for a table; a dash where nothing was tested."""
    if math.isnan(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def typeset(title: str) -> str:
    """A metric's title with a true minus and a norm sign in place of ASCII."""
    return title.replace("-E", "−E").replace("||", "‖")


def title(name: str) -> Text:
    """A metric's title; its name where it is unknown, as in an older version's results."""
    return translated(typeset(METRICS[name].title) if name in METRICS else name)


def best(verdicts: pd.DataFrame, metric: str, latent_dim: int) -> str | None:
    """The model that is better than every other in the metric at that latent size, if any.

    None also where one of the pairs is not comparable.

    Args:
        verdicts: as `with_verdicts` returns it.
    """
    cells = verdicts[(verdicts["metric"] == metric) & (verdicts["latent_dim"] == latent_dim)]
    for model in pd.unique(cells[["model_a", "model_b"]].to_numpy().ravel()):
        own = cells[(cells["model_a"] == model) | (cells["model_b"] == model)]
        if (own["better"] == model).all():
            return model
    return None


class Cell(NamedTuple):
    """A mean as text, whether it is marked as best, and whether the model is given the label."""

    text: str
    best: bool
    given_label: bool


def main_table(
    comparison: pd.DataFrame,
    seconds: pd.DataFrame,
    verdicts: pd.DataFrame,
    conditional: Collection[str],
    shown: tuple[str, ...] = HEADLINE,
) -> dict[str, Any]:
    """Columns and rows of a table: a group for each latent size, in it a row for each model.

    Args:
        seconds: model, latent_dim and the columns of an interval.

    Returns:
        `metrics`: title, unit and direction of those that were measured; `groups`: latent size and
        rows, a `Cell` for each metric or None where the model does not have it; `label_notes`, as
        `label_notes` gives them.
    """
    shown = tuple(name for name in shown if name in set(comparison["metric"]))
    models = pd.unique(comparison["model"])
    cells = {(c.model, c.latent_dim, c.metric): c for c in comparison.itertuples()}
    cost = {(c.model, c.latent_dim): with_interval(c) for c in seconds.itertuples()}
    groups = []
    for dim in sorted(map(int, comparison["latent_dim"].unique())):
        winners = {name: best(verdicts, name, dim) for name in shown}
        rows = []
        for model in models:
            row = [
                Cell(
                    with_interval(cell, METRICS[name].digits),
                    win == model,
                    is_given_label(name, model, conditional),
                )
                if (cell := cells.get((model, dim, name)))
                else None
                for name, win in winners.items()
            ]
            rows.append({"model": model, "cells": row, "seconds": cost.get((model, dim))})
        groups.append({"latent_dim": dim, "rows": rows})
    return {
        "metrics": [_heading(name, models, conditional) for name in shown],
        "groups": groups,
        "label_notes": label_notes(shown, models, conditional),
    }


def _heading(name: str, models: Collection[str], conditional: Collection[str]) -> dict[str, Any]:
    metric = METRICS[name]
    return {
        "name": name,
        "title": title(name),
        "unit": translated(metric.unit),
        "better": direction_in_words(name, models, conditional),
    }


def direction_in_words(
    name: str, models: Collection[str], conditional: Collection[str]
) -> Text | None:
    """Such as `lower is better`, with the models it holds for if it does not hold for all."""
    of = {model: direction(name, model in conditional) for model in models}
    having = [model for model in models if of[model]]
    if not having:
        return None
    key = f"directions.{of[having[0]]}"
    return say(key) if len(having) == len(of) else say(f"{key}_of", models=names(having))


def label_notes(
    shown: Collection[str], models: Collection[str], conditional: Collection[str]
) -> list[Text]:
    """What the mark of a given label stands for in a table of these metrics.

    Returns:
        A note for each use of the label, led by the metrics it is about; none where all models
        are conditional, or none is.
    """
    if len({model in conditional for model in models}) < 2:
        return []
    titles: dict[str, list[Text]] = {}
    for name in shown:
        if note := METRICS[name].given_label:
            titles.setdefault(note, []).append(title(name))
    return [
        joined([joined(metrics, "; ", "；"), translated(note)], ": ", "：")
        for note, metrics in titles.items()
    ]


def differences_rows(verdicts: pd.DataFrame, conditional: Collection[str]) -> list[dict[str, Any]]:
    """Rows of the table of paired differences over two or more seeds.

    Returns:
        `row`, as `with_verdicts` has it, `title`, `digits`, and `better`: the better model's name,
        or why there is none.
    """
    return [
        {
            "row": row,
            "title": title(row.metric),
            "digits": METRICS[row.metric].digits,
            "better": _better_in_words(row, conditional),
        }
        for row in verdicts[verdicts["n"] > 1].itertuples()
    ]


def _better_in_words(row: Any, conditional: Collection[str]) -> Text:
    models = row.model_a, row.model_b
    if not direction(row.metric, all(model in conditional for model in models)):
        return Text("–", "–")
    if not comparable(row.metric, models, conditional):
        return say("table.not_comparable")
    return names([row.better]) if row.better else say("table.undecided")


def seconds_table(timing: dict, failed: Collection[str] = ()) -> pd.DataFrame:
    """Processor seconds of training over the seeds: model, latent_dim and an interval.

    Processor and not wall seconds, which depend on what else runs on the machine.

    Args:
        timing: what the train stage recorded, by run.
        failed: names of runs that are in no mean.
    """
    rows = pd.DataFrame(
        [
            vars(run) | {"seconds": record["cpu_seconds"]}
            for run, record in timing.items()
            if run.name not in failed
        ]
    )
    return pd.DataFrame(
        [
            {"model": model, "latent_dim": dim, **interval(group["seconds"])}
            for (model, dim), group in rows.groupby(KEYS[:2], sort=False)
        ]
    )
