"""Tables and figures to one HTML file that needs no other."""

from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from vaepipe import weights
from vaepipe.comparison import verdict
from vaepipe.data.manifest import verify
from vaepipe.files import read_json
from vaepipe.metrics import HEADLINE, METRICS
from vaepipe.params import Matrix
from vaepipe.provenance import git_state, processor, versions
from vaepipe.runs import Results, runs_of

# What each figure shows, in the order of the page.
CAPTIONS = {
    "comparison": "Every metric on the test set. A small dot is one seed, the diamond their mean,"
    " the bar its 95 % t-interval over seeds.",
    "reconstructions": "Test images over what each model makes of them: one pass through the AE's"
    " code, or through the mean of the posterior. Models are given the binarised image.",
    "latents_digits": "Where each model puts the test images, drawn as their digits.",
    "latents_points": "The same for more images, as points.",
    "samples": "The same draws from N(0, I) decoded by every model, two rows each. Column k of the"
    " CVAE was asked for digit k. The AE has no prior: its codes lie elsewhere.",
    "curves": "Loss over the epochs: the mean over seeds, with a band from the lowest to the"
    " highest seed. The validation images are the last of the training file.",
}


def number(value: float, digits: int = 2) -> str:
    """A number as people read it: so many digits behind the point."""
    return f"{value:,.{digits}f}"


def table(comparison: pd.DataFrame, metrics: Iterable[str]) -> list[dict[str, Any]]:
    """A row per model and latent size; each cell `mean ± half width of the interval`, or None."""
    metrics, rows = list(metrics), []
    for (model, latent_dim), group in comparison.groupby(["model", "latent_dim"], sort=False):
        by_metric = group.set_index("metric")
        cells = [_cell(by_metric.loc[m]) if m in by_metric.index else None for m in metrics]
        rows.append({"model": model.upper(), "latent_dim": latent_dim, "cells": cells})
    return rows


def _cell(row: pd.Series) -> str:
    digits = METRICS[row.name].digits
    if row["n"] < 2:
        return number(row["mean"], digits)
    return f"{number(row['mean'], digits)} ± {number(row['high'] - row['mean'], digits)}"


def paired(differences: pd.DataFrame) -> list[dict[str, Any]]:
    """A row per latent size, metric and pair of models, with the model that is better, if any."""
    return [
        {
            "latent_dim": row.latent_dim,
            "metric": METRICS[row.metric],
            "pair": f"{row.model_a.upper()} − {row.model_b.upper()}",
            "mean": number(row.mean, METRICS[row.metric].digits),
            "interval": None
            if row.n < 2
            else " to ".join(number(v, METRICS[row.metric].digits) for v in (row.low, row.high)),
            "better": (verdict(row) or "").upper(),
        }
        for row in differences.itertuples()
        if METRICS[row.metric].better
    ]


def image(path: Path) -> str:
    """A PNG file as a data URI."""
    return "data:image/png;base64," + b64encode(path.read_bytes()).decode()


def render(matrix: Matrix, data: Path, results: Results) -> str:
    """The whole page as HTML."""
    runs = runs_of(matrix)
    note = weights.read_note(results.model(runs[0]))
    environment = Environment(
        loader=PackageLoader("vaepipe.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    comparison = pd.read_csv(results.comparison_table)
    timing = {run: read_json(results.timing(run)) for run in runs}
    return environment.get_template("page.html.j2").render(
        matrix=matrix,
        runs=runs,
        metrics=METRICS,
        headline=HEADLINE,
        rows=table(comparison, HEADLINE),
        others=[name for name in METRICS if name not in HEADLINE],
        other_rows=table(comparison, [name for name in METRICS if name not in HEADLINE]),
        differences=paired(pd.read_csv(results.differences_table)),
        figures={name: (image(results.figure(name)), text) for name, text in CAPTIONS.items()},
        protocol=read_json(results.protocol),
        train=note["train"],
        data=verify(data),
        timing=timing,
        seconds=sum(t["seconds"] for t in timing.values()),
        mlflow=read_json(results.folder / "mlflow.json"),
        git=git_state(),
        versions=versions(),
        processor=processor(),
    )
