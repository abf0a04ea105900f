"""Log the runs to MLflow: each whole or not at all, and once, however often `track` is run or
killed."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import mlflow
from mlflow.entities import DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.entities import Run as MlflowRun
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

from vaepipe.core.files import locked, read_table, sha256
from vaepipe.figures import NAMES
from vaepipe.params import Matrix
from vaepipe.results import Results, pictured_runs, runs_of
from vaepipe.tracking.address import store_uri
from vaepipe.tracking.cards import write_cards
from vaepipe.tracking.cells import cells, comparison_run
from vaepipe.tracking.content import Content, common_tags, of_run
from vaepipe.tracking.models import logged_model, models_of
from vaepipe.tracking.names import COLOUR, digest
from vaepipe.tracking.registry import register
from vaepipe.tracking.secrets import without_secrets
from vaepipe.tracking.store import BATCH, Store, connect, exclusively, usable
from vaepipe.tracking.views import keys, save_views

LOGGED = "logged"  # tag: when the last of a run was written, which is not when training ended


def log_runs(matrix: Matrix, experiment: str, results: Results) -> dict[str, Any]:
    """Log every run, the means over the seeds, and the comparison; register the models.

    A run is known by the digest of its files. One that is there whole is left alone, one that was
    cut short is written anew, or completed if training has streamed to it. Runs of other versions
    stay, to be compared with.

    Returns:
        The store, the experiment's id, the MLflow run id of each run, of each mean over seeds and
        of the comparison, names of the registered models, and keys of the saved views.

    Raises:
        UserError: the store can't be used, or another process is logging these results.
    """
    with opened(experiment, results) as (store, begun):
        tables = [results.metrics_table, results.comparison_table, results.differences_table]
        tables.append(results.protocol)
        figures = [results.figure(name) for name in NAMES]
        version = digest(map(sha256, [*tables, *figures]))[:12]
        tags = common_tags(results) | {"report_version": version}

        pictured = set(pictured_runs(matrix))
        contents = {
            run: of_run(run, results, matrix.models, run in pictured) for run in runs_of(matrix)
        }
        ids = {run.name: log_run(store, one, tags, begun) for run, one in contents.items()}
        with exclusively(store.uri):
            registered = {
                register(store, run, ids[run.name], results)
                for run, one in contents.items()
                if "failed" not in one.tags
            }
            write_cards(store, ids, results)
        experiment_id = store.experiment_id
        of_cells = cells(contents, read_table(results.comparison_table), ids, experiment_id)
        cell_ids = {one.name: log_run(store, one, tags, begun) for one in of_cells}
        whole = comparison_run(results, tables, version, of_cells, cell_ids, ids, experiment_id)
        comparison = log_run(store, whole, tags, begun)
        in_all = dict.fromkeys((run.model, run.latent_dim) for run in contents)
        save_views(store, version, comparison, in_all)
        return {
            "tracking_uri": without_secrets(store.uri),
            "experiment_id": experiment_id,
            "runs": ids,
            "cells": cell_ids,
            "comparison": comparison,
            "registered": sorted(registered),
            "views": dict(zip(("means", "runs"), keys(store), strict=True)),
        }


@contextmanager
def opened(experiment: str, results: Results) -> Iterator[tuple[Store, list[MlflowRun]]]:
    """The open store, for this process alone of those that log these results, and `unfinished`.

    Raises:
        UserError: the store can't be used, or another process is logging these results.
    """
    uri = store_uri(results)
    with (
        usable(uri),
        locked(results.folder / "mlflow.lock", "the results are being logged to MLflow"),
    ):
        mlflow.set_tracking_uri(uri)  # the registry looks for models there, whatever its client
        store = connect(uri, experiment, results)
        yield store, unfinished(store)


def is_whole(run: MlflowRun) -> bool:
    """Whether all of a run is there; one whose training failed is whole with that said."""
    failed = run.info.status == "FAILED" and "failed" in run.data.tags
    return run.info.status == "FINISHED" or failed


def unfinished(store: Store) -> list[MlflowRun]:
    """What this results folder began in the store and did not finish."""
    mine = f"tags.writer = '{store.writer}' and attributes.status != 'FINISHED'"
    return [r for r in store.client.search_runs([store.experiment_id], mine) if not is_whole(r)]


def log_run(
    store: Store, content: Content, tags: dict[str, str], begun: Sequence[MlflowRun]
) -> str:
    """Log one run unless it is there whole, and give its id."""
    whole = finished(store, content)
    begun = [run for run in begun if run.info.run_name == content.name]
    streamed = None if whole else next((r for r in begun if agrees(store, r, content)), None)
    for run in begun:
        if run is not streamed:
            discard(store, run.info.run_id)
    if whole:
        refresh(store, whole[0], content, tags)
        return whole[0].info.run_id

    tags = tags | content.tags | content.refreshed_tags
    tags |= {"digest": content.digest, "writer": store.writer}
    if streamed:
        run_id = streamed.info.run_id
        store.client.update_run(run_id, status="RUNNING")
    else:
        made = store.client.create_run(
            store.experiment_id, start_time=content.start, run_name=content.name, tags=tags
        )
        run_id = made.info.run_id  # it is RUNNING until all of it is there
    fill(store, run_id, content, tags, logged_points(store, streamed) if streamed else {})
    status = "FAILED" if "failed" in content.tags else "FINISHED"
    store.client.set_terminated(run_id, status, content.end)
    print(f"logged {content.name} to MLflow as {run_id}", file=sys.stderr)
    # Another writer may have logged the same results meanwhile: the run finished first stays.
    first, *later = finished(store, content)
    for run in later:
        discard(store, run.info.run_id)
    return first.info.run_id


def finished(store: Store, content: Content) -> list[MlflowRun]:
    """The whole runs with these results, the first to be finished first."""
    same = f"tags.digest = '{content.digest}' and tags.`mlflow.runName` = '{content.name}'"
    found = filter(is_whole, store.client.search_runs([store.experiment_id], same))
    return sorted(found, key=lambda run: (int(run.data.tags.get(LOGGED, 0)), run.info.run_id))


def fill(
    store: Store,
    run_id: str,
    content: Content,
    tags: dict[str, str],
    there: dict[tuple[str, int], float],
) -> None:
    """Log all that the content has and the run has not.

    Args:
        there: value by metric and step of what is logged already.
    """
    client = store.client
    client.log_batch(
        run_id,
        params=[Param(*item) for item in content.params.items()],
        tags=[RunTag(*item) for item in tags.items()],
    )
    if content.data:
        context = InputTag(MLFLOW_DATASET_CONTEXT, "training")
        client.log_inputs(run_id, [DatasetInput(content.data, [context])])
    for path, folder in content.artifacts.items():
        client.log_artifact(run_id, str(path), folder or None)
    log_refreshed(store, run_id, content)
    model = {"digest": content.digest}
    model_id = logged_model(store, run_id, content.weights, model) if content.weights else None
    log_points(
        store, run_id, [m for m in content.metrics if (m.key, m.step) not in there], model_id
    )
    store.client.set_tag(run_id, LOGGED, str(time.time_ns()))


def log_points(
    store: Store, run_id: str, metrics: Sequence[Metric], model_id: str | None = None
) -> None:
    """Log metrics; those of the test set belong to the model, too."""
    points = [
        Metric(m.key, m.value, m.timestamp, m.step, model_id=model_id)
        if m.key.startswith("test/")
        else m
        for m in metrics
    ]
    for start in range(0, len(points), BATCH):
        store.client.log_batch(run_id, metrics=points[start : start + BATCH])


def log_refreshed(store: Store, run_id: str, content: Content) -> None:
    """Log the artifacts that may be replaced, and then a tag with their digest."""
    for path, folder in content.refreshed.items():
        store.client.log_artifact(run_id, str(path), folder or None)
    store.client.set_tag(run_id, "refreshed_digest", digest(map(sha256, content.refreshed)))


def refresh(store: Store, run: MlflowRun, content: Content, tags: dict[str, str]) -> None:
    """Replace the figures or the report of a whole run, its colour and its report version, if they
    changed."""
    if run.data.tags.get("refreshed_digest") != digest(map(sha256, content.refreshed)):
        log_refreshed(store, run.info.run_id, content)
        new = [RunTag(*item) for item in content.refreshed_tags.items()]
        store.client.log_batch(run.info.run_id, tags=new)
    tags = tags | content.tags
    for name in ("report_version", COLOUR):
        if name in tags and run.data.tags.get(name) != tags[name]:
            store.client.set_tag(run.info.run_id, name, tags[name])


def logged_points(store: Store, run: MlflowRun) -> dict[tuple[str, int], float]:
    """Value by metric and step of what is logged, without the system metrics."""
    names = [name for name in run.data.metrics if not name.startswith("system/")]
    history = (store.client.get_metric_history(run.info.run_id, name) for name in names)
    return {(point.key, point.step): point.value for points in history for point in points}


def agrees(store: Store, run: MlflowRun, content: Content) -> bool:
    """Whether a run that training streamed to is the one whose files are here."""
    if content.training is None or run.data.tags.get("training") != content.training:
        return False
    true = {(m.key, m.step): m.value for m in content.metrics}
    return all(true.get(at) == value for at, value in logged_points(store, run).items())


def discard(store: Store, run_id: str) -> None:
    """Delete a run, its models first: a model whose run is gone would look whole."""
    for model in models_of(store, run_id):
        store.client.delete_logged_model(model.model_id)
    store.client.delete_run(run_id)
