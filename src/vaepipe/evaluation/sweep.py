"""Tables of a sweep: all trials on the validation images, what was chosen on the test images."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from vaepipe.core.errors import UserError
from vaepipe.core.files import read_json, read_table
from vaepipe.evaluation.tables import comparison_table, metrics_table
from vaepipe.params import Matrix
from vaepipe.results import Results, Run
from vaepipe.sweep import Sweep, Trial, cell_name, validation_value


def trial_results(results: Results, name: str) -> Results:
    """Where a trial leaves its files."""
    return Results(results.folder / "sweep" / name)


def trials_table(
    matrix: Matrix, sweep: Sweep, trials: Sequence[Trial], results: Results
) -> pd.DataFrame:
    """A row per model, latent size and trial: what was set, the validation value, seconds.

    `validation` is in nats per image, the mean over the sweep's seeds; it is empty where a run did
    not come to its end. The best of each model and latent size come first.
    """
    rows = []
    for model in matrix.models:
        for latent_dim in matrix.latent_dims:
            for trial in trials:
                folder = trial_results(results, trial.name)
                runs = [Run(model, latent_dim, seed) for seed in sweep.seeds]
                histories = [read_table(folder.history(r)).to_dict("records") for r in runs]
                values = [validation_value(rows, trial.settings.epochs) for rows in histories]
                seconds = sum(read_json(folder.timing(run))["cpu_seconds"] for run in runs)
                mean = sum(values) / len(values)
                row = {"model": model, "latent_dim": latent_dim, "trial": trial.name}
                row |= {name: _cell(value) for name, value in trial.changes.items()}
                row |= {"validation": mean if math.isfinite(mean) else math.nan}
                rows.append(row | {"cpu_seconds": round(seconds, 2)})
    table = pd.DataFrame(rows)
    order = [(m, d) for m in matrix.models for d in matrix.latent_dims]
    groups = dict(iter(table.groupby(["model", "latent_dim"])))
    return pd.concat([groups[key].sort_values("validation") for key in order], ignore_index=True)


def _cell(value: Any) -> Any:
    """A setting in a table: a list as its numbers with a space between."""
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else value


def chosen(table: pd.DataFrame) -> dict[str, str]:
    """The trial with the lowest validation value, by model and latent size, such as `vae-z20`.

    Raises:
        UserError: no trial of a model came to its end.
    """
    found = {}
    for (model, latent_dim), group in table.groupby(["model", "latent_dim"], sort=False):
        if group["validation"].isna().all():
            raise UserError(f"no trial of {model} with {latent_dim} latents came to its end")
        found[cell_name(model, latent_dim)] = group.loc[group["validation"].idxmin(), "trial"]
    return found


def test_table(paths: Sequence[Path]) -> pd.DataFrame:
    """What was chosen, on the test images: a row per model, latent size and metric.

    Args:
        paths: the metrics of the chosen runs, of all of the matrix's seeds.
    """
    return comparison_table(metrics_table([read_json(path) for path in paths]))
