"""Tables over runs. Seeds are the unit of replication."""

from collections.abc import Collection, Iterable, Mapping
from itertools import combinations
from typing import Any

import pandas as pd
from scipy.special import stdtrit

from vaepipe.core.errors import UserError
from vaepipe.evaluation.metrics import (
    CLASSES,
    HEADLINE,
    METRICS,
    comparable,
    direction,
    is_given_label,
    label_worth,
)
from vaepipe.results import Run

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
    half = stdtrit(n - 1, 0.5 + level / 2) * sd / n**0.5 if n > 1 else float("nan")
    return {"n": n, "mean": mean, "sd": sd, "low": mean - half, "high": mean + half}


def comparison_table(metrics: pd.DataFrame) -> pd.DataFrame:
    """A row per model, latent size and metric: n, mean, sd and 95 % interval over the seeds."""
    rows = [
        {"model": model, "latent_dim": latent_dim, "metric": name, **interval(group[name])}
        for (model, latent_dim), group in metrics.groupby(KEYS[:2], sort=False)
        for name in _measured(metrics)
        if group[name].notna().any()
    ]
    columns = ["model", "latent_dim", "metric", "n", "mean", "sd", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def curves_table(histories: Mapping[Run, pd.DataFrame]) -> pd.DataFrame:
    """A row per run and epoch: model and latent size in one column (`runs`), seed and losses.

    A GAN's losses are against each other: the two cells are empty.
    """
    parts = [
        table.reindex(columns=["epoch", "train_loss", "validation_loss"]).assign(
            runs=f"{run.model}-z{run.latent_dim}", seed=run.seed
        )
        for run, table in histories.items()
    ]
    return pd.concat(parts, ignore_index=True)


def summary(comparison: pd.DataFrame) -> dict[str, dict[str, float]]:
    """The headline means, rounded for people, by model and latent size."""
    return {
        f"{model}-z{latent_dim}": {
            r.metric: round(r.mean, METRICS[r.metric].digits)
            for r in rows.itertuples()
            if r.metric in HEADLINE
        }
        for (model, latent_dim), rows in comparison.groupby(["model", "latent_dim"], sort=False)
    }


def differences_table(metrics: pd.DataFrame) -> pd.DataFrame:
    """A row per latent size, metric and pair of models: how far model_a lies above model_b.

    Differences are taken seed by seed and then averaged: all runs are measured on the same test
    draw, and runs of one seed share their order of images and their draws of pixels.
    """
    rows = []
    for latent_dim, group in metrics.groupby("latent_dim", sort=False):
        for name in _measured(metrics):
            by_model = group.pivot(index="seed", columns="model", values=name)
            for a, b in combinations(group["model"].unique(), 2):
                difference = (by_model[a] - by_model[b]).dropna()
                if len(difference):
                    key = {"latent_dim": latent_dim, "metric": name, "model_a": a, "model_b": b}
                    rows.append(key | interval(difference))
    columns = ["latent_dim", "metric", "model_a", "model_b", "n", "mean", "sd", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def better_model(
    difference: Any, conditional: Collection[str] = (), classes: int = CLASSES
) -> str | None:
    """The better model of a row of `differences_table`, or None.

    None where the interval holds zero, where there is none (one seed), where neither lower nor
    higher is better, and where the models are not comparable (see `metrics.comparable`). A model
    that is given the label must lead one that is not by more than the label can be worth.

    Args:
        conditional: names of the models that are given the label.
        classes: how many there are.
    """
    name, models = difference.metric, (difference.model_a, difference.model_b)
    if not comparable(name, models, conditional):
        return None
    better = direction(name, all(model in conditional for model in models))
    if not better or not (difference.low > 0 or difference.high < 0):
        return None
    above, below = models if difference.low > 0 else models[::-1]
    winner, loser = (above, below) if better == "higher" else (below, above)
    given = [is_given_label(name, model, conditional) for model in (winner, loser)]
    lead = min(abs(difference.low), abs(difference.high))
    return None if given == [True, False] and lead <= label_worth(name, classes) else winner


def _measured(metrics: pd.DataFrame) -> list[str]:
    return [name for name in METRICS if name in metrics]


def shared_protocol(results: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The protocol by which all runs were measured.

    Raises:
        UserError: they were measured by different ones, so that they must not share a table.
    """
    protocols = [r["protocol"] for r in results]
    for other in protocols[1:]:
        if other != protocols[0]:
            differ = sorted(k for k in other | protocols[0] if other.get(k) != protocols[0].get(k))
            raise UserError(f"runs differ in {', '.join(differ)}; run evaluate again for all")
    return protocols[0]


def with_protocol(table: pd.DataFrame, protocol: dict[str, Any]) -> pd.DataFrame:
    """The table with what its numbers depend on in columns of its own."""
    names = ("data_set", "split", "binarize", "importance_samples", "evaluation_seed")
    return table.assign(**{name: protocol[name] for name in names})
