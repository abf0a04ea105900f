"""Saved views of MLflow's runs page: which runs it shows, how grouped, and which charts first.

MLflow keeps a view as a tag of the experiment, `mlflow.sharedViewState.<key>`, and lists it in the
menu *Views*; a link with `viewStateShareKey=<key>` opens it. The value is JSON: a name, times, and
the state of the page, deflated and in base64, as the page itself writes it (MLflow 3.17). A view
that the page can't read costs no result: the page says so and shows all runs.
"""

import base64
import json
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vaepipe.evaluation.metrics import HEADLINE, METRICS
from vaepipe.tracking import notes
from vaepipe.tracking.content import COSTS, NOTE
from vaepipe.tracking.names import digest
from vaepipe.tracking.store import Store

PREFIX = "mlflow.sharedViewState."
DESCRIBED = "vaepipe.described"  # digest of the description that `track` wrote
TEST = [*HEADLINE, *(name for name in METRICS if name not in HEADLINE)]
COLUMNS = [f"test/{name}" for name in HEADLINE]


def keys(store: Store) -> tuple[str, str]:
    """Keys of this results folder's views: of the means over the seeds, and of the runs."""
    return f"{store.writer[:8]}-means", f"{store.writer[:8]}-runs"


def save_views(
    store: Store, version: str, comparison: str, cells: Iterable[tuple[str, int]]
) -> None:
    """Save both views, and a description of the experiment that links to them, where they changed.

    A description that someone else wrote is left alone.

    Args:
        version: the report's, whose runs are shown.
        comparison: MLflow's id of the run with the report.
        cells: models and latent sizes.
    """
    there = store.client.get_experiment(store.experiment_id).tags
    means, runs = keys(store)
    for key, name, state in (
        (means, f"Means over the seeds, report {version}", means_state(version)),
        (runs, f"Runs by model and latent size, report {version}", runs_state(version, cells)),
    ):
        value = envelope(name, state, there.get(PREFIX + key))
        if value != there.get(PREFIX + key):
            store.client.set_experiment_tag(store.experiment_id, PREFIX + key, value)
    note = notes.of_experiment(store.experiment_id, means, runs, comparison)
    old = there.get(NOTE)
    if old != note and (old is None or digest([old]) == there.get(DESCRIBED)):
        store.client.set_experiment_tag(store.experiment_id, NOTE, note)
        store.client.set_experiment_tag(store.experiment_id, DESCRIBED, digest([note]))


def envelope(name: str, state: Mapping[str, Any], there: str | None) -> str:
    """A view as MLflow keeps it; the same text as `there` if that is the same view."""
    packed = "deflate;" + base64.b64encode(zlib.compress(json.dumps(state).encode(), 9)).decode()
    try:
        old = json.loads(there or "{}")
    except ValueError:
        old = {}
    if (old.get("name"), old.get("state")) == (name, packed):
        return there
    now = int(time.time() * 1000)
    created = old.get("createdAt", now)
    return json.dumps({"name": name, "createdAt": created, "updatedAt": now, "state": packed})


def means_state(version: str) -> dict[str, Any]:
    """A bar for each model and latent size."""
    parallel = {
        "type": "PARALLEL",
        "selectedParams": ["model", "latent_dim"],
        "selectedMetrics": COLUMNS,
        "displayName": "All headline metrics",
    }
    charts = {
        "test": [*map(_bar, _named("test", TEST)), parallel],
        "validation": [_line("validation/loss")],
        "train": [_line("train/loss")],
        "cost": [*map(_bar, _named("cost", COSTS))],
        "interval": [*map(_bar, _named("interval", TEST))],
    }
    return _state("cell", version, charts, folded={"interval"})


def runs_state(version: str, cells: Iterable[tuple[str, int]]) -> dict[str, Any]:
    """All runs, in folded groups by model and latent size."""
    charts = {
        "test": [*map(_bar, _named("test", TEST))],
        "validation": [_line("validation/loss")],
        "train": [_line("train/loss")],
        "cost": [*map(_bar, _named("cost", COSTS))],
        "sem": [*map(_bar, _named("sem", TEST))],
    }
    grouped = {
        "aggregateFunction": "average",
        "groupByKeys": [
            {"mode": "param", "groupByData": "model"},
            {"mode": "param", "groupByData": "latent_dim"},
        ],
    }
    groups = [f"param.model.{model},param.latent_dim.{dim}" for model, dim in cells]
    return _state("run", version, charts, folded={"sem", "kl"}) | {
        "groupBy": grouped,
        "groupsExpanded": dict.fromkeys(groups, False),
    }


def _named(section: str, names: Sequence[str]) -> list[str]:
    return [f"{section}/{name}" for name in names]


def _bar(metric: str) -> dict[str, Any]:
    return {"type": "BAR", "metricKey": metric, "displayName": metric.split("/")[-1]}


def _line(metric: str) -> dict[str, Any]:
    return _bar(metric) | {"type": "LINE", "selectedMetricKeys": [metric]}


def _state(
    kind: str, version: str, charts: Mapping[str, Sequence[Mapping[str, Any]]], folded: set[str]
) -> dict[str, Any]:
    """The page's state: a section of charts by the part of the metrics' names before the slash."""
    sections = [*charts, *sorted(folded - set(charts))]
    return {
        "searchFilter": f"tags.kind = '{kind}' and tags.report_version = '{version}'",
        "orderByKey": "tags.`mlflow.runName`",
        "orderByAsc": True,
        "selectedColumns": [f"metrics.`{name}`" for name in COLUMNS],
        "runsHiddenMode": "SHOW_ALL",
        "isAccordionReordered": True,  # else the page sorts the sections by name
        "compareRunCharts": [
            {
                "uuid": f"{section}-{i}",
                "metricSectionId": section,
                "isGenerated": True,
                "deleted": False,
                "runsCountToCompare": 100,
                **chart,
            }
            for section, of_section in charts.items()
            for i, chart in enumerate(of_section)
        ],
        "compareRunSections": [
            {
                "uuid": section,
                "name": section,
                "display": section not in folded,
                "isReordered": True,
                "deleted": False,
                "isGenerated": True,
            }
            for section in sections
        ],
    }
