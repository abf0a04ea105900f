"""The page's first screen: a question a line, its answer for each latent size, and how sure it is.

A model is named best where its difference from every model it is comparable with holds after
Holm's correction for all comparisons of the page (`evaluation.verdicts`).
"""

import math
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import pandas as pd

from vaepipe.evaluation.metrics import METRICS, comparable, direction, is_given_label
from vaepipe.report.numbers import number, with_interval
from vaepipe.report.words import Text, either, joined, names, say

# Question: metric that answers it.
COMPARED = {
    "reconstructs": "reconstruction_cross_entropy",
    "generates": "frechet_distance",
    "likelihood": "nll_marginal",
    "tells_apart": "probe_accuracy",
}
VERY_SURE = 0.01
NEARLY_PRIOR = 0.1  # distance to N(0, I) over that of codes that are all 0
OBEYS, MOSTLY = 95.0, 50.0  # % of generated images that are of the class asked for
ALIKE = 1.15  # costs within this factor are called alike


class Bar(NamedTuple):
    """One model's mean as a bar: start, end and interval in per cent of the line's axis."""

    model: str
    text: str
    end: float
    low: float | None
    high: float | None
    given_label: bool


class Answer(NamedTuple):
    """`note`: which models are not compared. `level`: `very_sure`, `sure`, `unsure` or
    `measured`, by which the page marks `how_sure`.
    """

    latent_dim: int
    text: Text
    note: Text
    how_sure: Text
    level: str
    bars: list[Bar]


class Question(NamedTuple):
    """`metric`: whose numbers the line shows, None for the cost of training."""

    name: str
    title: Text
    unit: Text
    answers: list[Answer]
    metric: str | None


def questions(
    comparison: pd.DataFrame,
    verdicts: pd.DataFrame,
    seconds: pd.DataFrame,
    conditional: Collection[str],
    grey: bool = False,
) -> list[Question]:
    """Those questions that these models can be asked.

    Args:
        verdicts: as `with_verdicts` returns it.
        seconds: as `numbers.seconds_table` returns it.
        grey: whether cross-entropies are of grey pixels, and so no likelihoods.
    """
    asked = [
        *(
            _question(name, metric, comparison, verdicts, conditional, grey)
            for name, metric in COMPARED.items()
        ),
        _question("prior", "prior_moments", comparison, verdicts, conditional),
        _question("obeys", "conditional_accuracy", comparison, verdicts, conditional),
        _question("cost", None, seconds, verdicts, conditional),
    ]
    return [question for question in asked if question.answers]


def is_grey(protocol: Mapping[str, Any]) -> bool:
    """Whether the models' cross-entropies are of grey pixels, and so no likelihoods."""
    return protocol["binarize"] == "none" and "likelihood" not in protocol


def _question(
    name: str,
    metric: str | None,
    table: pd.DataFrame,
    verdicts: pd.DataFrame,
    conditional: Collection[str],
    grey: bool = False,
) -> Question:
    rows = table[table["metric"] == metric] if metric else table
    directions = {direction(metric, m in conditional) for m in rows["model"]} if metric else ()
    if metric in COMPARED.values() and not any(directions):
        return Question(name, Text("", ""), Text("", ""), [], metric)  # neither way is better
    answers = []
    for dim in sorted(map(int, rows["latent_dim"].unique())):
        cells = list(rows[rows["latent_dim"] == dim].itertuples())
        if metric in COMPARED.values():
            pairs = verdicts[(verdicts["metric"] == metric) & (verdicts["latent_dim"] == dim)]
            said = _compared(name, cells, pairs, conditional)
        else:
            said = {"prior": _prior, "obeys": _obeys, "cost": _cost}[name](cells)
        note = _not_compared(cells, metric, conditional)
        text, how_sure, level = said
        bars = _bars(cells, rows, metric, conditional)
        answers.append(Answer(dim, text, note, how_sure, level, bars))
    title = say(f"questions.{name}", conditional=names(sorted(conditional) or ["cvae"]))
    unit = say("units.likelihood_grey" if grey and name == "likelihood" else f"units.{name}")
    without = list(dict.fromkeys(table.loc[~table["model"].isin(rows["model"]), "model"]))
    if name == "likelihood" and without:
        unit = joined([unit, say("units.no_likelihood", models=names(without))])
    return Question(name, title, unit, answers, metric)


def _bars(
    cells: list[Any], rows: pd.DataFrame, metric: str | None, conditional: Collection[str]
) -> list[Bar]:
    """A bar for each model, on the one axis from 0 that all latent sizes share."""
    reach = max(1e-12, rows["mean"].max(), rows["high"].max(skipna=True))  # past NaN
    if metric and METRICS[metric].unit.startswith("%"):
        reach = 100.0
    scale = 100 / reach
    mixed = len({cell.model in conditional for cell in cells}) > 1

    def place(value: float) -> float | None:
        return None if math.isnan(value) else round(min(max(value * scale, 0), 100), 2)

    digits = METRICS[metric].digits if metric else 1
    return [
        Bar(
            cell.model,
            with_interval(cell, digits),
            place(cell.mean),
            place(cell.low),
            place(cell.high),
            bool(metric) and mixed and is_given_label(metric, cell.model, conditional),
        )
        for cell in cells
    ]


def _how_sure(p: float) -> tuple[Text, str]:
    level = "very_sure" if p < VERY_SURE else "sure"
    return say(f"sure.{level}", p="p < 0.001" if p < 0.001 else f"p = {p:.3f}"), level


def _undecided(n: int) -> tuple[Text, str]:
    return (say("sure.one_seed") if n < 2 else say("sure.undecided", n=n)), "unsure"


def _compared(
    name: str, cells: list[Any], pairs: pd.DataFrame, conditional: Collection[str]
) -> tuple[Text, Text, str]:
    """Which model is best in the question's metric, of those that are measured alike."""
    metric = COMPARED[name]
    left_out = _left_out(cells, metric, conditional)
    alike = [cell.model for cell in cells if cell.model not in left_out]
    better = METRICS[metric].better
    ranked = sorted(
        (cell for cell in cells if cell.model in alike),
        key=lambda cell: cell.mean if better == "lower" else -cell.mean,
    )
    first = ranked[0]
    if len(ranked) == 1:
        return say("answers.only", model=names([first.model])), *_alone(first)
    tests = {
        frozenset((row.model_a, row.model_b)): row
        for row in pairs.itertuples()
        if {row.model_a, row.model_b} <= set(alike)
    }
    against = {cell.model: tests.get(frozenset((first.model, cell.model))) for cell in ranked[1:]}
    tied = [m for m, row in against.items() if row is None or row.better != first.model]
    if not tied:
        gap = number(abs(against[ranked[1].model].mean), METRICS[metric].digits)
        text = say(
            "answers.best",
            model=names([first.model]),
            gap=say(f"gap.{name}", gap=gap),
            rival=names([ranked[1].model]),
        )
        return text, *_how_sure(max(row.p_holm for row in against.values()))
    n = min(cell.n for cell in ranked)
    if n < 2:
        text = say(f"answers.one_seed_{better}", model=names([first.model]))
        return text, *_undecided(n)
    open_between = names([first.model, *tied])
    if len(tied) == len(against):
        return say("answers.undecided", models=open_between), *_undecided(n)
    beaten = either([model for model in against if model not in tied])
    text = say("answers.among", models=open_between, beaten=beaten)
    return text, *_undecided(n)


def _left_out(cells: list[Any], metric: str, conditional: Collection[str]) -> list[str]:
    """Models that are given the label, where they can't be compared with those that are not."""
    everyone = [cell.model for cell in cells]
    if comparable(metric, everyone, conditional):
        return []
    return [model for model in everyone if model in conditional]


def _not_compared(cells: list[Any], metric: str | None, conditional: Collection[str]) -> Text:
    """The sentence that names them; empty where there are none."""
    left_out = _left_out(cells, metric, conditional) if metric in COMPARED.values() else []
    if not left_out:
        return Text("", "")
    of_code = metric == COMPARED["tells_apart"]
    key = "answers.given_label_code" if of_code else "answers.given_label"
    return say(key, models=names(left_out))


def _alone(cell: Any) -> tuple[Text, str]:
    return say("sure.nothing_to_compare", n=cell.n), "measured"


def _spread(cells: list[Any]) -> tuple[Text, str]:
    """What is known about numbers that are measured and not compared."""
    n = min(cell.n for cell in cells)
    return (say("sure.one_seed") if n < 2 else say("sure.measured", n=n)), "measured"


def _sides(cells: list[Any], limit: float) -> dict[str, list[str]]:
    """Models whose interval lies below the limit, above it, or on both sides of it."""
    sides = {"below": [], "above": [], "both": []}
    for cell in cells:
        low, high = (cell.mean if math.isnan(end) else end for end in (cell.low, cell.high))
        side = "below" if high < limit else "above" if low >= limit else "both"
        sides[side].append(cell.model)
    return sides


def _prior(cells: list[Any]) -> tuple[Text, Text, str]:
    """Whose codes are distributed nearly as N(0, I)."""
    limit = NEARLY_PRIOR * cells[0].latent_dim
    sides = _sides(cells, limit)
    parts = {
        "below": "answers.prior_yes",
        "above": "answers.prior_no",
        "both": "answers.prior_unclear",
    }
    said = [
        say(key, models=names(sides[side]), limit=number(limit, 1))
        for side, key in parts.items()
        if sides[side]
    ]
    text = joined([joined(said, "; ", "；"), Text(".", "。")], "")
    return text, *(_undecided(cells[0].n) if sides["both"] else _spread(cells))


def _obeys(cells: list[Any]) -> tuple[Text, Text, str]:
    """Whether the conditional models draw the class that they are asked for."""
    said = [_obeyed(cell) for cell in cells]
    if len(cells) > 1:
        pairs = zip(cells, said, strict=True)
        said = [say("answers.of_model", model=names([cell.model]), said=one) for cell, one in pairs]
    return joined(said), *_spread(cells)


def _obeyed(cell: Any) -> Text:
    low, high = (cell.mean,) * 2 if math.isnan(cell.low) else (cell.low, cell.high)
    level = (
        "yes"
        if low >= OBEYS
        else "often_not"
        if high < MOSTLY
        else "mostly"
        if low >= MOSTLY
        else "unclear"
    )
    return say(f"answers.obeys_{level}", share=number(cell.mean, 1))


def _cost(cells: list[Any]) -> tuple[Text, Text, str]:
    """Processor seconds of one run."""
    ranked = sorted(cells, key=lambda cell: cell.mean)
    least, most = ranked[0], ranked[-1]
    ends = {"low": number(least.mean, 1), "high": number(most.mean, 1)}
    if len(cells) == 1:
        return say("answers.cost_one", low=ends["low"]), *_spread(cells)
    if most.mean <= ALIKE * least.mean:
        return say("answers.cost_alike", **ends), *_spread(cells)
    models = {"least": names([least.model]), "most": names([most.model])}
    return say("answers.cost", **ends, **models), *_spread(cells)
