"""The trials of a sweep to MLflow: settings, losses over the epochs, and the validation value."""

from collections.abc import Sequence
from dataclasses import replace

from mlflow.entities import Metric

from vaepipe.core.files import read_json, sha256
from vaepipe.evaluation.sweep import trial_results
from vaepipe.models import weights
from vaepipe.params import Matrix
from vaepipe.results import Results, Run
from vaepipe.sweep import Sweep, Trial, validation_value
from vaepipe.tracking import notes
from vaepipe.tracking.content import (
    NOTE,
    Content,
    cost_metrics,
    data_set,
    driver,
    history_rows,
    milliseconds,
)
from vaepipe.tracking.log_runs import log_run, opened
from vaepipe.tracking.names import (
    LAYOUT,
    digest,
    history_points,
    run_params,
    run_tags,
    training_digest,
)


def log_trials(
    matrix: Matrix, sweep: Sweep, trials: Sequence[Trial], experiment: str, results: Results
) -> dict[str, str]:
    """Log every run of every trial, in the experiment `<experiment>-sweep`.

    Those that are there are left alone.

    Returns:
        MLflow's id of each run, by trial and run.

    Raises:
        UserError: the store can't be used, or another process is logging these results.
    """
    with opened(f"{experiment}-sweep", results) as (store, begun):
        return {
            content.name: log_run(store, content, {"driver": driver()}, begun)
            for content in (
                of_trial(trial, Run(model, latent_dim, seed), results, matrix.models)
                for trial in trials
                for model in matrix.models
                for latent_dim in matrix.latent_dims
                for seed in sweep.seeds
            )
        }


def of_trial(trial: Trial, run: Run, results: Results, models: Sequence[str]) -> Content:
    """What is logged of one run of a trial of these models."""
    folder = trial_results(results, trial.name)
    metadata, rows = weights.read_metadata(folder.model(run)), history_rows(folder.history(run))
    files, timing = [folder.model(run), folder.history(run)], read_json(folder.timing(run))
    content = Content(
        name=f"{run.name}-{trial.name}",
        digest=digest([LAYOUT, *map(sha256, files)]),
        tags=run_tags(run, metadata["data"], models)
        | {"trial": trial.name, NOTE: notes.of_run(run, metadata, metadata.get("failed"))},
        artifacts={folder.history(run): ""},
        params=run_params(run, metadata["train"]),
        metrics=cost_metrics(timing) + history_points(rows),
        data=data_set(metadata["data"]),
        training=training_digest(metadata),
        start=milliseconds(timing, "started"),
        end=milliseconds(timing, "ended"),
    )
    if metadata.get("failed"):
        return replace(content, tags=content.tags | {"failed": metadata["failed"]})
    value = validation_value(rows, trial.settings.epochs)
    points = content.metrics
    at = points[-1].timestamp if points else 0
    return replace(content, metrics=[Metric("validation/chosen_by", value, at, 0), *points])
