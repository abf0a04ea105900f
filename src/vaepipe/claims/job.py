"""The job of the claims stage: measure, judge, draw, write."""

import math
from pathlib import Path
from typing import Any

import pandas as pd

from vaepipe.claims import measure, pictures
from vaepipe.claims.conditions import CLAIMS, NEEDS, Numbers
from vaepipe.claims.inputs import COLUMNS, Table, read
from vaepipe.claims.rules import Judged, judge
from vaepipe.core.device import prepare
from vaepipe.core.files import write_json, write_text
from vaepipe.evaluation.tables import interval
from vaepipe.params import Claims, Matrix
from vaepipe.results import Results

KEYS = list(COLUMNS[:-2])


def claims(matrix: Matrix, settings: Claims, data: Path, results: Results) -> None:
    """Write what was measured for the claims, the verdicts, and a picture of each.

    Args:
        data: folder of the data set.
    """
    prepare("cpu", settings.threads)
    inputs = read(matrix, settings, data, results)
    table, seconds = measure.measure(inputs)
    write_table(results.claims_table, table)
    write_table(results.claims_seconds, seconds)
    whole = pd.concat([table.frame(), seconds.frame()], ignore_index=True)
    found = verdicts(whole, matrix, settings)
    write_json(results.claims, found)
    pictures.draw_all(whole, found, table.images, inputs.data, results)


def write_table(path: Path, table: Table) -> None:
    """Write the rows as CSV."""
    write_text(path, table.frame().to_csv(index=False))


def verdicts(table: pd.DataFrame, matrix: Matrix, settings: Claims) -> dict[str, Any]:
    """What claims.json holds: settings, and for each claim its verdict, conditions and numbers.

    A claim that the matrix can't answer has the verdict `not_tested` and in `needs` what it lacks.
    """
    numbers = Numbers(table)
    judged = judge({name: conditions(numbers) for name, conditions in CLAIMS.items()})
    return {
        "matrix": vars(matrix),
        "settings": vars(settings),
        "claims": {
            name: {
                **(_verdict(judged[name]) if name in judged else {"verdict": "not_tested"}),
                "needs": [m for m in NEEDS[name] if m not in matrix.models],
                "numbers": summary(table[table["claim"] == name]),
            }
            for name in CLAIMS
        },
    }


def _verdict(judged: Judged) -> dict[str, Any]:
    return {
        "verdict": judged.verdict,
        "p": judged.p,
        "closest": judged.closest,
        "conditions": [
            {
                "name": condition.name,
                "arm": condition.arm,
                "latent_dim": condition.latent_dim,
                "threshold": condition.threshold,
                "above": condition.above,
                "ratio": condition.ratio,
                "estimate": _finite(tested.estimate),
                "low": _finite(tested.low),
                "high": _finite(tested.high),
                "p_holds": tested.holds,
                "p_fails": tested.fails,
            }
            for condition, tested in judged.conditions
        ],
    }


def summary(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Mean and 95 % t-interval over the seeds of each quantity, arm and latent size."""
    found = []
    for key, group in table.groupby(KEYS[1:], sort=False):
        values = group["value"]
        spread = interval(values) if values.map(math.isfinite).all() else {"n": len(values)}
        cell = {name: _finite(spread.get(name)) for name in ("mean", "low", "high")}
        found.append(dict(zip(KEYS[1:], key, strict=True)) | {"n": int(spread["n"])} | cell)
    return found


def _finite(value: float | None) -> float | None:
    """The number, or None where JSON has none."""
    return None if value is None or not math.isfinite(value) else float(value)
