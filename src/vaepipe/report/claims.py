"""The chapter of claims: from results/claims.json to texts and numbers in both languages."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from vaepipe.claims import NAMES, conditions
from vaepipe.models.names import title as model_title
from vaepipe.report.words import Text, catalogue, counted, listed, names, say

LIMITS = {
    "well": f"{conditions.WELL:g}",
    "worse": f"{conditions.WORSE:g}",
    "near": f"{conditions.NEAR:g}",
    "follows": f"{conditions.FOLLOWS:g}",
    "error_ratio": f"{conditions.ERROR_RATIO:g}",
    "cost_ratio": f"{conditions.COST_RATIO:g}",
    "blurrier": f"{conditions.BLURRIER:g}",
    "obeys": f"{conditions.OBEYS:g}",
    "worst_class": f"{conditions.WORST_CLASS:g}",
    "same": f"{conditions.SAME:g}",
    "slack": f"{conditions.SLACK:g}",
}
# Quantities that belong to a picture or to the protocol, and are no results.
NOT_LISTED = ("look_", "epochs", "right_")


class Condition(NamedTuple):
    """A line of the rule's table."""

    text: Text
    size: Text
    measured: Text
    wanted: Text


class Numbers(NamedTuple):
    """All numbers of a claim as a table: its header, and rows that start with a label."""

    header: list[Text]
    rows: list[tuple[Text, list[str]]]


class Claim(NamedTuple):
    """One claim as the page shows it.

    Attributes:
        verdict: one of the rules' verdicts, `not_tested`, or `not_measured`.
        p: the corrected p-value, None where there is none to show.
        said: the plain sentence.
    """

    name: str
    stated: Text
    verdict: str
    label: Text
    p: Text | None
    said: Text
    conditions: list[Condition]
    how: Text
    change: Text
    caption: Text
    numbers: Numbers | None


def chapter(found: Mapping[str, Any] | None) -> list[Claim]:
    """All claims in the page's order.

    Args:
        found: what claims.json holds; None where nothing has been measured.
    """
    classes = found["classes"] if found else []
    return [_claim(name, found["claims"][name] if found else None, classes) for name in NAMES]


def tested(claims: list[Claim]) -> int:
    """How many of them have a verdict."""
    return sum(one.verdict in ("supported", "not_supported", "undecided") for one in claims)


def settings(found: Mapping[str, Any], preset: Text) -> Text:
    """What the runs were, in a line."""
    matrix = found["matrix"]
    dims = listed([Text(str(d), str(d)) for d in sorted(matrix["latent_dims"])])
    seeds = counted("seed", len(matrix["seeds"]))
    models = names(list(matrix["models"]))
    return say("claims.made_with", preset=preset, models=models, dims=dims, seeds=seeds)


def _claim(name: str, found: Mapping[str, Any] | None, classes: Sequence[str]) -> Claim:
    verdict = found["verdict"] if found else "not_measured"
    rows = found.get("conditions", []) if found else []
    return Claim(
        name,
        say(f"claims_stated.{name}"),
        verdict,
        say(f"claims.{verdict}"),
        _p(found["p"]) if rows and verdict != "undecided" else None,
        _said(name, verdict, found),
        [_condition(row) for row in rows],
        say(f"claims_how.{name}", **LIMITS),
        say(f"claims_change.{name}", **LIMITS),
        say(f"claims_caption.{name}"),
        _numbers(found["numbers"], classes) if rows else None,
    )


def _p(p: float) -> Text:
    return say("claims.p_small") if p < 0.001 else say("claims.p", p=f"{p:.3f}")


def _said(name: str, verdict: str, found: Mapping[str, Any] | None) -> Text:
    """The plain sentence on how the claim fared."""
    if verdict == "not_measured":
        return say("claims.not_measured")
    if verdict == "not_tested":
        return _needs(found["needs"])
    if verdict == "supported":
        return say(f"claims_yes.{name}")
    row = found["conditions"][found["closest"]]
    if row["low"] is None:
        return say("claims.one_seed")
    sentence = say(
        "claims.with_size" if row["latent_dim"] else "claims.without_size",
        **{
            "condition": _condition_text(row),
            "measured": _measured(row),
            "wanted": _wanted(row),
            **({"latents": _latents(row["latent_dim"])} if row["latent_dim"] else {}),
        },
    )
    return say("claims.no" if verdict == "not_supported" else "claims.open", condition=sentence)


def _needs(models: list[str]) -> Text:
    if models:
        return say("claims.needs_models", models=names(models))
    return say("claims.needs_labels")


def _latents(n: int) -> Text:
    return say("page.latent") if n == 1 else say("page.latents", n=n)


def _condition(row: Mapping[str, Any]) -> Condition:
    size = Text(*2 * [str(row["latent_dim"])]) if row["latent_dim"] else say("claims.all_sizes")
    return Condition(_condition_text(row), size, _measured(row), _wanted(row))


def _condition_text(row: Mapping[str, Any]) -> Text:
    return say(f"claims_condition.{row['name']}", model=model_title(row["arm"]))


def _wanted(row: Mapping[str, Any]) -> Text:
    return say("claims.above" if row["above"] else "claims.below", limit=f"{row['threshold']:g}")


def _measured(row: Mapping[str, Any]) -> Text:
    mean = digits(row["estimate"])
    if row["low"] is None:
        return Text(mean, mean)
    return say("claims.interval", mean=mean, low=digits(row["low"]), high=digits(row["high"]))


def digits(value: float | None) -> str:
    """A number for readers with four digits, three below 1, a true minus; a dash where none is."""
    if value is None or not math.isfinite(value):
        return "–"
    size = abs(value)
    # Ratios near 1 differ by little.
    behind = (
        4
        if size < 0.1 or abs(size - 1) < 0.1
        else 3
        if size < 10
        else 2
        if size < 100
        else 1
        if size < 1000
        else 0
    )
    text = f"{value:,.{behind}f}"
    return (text.lstrip("-") if float(text.replace(",", "")) == 0 else text).replace("-", "−")


def _numbers(rows: list[Mapping[str, Any]], classes: Sequence[str]) -> Numbers:
    """Arms by quantities, or the other way round where there are more quantities than arms."""
    shown = [row for row in rows if _listed(row["quantity"])]
    cells = {(row["arm"], row["latent_dim"], row["quantity"]): _cell(row) for row in shown}
    arms = list(dict.fromkeys((arm, dim) for arm, dim, _ in cells))
    quantities = list(dict.fromkeys(quantity for _, _, quantity in cells))
    of_arms = [_arm(*arm) for arm in arms]
    of_quantities = [_quantity(quantity, classes) for quantity in quantities]
    if len(arms) >= len(quantities):
        table = [[cells.get((*arm, q), "–") for q in quantities] for arm in arms]
        return Numbers(of_quantities, list(zip(of_arms, table, strict=True)))
    table = [[cells.get((*arm, q), "–") for arm in arms] for q in quantities]
    return Numbers(of_arms, list(zip(of_quantities, table, strict=True)))


def _listed(quantity: str) -> bool:
    return not quantity.startswith(NOT_LISTED) or quantity.removeprefix("right_").isdigit()


def _cell(row: Mapping[str, Any]) -> str:
    half = f" ± {digits(row['high'] - row['mean'])}" if row["high"] is not None else ""
    return digits(row["mean"]) + half


def _arm(arm: str, dim: int) -> Text:
    known = catalogue()["claims_arm"]
    label = say(f"claims_arm.{arm}") if arm in known else Text(*2 * [model_title(arm)])
    return Text(*(f"{text}, {dim}" if dim else str(text) for text in label))


def _quantity(name: str, classes: Sequence[str]) -> Text:
    if name.startswith("right_"):
        return say("claims.class", name=classes[int(name.removeprefix("right_"))])
    return say(f"claims_quantity.{name}")
