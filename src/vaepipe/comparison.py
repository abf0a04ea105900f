"""Tables over runs. Seeds are the unit of replication."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
from scipy import stats

from vaepipe.runs import Run

KEYS = ["model", "latent_dim", "seed"]


def metrics_table(results: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """A row per run: model, latent_dim, seed, then each metric and its standard error.

    Args:
        results: what `evaluate` wrote for each run. A metric that a model does not have is empty.
    """
    rows = [{key: r[key] for key in KEYS} | r["metrics"] for r in results]
    return pd.DataFrame(rows).sort_values(KEYS, key=_models_first_seen, ignore_index=True)


def _models_first_seen(column: pd.Series) -> pd.Series:
    """Sort models in the order of the params, numbers by size."""
    return pd.Series(pd.factorize(column)[0], column.index) if column.name == "model" else column


def interval(values: pd.Series, level: float = 0.95) -> dict[str, float]:
    """Mean, standard deviation and t-interval of the mean over seeds; no interval for one seed."""
    values = values.dropna()
    n, mean, sd = len(values), values.mean(), values.std()
    half = stats.t.ppf(0.5 + level / 2, n - 1) * sd / n**0.5 if n > 1 else float("nan")
    return {"n": n, "mean": mean, "sd": sd, "low": mean - half, "high": mean + half}


def comparison_table(metrics: pd.DataFrame) -> pd.DataFrame:
    """A row per model, latent size and metric: n, mean, sd and 95 % interval over the seeds."""
    names = [c for c in metrics.columns if c not in KEYS and not c.endswith("_sem")]
    rows = [
        {"model": model, "latent_dim": latent_dim, "metric": name, **interval(group[name])}
        for (model, latent_dim), group in metrics.groupby(KEYS[:2], sort=False)
        for name in names
        if group[name].notna().any()
    ]
    return pd.DataFrame(rows)


def curves_table(histories: Mapping[Run, pd.DataFrame]) -> pd.DataFrame:
    """A row per run and epoch: model and latent size in one word (`runs`), seed and losses."""
    parts = [
        table[["epoch", "train_loss", "validation_loss"]].assign(
            runs=f"{run.model}-z{run.latent_dim}", seed=run.seed
        )
        for run, table in histories.items()
    ]
    return pd.concat(parts, ignore_index=True)


def summary(comparison: pd.DataFrame) -> dict[str, dict[str, float]]:
    """The means for people: five digits of each metric, by model and latent size."""
    return {
        f"{model}-z{latent_dim}": {r.metric: float(f"{r.mean:.5g}") for r in rows.itertuples()}
        for (model, latent_dim), rows in comparison.groupby(["model", "latent_dim"], sort=False)
    }
