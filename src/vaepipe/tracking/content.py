"""What MLflow is told of a run, out of the run's files."""

import csv
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from mlflow.entities import Dataset, Metric

from vaepipe import __version__
from vaepipe.core.files import read_json, sha256
from vaepipe.core.provenance import git_state
from vaepipe.evaluation.metrics import METRICS
from vaepipe.models import weights
from vaepipe.params import Evaluate
from vaepipe.results import Results, Run
from vaepipe.tracking.names import (
    data_digest,
    digest,
    history_points,
    run_params,
    run_tags,
    training_digest,
)


@dataclass(frozen=True)
class Content:
    """One MLflow run to be: `digest` tells whether it is there already.

    `artifacts` are folders within the run and the files they take. `figures` are not part of the
    digest: numbers that stay the same are the same run, however they are drawn.
    """

    name: str
    digest: str
    tags: dict[str, str]
    artifacts: dict[Path, str]
    figures: dict[Path, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    metrics: list[Metric] = field(default_factory=list)
    data: Dataset | None = None
    weights: Path | None = None
    training: str | None = None


def driver() -> str:
    """Who runs this stage, as Snakefile and dvc.yaml say."""
    return os.environ.get("VAEPIPE_DRIVER", "none")


def common_tags() -> dict[str, str]:
    """What holds for all that one call publishes."""
    git = git_state()
    clean = {True: "true", False: "false", None: "unknown"}[git["clean"]]
    return {
        "git_commit": git["commit"] or "unknown",
        "git_clean": clean,
        "driver": driver(),
        "vaepipe_version": __version__,
    }


def of_run(run: Run, results: Results) -> Content:
    """All that one run of the matrix has to show."""
    files = [results.model(run), results.history(run), results.metrics(run)]
    note, measured = weights.read_metadata(files[0]), read_json(files[2])
    return Content(
        name=run.name,
        digest=digest(map(sha256, files)),
        tags=run_tags(run, note["data"]) | ({"failed": note["failed"]} if failed(note) else {}),
        artifacts={files[1]: "", files[2]: ""},
        figures={results.figure(run.name): "figures"},
        params=run_params(run, note["train"]) | evaluation_params(measured["protocol"]),
        # In this order, because the UI's compare page begins with the first metric.
        metrics=test_metrics(measured["metrics"])
        + [Metric(*point) for point in history_points(history_rows(files[1]))],
        data=data_set(note["data"]),
        weights=files[0],
        training=training_digest(note),
    )


def failed(note: Mapping[str, Any]) -> bool:
    """Whether training did not come to its end; the note says why."""
    return bool(note.get("failed"))


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
    """The metrics of the test set and their standard errors as `test/neg_elbo` and so on."""
    now = int(time.time() * 1000)
    place = {name: i for i, m in enumerate(METRICS) for name in (m, f"{m}_sem")}
    names = sorted(metrics, key=lambda name: place.get(name, len(place)))
    return [Metric(f"test/{name}", float(metrics[name]), now, 0) for name in names]


def data_set(manifest: Mapping[str, Any]) -> Dataset:
    """The data set as MLflow logs it: by name and digest, and where its files' digests stand."""
    files = {name: f["sha256"] for name, f in manifest["files"].items()}
    profile = {name: f["shape"] for name, f in manifest["files"].items()}
    return Dataset(
        name=manifest["data_set"],
        digest=data_digest(manifest),
        source_type="sha256",
        source=json.dumps(files),
        profile=json.dumps(profile),
    )
