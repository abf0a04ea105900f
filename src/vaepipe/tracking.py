"""Results to MLflow: files first, then published, so that a store's fault never costs a result."""

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

# Read when mlflow is imported.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")

import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from vaepipe import weights
from vaepipe.errors import UserError
from vaepipe.figures import COLOURS, NAMES
from vaepipe.files import read_json, sha256
from vaepipe.params import Matrix
from vaepipe.provenance import git_state
from vaepipe.runs import Results, Run, runs_of

BATCH = 1000  # metrics that one call may log


def store(results: Results) -> str:
    """Where runs are logged: MLFLOW_TRACKING_URI, or an sqlite file among the results."""
    default = f"sqlite:///{results.mlflow / 'mlflow.db'}"
    return os.environ.get("MLFLOW_TRACKING_URI") or default


def without_secrets(uri: str) -> str:
    """The URI less a password in it."""
    parts = urlsplit(uri)
    if parts.password is None:
        return uri
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{host}"))


def track(matrix: Matrix, experiment: str, results: Results) -> dict[str, Any]:
    """Log every run of the matrix, and one run that holds the comparison.

    A run is known by the digest of its files: one that is there whole is left alone, one that was
    cut short is written anew. Runs of other versions stay, to be compared with.

    Returns:
        The store, the experiment's id, and the MLflow run id of each run and of the comparison.

    Raises:
        UserError: the store can't be used; the results are not touched by that.
    """
    uri = store(results)
    try:
        client = MlflowClient(uri)
        experiment_id = _experiment(client, experiment, uri, results)
        git = git_state()
        ids = {
            run.name: _log_once(client, experiment_id, run.name, _run_files(run, results), git, run)
            for run in runs_of(matrix)
        }
        tables = [results.metrics_table, results.comparison_table, results.differences_table]
        files = [*tables, results.protocol, *map(results.figure, NAMES)]
        comparison = _log_once(client, experiment_id, "comparison", files, git)
    except (MlflowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"MLflow's store {without_secrets(uri)} can't be used: {reason}."
            " All results are kept; run the track stage again later"
        ) from error
    return {
        "tracking_uri": without_secrets(uri),
        "experiment_id": experiment_id,
        "runs": ids,
        "comparison": comparison,
    }


def _experiment(client: MlflowClient, name: str, uri: str, results: Results) -> str:
    if found := client.get_experiment_by_name(name):
        return found.experiment_id
    # A server keeps artifacts where it was told to; beside a database file they lie beside it.
    local = uri.startswith("sqlite:")
    folder = (results.mlflow / "mlartifacts").resolve().as_uri() if local else None
    return client.create_experiment(name, artifact_location=folder)


def _run_files(run: Run, results: Results) -> list[Path]:
    return [
        results.model(run),
        results.history(run),
        results.metrics(run),
        results.figure(run.name),
    ]


def _log_once(
    client: MlflowClient,
    experiment_id: str,
    name: str,
    files: list[Path],
    git: dict[str, Any],
    run: Run | None = None,
) -> str:
    digest = hashlib.sha256("".join(map(sha256, files)).encode()).hexdigest()
    same = f"tags.digest = '{digest}' and tags.`mlflow.runName` = '{name}'"
    for found in client.search_runs([experiment_id], same):
        if found.info.status == "FINISHED":
            return found.info.run_id
        client.delete_run(found.info.run_id)

    tags = {"digest": digest, "git_commit": git["commit"] or "none", "git_clean": str(git["clean"])}
    made = client.create_run(experiment_id, run_name=name, tags=tags)
    run_id = made.info.run_id
    if run:
        _log_values(client, run_id, run, *files[:3])
    for path in files:
        client.log_artifact(run_id, str(path), "figures" if path.suffix == ".png" else None)
    client.set_terminated(run_id, "FINISHED")
    print(f"logged {name} to MLflow as {run_id}", file=sys.stderr)
    return run_id


def _log_values(
    client: MlflowClient, run_id: str, run: Run, model: Path, history: Path, metrics: Path
) -> None:
    note, measured = weights.read_note(model), read_json(metrics)
    data = hashlib.sha256(json.dumps(note["data"], sort_keys=True).encode()).hexdigest()
    tags = {**vars(run), "data_set": measured["protocol"]["data_set"], "data_digest": data}
    tags["mlflow.runColor"] = COLOURS.get(run.model, "#777777")
    params = {**vars(run), **note["train"]}
    params |= {f"evaluate.{k}": v for k, v in measured["protocol"].items()}
    values = [Metric(f"test/{k}", v, 0, 0) for k, v in measured["metrics"].items()]
    values += [
        Metric(_slashed(name), value, 0, int(row["epoch"]))
        for row in pd.read_csv(history).to_dict("records")
        for name, value in row.items()
        if name != "epoch"
    ]
    client.log_batch(
        run_id,
        params=[Param(k, str(v)) for k, v in params.items()],
        tags=[RunTag(k, str(v)) for k, v in tags.items()],
    )
    for start in range(0, len(values), BATCH):
        client.log_batch(run_id, metrics=values[start : start + BATCH])


def _slashed(column: str) -> str:
    """`train_loss` as `train/loss`: the slash gives a metric its section in MLflow's charts."""
    part, _, rest = column.partition("_")
    return f"{part}/{rest}" if part in ("train", "validation") else column
