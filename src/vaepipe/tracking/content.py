"""What is logged of a run, read from the run's files."""

import csv
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from mlflow.entities import Dataset, Metric

from vaepipe.core.files import read_json, sha256
from vaepipe.evaluation.metrics import METRICS
from vaepipe.models import weights
from vaepipe.params import Evaluate
from vaepipe.results import Results, Run
from vaepipe.tracking import notes
from vaepipe.tracking.names import (
    LAYOUT,
    data_digest,
    digest,
    history_points,
    metric_name,
    run_params,
    run_tags,
    training_digest,
)

NOTE = "mlflow.note.content"  # MLflow shows this tag as the description
COSTS = ("cpu_seconds", "seconds", "peak_memory_mib")


@dataclass(frozen=True)
class Content:
    """One MLflow run to be: `digest` tells whether it is there already.

    Artifacts are given by their file, with the folder within the run. Those of `refreshed` are no
    part of the digest: results that stay the same are the same run, however they are drawn, and
    the new files replace the old; so do `refreshed_tags`.

    `start` and `end` are those of the training, in milliseconds since 1970, or None where that is
    not known.
    """

    name: str
    digest: str
    tags: dict[str, str]
    artifacts: dict[Path, str]
    refreshed: dict[Path, str] = field(default_factory=dict)
    refreshed_tags: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    metrics: list[Metric] = field(default_factory=list)
    data: Dataset | None = None
    weights: Path | None = None
    training: str | None = None
    start: int | None = None
    end: int | None = None


def driver() -> str:
    """Which driver runs this stage, as Snakefile and dvc.yaml set it."""
    return os.environ.get("VAEPIPE_DRIVER", "none")


def common_tags(results: Results) -> dict[str, str]:
    """The tags of all runs of one comparison: what the results were made with."""
    made_with = read_json(results.provenance)
    git = made_with["git"]
    clean = {True: "true", False: "false", None: "unknown"}[git["clean"]]
    return {
        "git_commit": git["commit"] or "unknown",
        "git_clean": clean,
        "driver": driver(),
        "vaepipe_version": made_with["versions"]["vaepipe"],
    }


def of_run(run: Run, results: Results, models: Sequence[str], pictured: bool = True) -> Content:
    """The content of one run of the matrix, read from its files.

    Args:
        models: all of the matrix.
        pictured: whether the run has a figure of its own.
    """
    files = [results.model(run), results.history(run), results.metrics(run)]
    metadata, measured = weights.read_metadata(files[0]), read_json(files[2])
    failed = metadata.get("failed") or measured["failed"]
    reason = {"failed": failed} if failed else {}
    timing = read_json(results.timing(run))
    note = {NOTE: notes.of_run(run, metadata, failed)}
    return Content(
        name=run.name,
        digest=digest([LAYOUT, *map(sha256, files)]),
        tags=run_tags(run, metadata["data"], models) | reason | note,
        artifacts={files[1]: "", files[2]: ""},
        refreshed={results.figure(run.name): "figures"} if pictured else {},
        params=run_params(run, metadata["train"]) | evaluation_params(measured["protocol"]),
        # In this order, because the UI's compare page begins with the first metric.
        metrics=test_metrics(measured["metrics"])
        + cost_metrics(timing)
        + history_points(history_rows(files[1])),
        data=data_set(metadata["data"]),
        weights=files[0],
        training=training_digest(metadata),
        start=milliseconds(timing, "started"),
        end=milliseconds(timing, "ended"),
    )


def evaluation_params(protocol: Mapping[str, Any]) -> dict[str, str]:
    """The settings of section `evaluate` that a result depends on, as `evaluate.seed` and so on."""
    values = {k.removeprefix("evaluation_"): v for k, v in protocol.items()}
    settings = {f.name for f in fields(Evaluate)}
    return {f"evaluate.{k}": str(v) for k, v in values.items() if k in settings}


def history_rows(path: Path) -> list[dict[str, float]]:
    """The epochs of a history file, to the bit as training wrote them; empty cells are left out."""
    with path.open(encoding="utf-8", newline="") as file:
        return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]


def test_metrics(metrics: Mapping[str, float]) -> list[Metric]:
    """The metrics of the test set and their standard errors, as `metric_name` calls them."""
    now = int(time.time() * 1000)
    place = {name: i for i, m in enumerate(METRICS) for name in (m, f"{m}_sem")}
    names = sorted(metrics, key=lambda name: place.get(name, len(place)))
    return [Metric(metric_name(name), float(metrics[name]), now, 0) for name in names]


def cost_metrics(timing: Mapping[str, Any]) -> list[Metric]:
    """What training took, as `cost/cpu_seconds` and so on."""
    now = int(time.time() * 1000)
    return [Metric(f"cost/{name}", float(timing[name]), now, 0) for name in COSTS if name in timing]


def milliseconds(timing: Mapping[str, Any], moment: str) -> int | None:
    """A moment of training as MLflow has it; None in timings of older versions."""
    return int(timing[moment] * 1000) if moment in timing else None


def data_set(manifest: Mapping[str, Any]) -> Dataset:
    """The data set as MLflow logs it: its name, its digest, and the digest of each file."""
    files = {name: f["sha256"] for name, f in manifest["files"].items()}
    profile = {name: f["shape"] for name, f in manifest["files"].items()}
    return Dataset(
        name=manifest["data_set"],
        digest=data_digest(manifest),
        source_type="sha256",
        source=json.dumps(files),
        profile=json.dumps(profile),
    )
