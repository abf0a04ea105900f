"""Means over the seeds as runs of their own, which MLflow's charts do not make, and the comparison.

MLflow can group runs and average a metric, but shows no interval and no spread between seeds
(https://github.com/mlflow/mlflow/issues/3762 and 7790).
"""

import math
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.entities import Metric

from vaepipe.core.files import read_json
from vaepipe.evaluation.metrics import HEADLINE, METRICS
from vaepipe.figures import NAMES
from vaepipe.results import Results, Run
from vaepipe.tracking import notes
from vaepipe.tracking.content import NOTE, Content
from vaepipe.tracking.names import LAYOUT, digest

AVERAGED = ("cost/", "train/", "validation/")
OF_A_SEED = ("seed", "failed", NOTE)


def cells(
    contents: Mapping[Run, Content],
    comparison: pd.DataFrame,
    ids: Mapping[str, str],
    experiment_id: str,
) -> list[Content]:
    """A content for each model and latent size: means over the seeds and their intervals.

    A cell of which every run failed has none.

    Args:
        contents: those of the runs.
        comparison: means and intervals, as `tables.comparison_table` has them.
        ids: MLflow's run ids by the runs' names.
    """
    by_cell: dict[tuple[str, int], list[Run]] = defaultdict(list)
    for run in contents:
        by_cell[run.model, run.latent_dim].append(run)
    measured = dict(list(comparison.groupby(["model", "latent_dim"])))
    return [
        _cell(
            runs, contents, measured[cell], {run.name: ids[run.name] for run in runs}, experiment_id
        )
        for cell, runs in by_cell.items()
        if cell in measured
    ]


def _cell(
    runs: Sequence[Run],
    contents: Mapping[Run, Content],
    measured: pd.DataFrame,
    ids: Mapping[str, str],
    experiment_id: str,
) -> Content:
    first = contents[runs[0]]
    of_seeds = [contents[run] for run in runs if "failed" not in contents[run].tags]
    name = f"{runs[0].model}-z{runs[0].latent_dim}"
    failed = len(runs) - len(of_seeds)
    own = {"kind": "cell", NOTE: notes.of_cell(runs[0], experiment_id, ids, failed)}
    return Content(
        name=name,
        digest=digest([LAYOUT, name, *ids.values()]),
        tags={k: v for k, v in first.tags.items() if k not in OF_A_SEED} | own,
        artifacts={},
        params={k: v for k, v in first.params.items() if k != "seed"}
        | {"seeds": str(len(of_seeds))},
        metrics=with_intervals(measured) + averaged(of_seeds),
        data=first.data,
        **span(contents[run] for run in runs),
    )


def with_intervals(measured: pd.DataFrame) -> list[Metric]:
    """The rows of a cell: `test/neg_elbo` is the mean, `interval/neg_elbo` half its interval.

    One seed has no interval.
    """
    now = int(time.time() * 1000)
    rows = [row for row in measured.itertuples() if row.metric in METRICS]
    halves = [(row.metric, row.high - row.mean) for row in rows]
    return [Metric(f"test/{row.metric}", float(row.mean), now, 0) for row in rows] + [
        Metric(f"interval/{name}", float(half), now, 0)
        for name, half in halves
        if not math.isnan(half)
    ]


def averaged(contents: Iterable[Content]) -> list[Metric]:
    """Costs, and losses by epoch, as means over the seeds."""
    points: dict[tuple[str, int], list[float]] = defaultdict(list)
    for content in contents:
        for point in content.metrics:
            if point.key.startswith(AVERAGED):
                points[point.key, point.step].append(point.value)
    now = int(time.time() * 1000)
    return [
        Metric(key, sum(values) / len(values), now, step) for (key, step), values in points.items()
    ]


def span(contents: Iterable[Content]) -> dict[str, int | None]:
    """From the first start of training to the last end of it."""
    contents = list(contents)
    starts = [content.start for content in contents if content.start is not None]
    ends = [content.end for content in contents if content.end is not None]
    return {"start": min(starts, default=None), "end": max(ends, default=None)}


def comparison_run(
    results: Results,
    tables: Sequence[Path],
    version: str,
    measured: Sequence[Content],
    cells: Mapping[str, str],
    ids: Mapping[str, str],
    experiment_id: str,
) -> Content:
    """The content of the run that holds the report: headline means of all cells, and the answers.

    Args:
        version: digest of tables and figures.
        measured: contents of the cells.
        cells: MLflow's ids of the cells, by name.
        ids: those of the runs.
    """
    answers = read_json(results.answers)
    return Content(
        name="comparison",
        digest=digest([LAYOUT, version, *ids.values()]),
        tags={"kind": "comparison"},
        artifacts=dict.fromkeys(tables, ""),
        # The report and its answers have seconds, which differ from one run of the pipeline to
        # the next.
        refreshed=dict.fromkeys(map(results.figure, NAMES), "figures")
        | {results.report: "", results.answers: ""},
        refreshed_tags=answer_tags(answers)
        | {NOTE: notes.of_comparison(experiment_id, answers, cells, ids)},
        metrics=[
            Metric(f"mean/{name}.{cell.name}", point.value, point.timestamp, 0)
            for name in HEADLINE
            for cell in measured
            for point in cell.metrics
            if point.key == f"test/{name}"
        ],
        **span(measured),
    )


def answer_tags(answers: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """`answer.likelihood.z20` and so on, with how sure it is."""
    return {
        f"answer.{one['question']}.z{one['latent_dim']}": " ".join(
            f"{one['answer'].strip()} {one['how_sure'].strip()}".split()
        )
        for one in answers
    }
