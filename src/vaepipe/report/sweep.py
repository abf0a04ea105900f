"""What a sweep found, as a page of its own."""

from pathlib import Path
from typing import Any

import pandas as pd

from vaepipe.core.files import read_json, read_table
from vaepipe.evaluation.metrics import HEADLINE, METRICS
from vaepipe.figures import colour
from vaepipe.models.names import title
from vaepipe.params import Matrix, Train
from vaepipe.report import many, templates
from vaepipe.report.numbers import typeset, with_interval
from vaepipe.sweep import Sweep, cell_name


def page(matrix: Matrix, sweep: Sweep, train: Train, test: pd.DataFrame, folder: Path) -> str:
    """The page as HTML.

    Args:
        train: what all trials have in common.
        test: what was chosen, on the test images: `vaepipe.evaluation.sweep.test_table`.
        folder: of the sweep, with `trials.csv` and `chosen.json`.
    """
    table = read_table(folder / "trials.csv")
    chosen = read_json(folder / "chosen.json")
    cells = [cell_name(m, dim) for m in matrix.models for dim in matrix.latent_dims]
    environment = templates.environment()
    environment.filters["typeset"] = typeset
    return environment.get_template("sweep.html.j2").render(
        matrix=matrix,
        sweep=sweep,
        train=train,
        chosen=[_chosen(cell, chosen[cell], table, sweep, test) for cell in cells],
        metrics=[METRICS[name] for name in HEADLINE if name in set(test["metric"])],
        failed=int(table["validation"].isna().sum()),
        many=many.html(
            _columns(table, sweep),
            [colour(model, list(table["model"].unique())) for model in table["model"]],
            "Each row is a trial of a model: its settings, and the validation value by which it was"
            " compared.",
        ),
    )


def _columns(table: pd.DataFrame, sweep: Sweep) -> list[many.Column]:
    values = {name: table[name].astype(object).where(table[name].notna(), None) for name in table}
    columns = [many.Column("Model", [title(model) for model in table["model"]])]
    columns.append(many.Column("Latents", table["latent_dim"].tolist()))
    columns += [many.Column(name, values[name].tolist()) for name in sweep.settings]
    columns.append(many.Column("Validation, nats per image", values["validation"].tolist(), 2))
    columns.append(many.Column("Training, CPU seconds", table["cpu_seconds"].tolist(), 1))
    return columns


def _chosen(
    cell: str, trial: str, table: pd.DataFrame, sweep: Sweep, test: pd.DataFrame
) -> dict[str, Any]:
    """A model with a latent size: the settings that were chosen, and what they gave."""
    keys = zip(table["model"], table["latent_dim"], strict=True)
    row = table[[cell_name(*key) == cell for key in keys]].set_index("trial").loc[trial]
    of_cell = test[(test["model"] == row["model"]) & (test["latent_dim"] == row["latent_dim"])]
    cells = {r.metric: with_interval(r, METRICS[r.metric].digits) for r in of_cell.itertuples()}
    return {
        "model": title(row["model"]),
        "latent_dim": row["latent_dim"],
        "trial": trial,
        "settings": [row[name] for name in sweep.settings],
        "validation": f"{row['validation']:.2f}",
        "test": [cells.get(name, "–") for name in HEADLINE if name in set(test["metric"])],
    }
