"""What changed between two versions of the results, and by how much each metric moved."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from scipy.special import stdtrit

from vaepipe.core.errors import UserError
from vaepipe.core.provenance import git
from vaepipe.evaluation.metrics import METRICS, direction
from vaepipe.figures import NAMES
from vaepipe.versions.revisions import Version, earlier, read_version

CODE = ("src", "workflow", "Snakefile", "dvc.yaml", "requirements.lock", "pyproject.toml")
KEYS = ["model", "latent_dim", "metric"]
SIDES = ("old", "new", "moved")
PARAMS = "params.yaml, without presets"  # the heading of what is compared of the settings

Change = tuple[str, Any, Any]


@dataclass(frozen=True)
class Diff:
    """Two versions and what differs.

    Attributes:
        params, data, packages: (name, old value, new value), each value None where its side lacks
            it; or None where one of the versions does not say.
        code: (file, lines added, lines removed).
        metrics: a row per model, latent size and metric, as `moves` gives them.
        figures: (name, old PNG, new PNG) of those that differ; None where one side lacks it.
        same_figures: names of the figures that are the same in both, byte for byte.
    """

    old: Version
    new: Version
    params: list[Change] | None
    data: list[Change] | None
    packages: list[Change] | None
    code: list[tuple[str, str, str]]
    metrics: pd.DataFrame
    figures: list[tuple[str, bytes | None, bytes | None]]
    same_figures: list[str]


def difference(
    a: Mapping[str, float], b: Mapping[str, float], level: float = 0.95
) -> tuple[float, float]:
    """Mean of `b` less mean of `a`, and half the width of Welch's t-interval of it.

    Args:
        a, b: `n`, `mean` and `sd` over the seeds of each version.

    Returns:
        The difference and the half width: NaN where either version has one seed only.
    """
    moved = b["mean"] - a["mean"]
    if min(a["n"], b["n"]) < 2:
        return moved, math.nan
    parts = [x["sd"] ** 2 / x["n"] for x in (a, b)]
    if not sum(parts):
        return moved, 0.0
    # Welch and Satterthwaite's degrees of freedom.
    freedom = sum(parts) ** 2 / sum(
        part**2 / (x["n"] - 1) for part, x in zip(parts, (a, b), strict=True)
    )
    return moved, float(stdtrit(freedom, 0.5 + level / 2)) * math.sqrt(sum(parts))


def change_in_words(moved: float, half: float, better: str) -> str:
    """What the move of a metric says: nothing, where its interval holds zero or is missing."""
    if moved == 0:
        return "unchanged"
    if math.isnan(half):
        return "one seed: no interval"
    if abs(moved) <= half:
        return "within the interval"
    direction = "lower" if moved < 0 else "higher"
    if not better:
        return direction
    return "better" if direction == better else "worse"


def moves(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """A row per model, latent size and metric of either version.

    Returns:
        The three keys; `old`, `new` and `moved`, the means and their difference; `half_old`,
        `half_new` and `half_moved`, half the widths of their 95 % intervals; and `verdict`.
    """
    both = old.merge(new, on=KEYS, how="outer", suffixes=("_old", "_new"), sort=False)
    models = [*dict.fromkeys([*new["model"], *old["model"]])]
    metrics = [*METRICS, *sorted(set(both["metric"]) - set(METRICS))]
    both["model"] = pd.Categorical(both["model"], models)
    both["metric"] = pd.Categorical(both["metric"], metrics)
    both = both.sort_values(["latent_dim", "model", "metric"])
    # Only models that are given the label have this metric.
    conditional = set(both.loc[both["metric"] == "conditional_accuracy", "model"])
    rows = []
    for row in both.to_dict("records"):
        sides = [{k: row[f"{k}_{side}"] for k in ("n", "mean", "sd")} for side in ("old", "new")]
        better = direction(row["metric"], row["model"] in conditional)
        if any(math.isnan(side["n"]) for side in sides):
            moved, half = math.nan, math.nan
            said = "new" if math.isnan(sides[0]["n"]) else "gone"
        else:
            moved, half = difference(*sides)
            said = change_in_words(moved, half, better)
        rows.append(
            {key: row[key] for key in KEYS}
            | {side: row[f"mean_{side}"] for side in ("old", "new")}
            | {f"half_{s}": row[f"high_{s}"] - row[f"mean_{s}"] for s in ("old", "new")}
            | {"moved": moved, "half_moved": half, "verdict": said}
        )
    return pd.DataFrame(rows)


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change] | None:
    """(key, old value, new value) of every key whose value differs; None where a side is empty."""
    if not (old and new):
        return None
    keys = [*old, *(key for key in new if key not in old)]
    return [(k, old.get(k), new.get(k)) for k in keys if old.get(k) != new.get(k)]


def compare(root: Path, rev_a: str, rev_b: str | None) -> Diff:
    """What changed from revision `rev_a` to `rev_b`, or to the working tree for None.

    Raises:
        UserError: a revision is unknown or holds no results.
    """
    old, new = read_version(root, rev_a), read_version(root, rev_b)
    names = [*new.figures, *(name for name in old.figures if name not in new.figures)]
    pairs = [(name, old.figures.get(name), new.figures.get(name)) for name in names]
    commits = [version.commit.split(",")[0] for version in (old, new) if version.commit]
    code = git(root, "diff", "--numstat", *commits, "--", *CODE)
    return Diff(
        old,
        new,
        changes(old.params, new.params),
        changes(*(_data(version) for version in (old, new))),
        changes(old.packages, new.packages),
        [_code_line(line) for line in code.splitlines()],
        moves(old.comparison, new.comparison),
        [pair for pair in pairs if pair[1] != pair[2]],
        [name for name, a, b in pairs if a == b],
    )


def _data(version: Version) -> dict[str, str]:
    return {file: d[:12] for file, d in version.digests.items() if file.startswith("data/")}


def _code_line(line: str) -> tuple[str, str, str]:
    added, removed, file = line.split("\t")
    return file, added, removed


def text(diff: Diff) -> str:
    """The differences as plain text for a terminal."""
    parts = [f"from {title(diff.old)}\nto   {title(diff.new)}"]
    for heading, rows in sections(diff).items():
        lines = [f"  {name}: {shown(a)} -> {shown(b)}" for name, a, b in rows or []]
        nothing = "  not recorded in both" if rows is None else "  no change"
        parts.append("\n".join([heading, *(lines or [nothing])]))
    lines = [f"  {file} +{added} -{removed}" for file, added, removed in diff.code]
    parts.append("\n".join(["Code, lines", *(lines or ["  no change"])]))
    table = pd.DataFrame(
        {
            "model": row["model"],
            "latents": row["latent_dim"],
            "metric": row["metric"],
            **{side: mean(row, side) for side in SIDES},
            "": row["verdict"],
        }
        for row in diff.metrics.to_dict("records")
    )
    parts.append(f"Metrics, mean ± 95 % over seeds\n{table.to_string(index=False)}")
    changed = ", ".join(name for name, *_ in diff.figures) or "none"
    parts.append(f"Figures that differ: {changed}")
    if lost := [name for name in NAMES if name not in diff.old.figures | diff.new.figures]:
        reasons = "not made then, or see `dvc pull`"
        parts.append(f"Figures that can't be had ({reasons}): {', '.join(lost)}")
    return "\n\n".join(parts)


def sections(diff: Diff) -> dict[str, list[Change] | None]:
    """The lists of changes by heading."""
    return {PARAMS: diff.params, "Data, SHA-256": diff.data, "Packages": diff.packages}


def title(version: Version) -> str:
    """A version's name and its commit."""
    if not version.commit or version.commit.startswith(version.name):
        return version.commit or version.name
    return f"{version.name} ({version.commit})"


def shown(value: Any) -> str:
    """A value of one side, or a dash where that side lacks it."""
    if value is None:
        return "–"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def missing(value: float | None) -> bool:
    """Whether there is no number: NaN in a table, None in JSON."""
    return value is None or math.isnan(value)


def mean(row: Mapping[str, Any], side: str) -> str:
    """A mean of a row of `moves`, or its move, with half its interval, as people read them."""
    metric = METRICS.get(row["metric"])
    digits = metric.digits if metric else 2
    value, half, sign = row[side], row[f"half_{side}"], "+" if side == "moved" else ""
    if missing(value):
        return "–"
    return f"{value:{sign},.{digits}f}" + ("" if missing(half) else f" ± {half:,.{digits}f}")


def since_earlier(root: Path) -> dict[str, Any] | None:
    """`as_json` of what changed since the committed version before, or None if there is none."""
    try:
        rev = earlier(root)
        return as_json(compare(root, rev, None)) if rev else None
    except UserError as error:
        # Results stand without it.
        print(f"vaepipe: not compared with an earlier version: {error}", file=sys.stderr)
        return None


def as_json(diff: Diff) -> dict[str, Any]:
    """The differences as plain values, for a file: figures by their names alone."""
    rows = diff.metrics.astype(object).where(diff.metrics.notna(), None)
    return {
        "old": {"name": diff.old.name, "title": title(diff.old)},
        "new": {"name": diff.new.name, "title": title(diff.new)},
        "sections": sections(diff),
        "code": diff.code,
        "metrics": rows.to_dict("records"),
        "figures": [name for name, *_ in diff.figures],
        "same_figures": diff.same_figures,
    }
