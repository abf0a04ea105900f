"""Charts: the comparison, active latents, curves."""

from itertools import chain

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import offset_copy

from vaepipe.evaluation.latents import ACTIVE
from vaepipe.evaluation.metrics import HEADLINE, METRICS, direction, is_given_label
from vaepipe.figures import colour
from vaepipe.figures.inputs import Inputs
from vaepipe.figures.style import (
    columns_for,
    empty,
    label,
    latents,
    panels,
    titles,
    wrapped_panels,
)
from vaepipe.models.names import title
from vaepipe.models.objectives import gaussian_kl
from vaepipe.results import Run, runs_of

NAMED = 2  # panels side by side, at most, that have room for the name of a metric over each
NARROW = 5  # panels of the comparison side by side, at most


def _model_lines(inputs: Inputs, **style: object) -> list[Line2D]:
    models = inputs.matrix.models
    return [Line2D([], [], color=colour(m, models), label=title(m), **style) for m in models]


def comparison(inputs: Inputs) -> Figure:
    """A metric a row, a latent size a column: seeds as dots, over them the mean and its interval.

    Each panel has an axis of its own, because differences between seeds are small beside those
    between latent sizes. A dagger marks a model that is given the label, beside others that aren't.
    A row of more than `NARROW` panels goes on in further lines.
    """
    table, dims = inputs.comparison, sorted(inputs.matrix.latent_dims)
    names = [name for name in HEADLINE if name in set(table["metric"])]
    conditional = _conditional(inputs)
    lines = -(-len(dims) // NARROW)
    columns = -(-len(dims) // lines)
    named = columns <= NAMED
    height = (0.6 if named else 0.52 + 0.1 / lines) + 0.17 * len(inputs.matrix.models)
    figure, axes = wrapped_panels(len(names), len(dims), height, columns=columns)
    for line, name in zip(axes, names, strict=True):
        metric = METRICS[name]
        models = set(table.loc[table["metric"] == name, "model"])
        shown = [model for model in inputs.matrix.models if model in models]
        marked = {model for model in models if is_given_label(name, model, conditional)}
        marked = marked if marked != models else set()
        better = direction(name, conditional=not models - conditional)
        note = f", {better} is better" if better else ""
        if any(direction(name, model in conditional) != better for model in models):
            note += " (not †)"
        for place, (axis, dim) in enumerate(zip(line, dims, strict=True)):
            cells = table[(table["metric"] == name) & (table["latent_dim"] == dim)]
            _intervals(axis, inputs, cells.set_index("model"), name, shown, marked)
            if named:
                axis.set_title(metric.title, loc="left")
                axis.set_xlabel(f"{metric.unit}{note}", fontsize=7.5, labelpad=1)
            else:
                axis.tick_params(labelleft=place % columns == 0)
                axis.tick_params(axis="x", labelsize=7)
                axis.xaxis.set_major_locator(MaxNLocator(10 // columns, steps=[1, 2, 4, 5, 10]))
            if not named or line is axes[0]:
                axis.set_title(latents(dim), loc="right", fontweight="normal", color="#555b64")
        if not named:
            _heading(line[0], metric.title, f"{metric.unit}{note}")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.06)
    return figure


def _heading(axis: Axes, name: str, unit: str) -> None:
    """Name and unit of a metric over a whole row of panels, from its first panel on."""
    room = axis.set_title(" ", loc="left")  # a whole heading would count as this panel's width
    room.set_transform(offset_copy(room.get_transform(), axis.figure, y=13, units="points"))
    style = {"textcoords": "offset points", "va": "bottom", "in_layout": False}
    text = axis.annotate(
        name, (0, 0), (0, 0), xycoords=room, fontsize=9, fontweight="bold", **style
    )
    axis.annotate(unit, (1, 0), (6, 0), xycoords=text, fontsize=7.5, **style)


def _conditional(inputs: Inputs) -> set[str]:
    """Names of the models that are given the label."""
    return {run.model for run in inputs.first_runs if inputs.trained(run)[0].conditional}


def _intervals(
    axis: Axes,
    inputs: Inputs,
    cells: pd.DataFrame,
    name: str,
    models: list[str],
    marked: set[str],
) -> None:
    """A line for each model, empty without a cell: its seeds below, mean and interval above."""
    for cell in cells.itertuples():
        y = len(models) - 1 - models.index(cell.Index)
        shade = colour(cell.Index, inputs.matrix.models)
        seeds = inputs.metrics.query("model == @cell.Index and latent_dim == @cell.latent_dim")
        axis.plot(seeds[name], [y - 0.2] * len(seeds), "o", ms=3.2, alpha=0.55, mew=0, color=shade)
        axis.plot([cell.low, cell.high], [y + 0.12] * 2, "-", lw=3.2, alpha=0.35, color=shade)
        axis.plot(cell.mean, y + 0.12, "|", ms=8, mew=1.8, color=shade)
    labels = [title(model) + " †" * (model in marked) for model in reversed(models)]
    axis.set_yticks(range(len(models)), labels)
    axis.set_ylim(-0.55, len(models) - 0.45)
    axis.grid(axis="y", visible=False)
    axis.locator_params(axis="x", nbins=5)
    axis.margins(x=0.08)


@torch.no_grad()
def latent_use(inputs: Inputs, run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Mean KL of each latent in nats, and whether it is active, both `[latent_dim]`."""
    model, binarize = inputs.trained(run)
    index = torch.arange(min(inputs.settings.points, len(inputs.test.labels)))
    mean, log_var = model.posterior(inputs.pixels(index, binarize), inputs.test.labels[index])
    kl = gaussian_kl(mean[..., None], log_var[..., None]).mean(0)  # per latent
    return kl.numpy(), (mean.var(0) > ACTIVE).numpy()


def _variational(inputs: Inputs) -> list[str]:
    """Names of the models that have a rate."""
    smallest = min(inputs.matrix.latent_dims)
    return [
        run.model
        for run in inputs.first_runs
        if run.latent_dim == smallest and inputs.trained(run)[0].variational
    ]


def active_latents(inputs: Inputs) -> Figure:
    """KL of each latent in nats, sorted: bars for the first seed, dots for every seed."""
    models = _variational(inputs)
    if not models:
        return empty("No variational model is among the runs.")
    dims = sorted(inputs.matrix.latent_dims)
    figure, axes = _cells(models, dims)
    for line, dim in zip(axes, dims, strict=True):
        for axis, model in zip(line, models, strict=True):
            runs = [r for r in runs_of(inputs.matrix) if (r.model, r.latent_dim) == (model, dim)]
            _latent_bars(axis, inputs, runs)
        line[0].set_ylim(top=1.25 * line[0].get_ylim()[1])  # room for the counts
        _kl_labels(line)
    return figure


def _cells(models: list[str], dims: list[int]) -> tuple[Figure, list[list[Axes]]]:
    """Titled panels, a row for each latent size, whose panels have the same vertical axis."""
    figure, axes = wrapped_panels(len(dims), len(models), 1.75, sharey=True)
    texts = titles((label(Run(m, d, 0)) for d in dims for m in models), columns_for(len(models)))
    for axis, text in zip(chain.from_iterable(axes), texts, strict=True):
        axis.set_title(text)
    return figure, axes


def _kl_labels(line: list[Axes]) -> None:
    """Label the vertical axis that panels share, wherever a line of them begins."""
    for axis in line[:: columns_for(len(line))]:
        axis.set_ylabel("KL to N(0, 1), nats")


def _latent_bars(axis: Axes, inputs: Inputs, runs: list[Run]) -> None:
    shade = colour(runs[0].model, inputs.matrix.models)
    counts = []
    for run in runs:
        kl, active = latent_use(inputs, run)
        order = kl.argsort()[::-1]
        place = np.arange(1, len(kl) + 1)
        counts.append(int(active.sum()))
        if run == runs[0]:
            axis.bar(place, kl[order], color=[shade if a else "#c9cdd3" for a in active[order]])
        axis.plot(place, kl[order], "o", ms=2.4, mew=0, color="#22252a", alpha=0.7)
    spread = f"{min(counts)}" if len(set(counts)) == 1 else f"{min(counts)} to {max(counts)}"
    axis.text(0.98, 0.95, f"{spread} active", transform=axis.transAxes, ha="right", va="top")
    axis.set_xlabel("latent, by its KL")
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.grid(axis="x", visible=False)


def latent_kl(inputs: Inputs) -> Figure:
    """KL of each latent in nats over the epochs, on the validation images: the first seed's."""
    models = [m for m in _variational(inputs) if _kl_columns(inputs, m)]
    if not models:
        return empty("No run has a KL of each latent: that needs a VAE whose prior is N(0, I).")
    dims = sorted(inputs.matrix.latent_dims)
    figure, axes = _cells(models, dims)
    for line, dim in zip(axes, dims, strict=True):
        for axis, model in zip(line, models, strict=True):
            run = Run(model, dim, inputs.matrix.seeds[0])
            history = inputs.histories[run].astype(float)
            mark = "." if len(history) < 20 else ""
            for column in _kl_columns(inputs, model, dim):
                axis.plot(
                    history["epoch"], history[column], lw=1, marker=mark, alpha=0.7,
                    color=colour(model, inputs.matrix.models),
                )  # fmt: skip
            axis.set_xlabel("epoch")
            axis.xaxis.get_major_locator().set_params(integer=True)
        line[0].set_ylim(bottom=0)  # once all lines of the row are drawn, which share the axis
        _kl_labels(line)
    return figure


def _kl_columns(inputs: Inputs, model: str, dim: int | None = None) -> list[str]:
    """The columns of the history that hold the KL of a latent, of the first seed's run."""
    run = Run(model, dim or min(inputs.matrix.latent_dims), inputs.matrix.seeds[0])
    return [name for name in inputs.histories[run] if name.startswith("validation_kl_")]


def curves(inputs: Inputs) -> Figure:
    """Loss of every model over the epochs: mean over seeds, band from the lowest to the highest.

    A row for the -ELBO of variational models (or for the importance-weighted bound), one for the
    reconstruction loss of an AE and one for each of the two losses of a GAN, which are not the same
    quantity.
    """
    dims = sorted(inputs.matrix.latent_dims)
    losses = _losses(inputs)
    figure, axes = panels(len(losses), len(dims), 2.3, sharey="row", sharex=True)
    for line, (loss, (column, models)) in zip(axes, losses.items(), strict=True):
        for axis, dim in zip(line, dims, strict=True):
            for model in models:
                runs = [r for r in inputs.histories if (r.model, r.latent_dim) == (model, dim)]
                shade = colour(model, inputs.matrix.models)
                _band(axis, [inputs.histories[r] for r in runs], column, shade)
            axis.set_title(latents(dim))
            axis.xaxis.get_major_locator().set_params(integer=True)
        line[0].set_ylabel(f"{loss} per image")
    for axis in axes[-1]:
        axis.set_xlabel("epoch")
    handles = _model_lines(inputs)
    handles += [
        Line2D([], [], color="#777c85", ls=line, label=part)
        for part, line in (("training", "--"), ("validation", "-"))
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(5, len(handles)))
    return figure


def _losses(inputs: Inputs) -> dict[str, tuple[str, list[str]]]:
    """What training minimises, by its name: its column in the histories, and the models."""
    squared = any("train_squared_error" in table for table in inputs.histories.values())
    other = "squared error" if squared else "cross-entropy, nats"
    weighted = any("train_nll" in table for table in inputs.histories.values())
    bound = "importance-weighted bound, nats" if weighted else "-ELBO, nats"
    losses: dict[str, tuple[str, list[str]]] = {}
    for name, model in {r.model: inputs.trained(r)[0] for r in inputs.first_runs}.items():
        found = {bound if model.variational else other: "loss"}
        if model.adversarial:
            found = {f"{part} loss, nats": part for part in ("generator", "discriminator")}
        for loss, column in found.items():
            losses.setdefault(loss, (column, []))[1].append(name)
    return dict(sorted(losses.items()))


def _band(axis: Axes, histories: list[pd.DataFrame], column: str, shade: str) -> None:
    # The table of a run that failed in its first epoch is empty, with columns of no number type.
    table = pd.concat(histories).astype(float).groupby("epoch")
    if f"train_{column}" not in table.obj:
        return  # every run failed in its first epoch
    for part, line in (("train", "--"), ("validation", "-")):
        loss = table[f"{part}_{column}"].agg(["mean", "min", "max"])
        mark = "." if len(loss) < 20 else ""
        axis.plot(loss.index, loss["mean"], line, marker=mark, color=shade)
        axis.fill_between(loss.index, loss["min"], loss["max"], alpha=0.2, lw=0, color=shade)
