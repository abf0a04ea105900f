"""The job of the claims stage: measure, judge, draw, write."""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import cache
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd

from vaepipe.claims import measure, pictures
from vaepipe.claims.conditions import CLAIMS, NEEDS, Numbers
from vaepipe.claims.inputs import COLUMNS, Inputs, Table, frame, read
from vaepipe.claims.measure import Part
from vaepipe.claims.rules import Judged, judge
from vaepipe.core.device import prepare
from vaepipe.core.files import write_json, write_text
from vaepipe.evaluation.tables import interval
from vaepipe.params import Claims, Matrix
from vaepipe.results import Results

KEYS = list(COLUMNS[:-2])
Source = tuple[Matrix, Claims, Path, Results]  # what the inputs are read from


def claims(matrix: Matrix, settings: Claims, data: Path, results: Results) -> None:
    """Write what was measured for the claims, the verdicts, and a picture of each.

    Args:
        data: folder of the data set.
    """
    source = (matrix, settings, data, results)
    inputs = _inputs(*source)
    table = measured(measure.parts(inputs), source, settings.processes)
    whole = frame([*table.rows, *table.seconds])
    found = verdicts(whole, matrix, settings, inputs.data.classes)
    write_text(results.claims_table, frame(table.rows).to_csv(index=False))
    write_text(results.claims_seconds, frame(table.seconds).to_csv(index=False))
    write_json(results.claims, found)
    pictures.draw_all(whole, found, table.images, inputs.data, results)


def measured(parts: Sequence[Part], source: Source, processes: int) -> Table:
    """All parts' rows in the parts' order, whichever of the processes measured them.

    Args:
        source: what `read` takes.
    """
    whole = Table()
    with ExitStack() as stack:
        in_turn: Callable = map
        if processes > 1:
            pool = ProcessPoolExecutor(min(processes, len(parts)), get_context("spawn"))
            in_turn = stack.enter_context(pool).map
        for table in in_turn(_measured, parts, repeat(source)):
            whole.extend(table)
    return whole


def _measured(part: Part, source: Source) -> Table:
    prepare("cpu", threads=1)
    return measure.measure(_inputs(*source), part)


@cache
def _inputs(matrix: Matrix, settings: Claims, data: Path, results: Results) -> Inputs:
    """Read once in each process."""
    return read(matrix, settings, data, results)


def verdicts(
    table: pd.DataFrame, matrix: Matrix, settings: Claims, classes: Sequence[str]
) -> dict[str, Any]:
    """What claims.json holds: settings, and for each claim its verdict, conditions and numbers.

    A claim is tested if each model that it needs was measured at each of its latent sizes. If not,
    its verdict is `not_tested`, and `needs` has the models that the matrix lacks.

    Args:
        classes: names of the classes of the images.
    """
    numbers = Numbers(table)
    judged = judge(
        {
            name: conditions(numbers)
            for name, conditions in CLAIMS.items()
            if numbers.has(name, NEEDS[name])
        }
    )
    return {
        "classes": list(classes),
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
