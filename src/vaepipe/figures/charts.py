"""Charts: the comparison, the rate-distortion plane, active latents, curves."""

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vaepipe.evaluation.latents import ACTIVE
from vaepipe.evaluation.metrics import HEADLINE, METRICS, direction, is_given_label
from vaepipe.figures import colour
from vaepipe.figures.inputs import Inputs
from vaepipe.figures.style import MARKERS, columns_for, empty, label, panels, wrapped_panels
from vaepipe.models.names import split, title
from vaepipe.models.objectives import gaussian_kl
from vaepipe.results import Run, runs_of


def _model_lines(inputs: Inputs, **style: object) -> list[Line2D]:
    models = inputs.matrix.models
    return [Line2D([], [], color=colour(m, models), label=title(m), **style) for m in models]


def comparison(inputs: Inputs) -> Figure:
    """A metric a row, a latent size a column: seeds as dots, over them the mean and its interval.

    Each panel has an axis of its own, because differences between seeds are small beside those
    between latent sizes. A dagger marks a model that is given the label, beside others that aren't.
    """
    table, dims = inputs.comparison, sorted(inputs.matrix.latent_dims)
    names = [name for name in HEADLINE if name in set(table["metric"])]
    conditional = _conditional(inputs)
    figure, axes = panels(len(names), len(dims), 0.6 + 0.17 * len(inputs.matrix.models))
    for line, name in zip(axes, names, strict=True):
        metric = METRICS[name]
        models = set(table.loc[table["metric"] == name, "model"])
        marked = {model for model in models if is_given_label(name, model, conditional)}
        marked = marked if marked != models else set()
        better = direction(name, conditional=not models - conditional)
        note = f", {better} is better" if better else ""
        if any(direction(name, model in conditional) != better for model in models):
            note += " (not †)"
        for axis, dim in zip(line, dims, strict=True):
            cells = table[(table["metric"] == name) & (table["latent_dim"] == dim)][::-1]
            _intervals(axis, inputs, cells, name, marked)
            axis.set_title(metric.title, loc="left")
            axis.set_xlabel(f"{metric.unit}{note}", fontsize=7.5, labelpad=1)
    for axis, dim in zip(axes[0], dims, strict=True):
        axis.set_title(f"{dim} latents", loc="right", fontweight="normal", color="#555b64")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.06)
    return figure


def _conditional(inputs: Inputs) -> set[str]:
    """Names of the models that are given the label."""
    return {run.model for run in inputs.first_runs if inputs.trained(run)[0].conditional}


def _intervals(
    axis: Axes, inputs: Inputs, cells: pd.DataFrame, name: str, marked: set[str]
) -> None:
    """One line for each model of the cells: its seeds below, mean and interval above."""
    for y, cell in enumerate(cells.itertuples()):
        shade = colour(cell.model, inputs.matrix.models)
        seeds = inputs.metrics.query("model == @cell.model and latent_dim == @cell.latent_dim")
        axis.plot(seeds[name], [y - 0.2] * len(seeds), "o", ms=3.2, alpha=0.55, mew=0, color=shade)
        axis.plot([cell.low, cell.high], [y + 0.12] * 2, "-", lw=3.2, alpha=0.35, color=shade)
        axis.plot(cell.mean, y + 0.12, "|", ms=8, mew=1.8, color=shade)
    labels = [title(model) + " †" * (model in marked) for model in cells["model"]]
    axis.set_yticks(range(len(cells)), labels)
    axis.set_ylim(-0.55, len(cells) - 0.45)
    axis.grid(axis="y", visible=False)
    axis.locator_params(axis="x", nbins=5)
    axis.margins(x=0.08)


def rate_distortion(inputs: Inputs) -> Figure:
    """All runs in the plane of rate and distortion, where -ELBO is constant along diagonals.

    Alemi et al. 2018 (arXiv 1711.00464), figure 1. A dotted line joins the means of models that
    differ in their KL weight β alone, each labelled with it. A dashed line at its right end is the AE's reconstruction
    loss: nothing limits the information in its code, so it has no rate.
    """
    runs, models = inputs.metrics, inputs.matrix.models
    if "rate" not in runs or runs["rate"].isna().all():
        return empty("No run has a rate: none of the models is variational.")
    figure, axes = panels(1, 1, 3.6)
    axis = axes[0][0]
    dims = sorted(inputs.matrix.latent_dims)
    for run in runs.dropna(subset="rate").itertuples():
        axis.plot(
            run.rate,
            run.distortion,
            MARKERS[dims.index(run.latent_dim) % len(MARKERS)],
            ms=6,
            mew=0.8,
            mec="white",
            color=colour(run.model, models),
        )
    means = runs.groupby(["model", "latent_dim"])[["rate", "distortion"]].mean()
    for kind in ("vae", "cvae"):
        family = [m for m in models if split(m)[0] == kind and "learning_rate" not in split(m)[1]]
        for dim in dims if len(family) > 1 else ():
            line = means.loc[[(model, dim) for model in family]].dropna().sort_values("rate")
            axis.plot(line["rate"], line["distortion"], ":", color="#777c85", zorder=1)
            for (model, _), at in line.iterrows():
                _beta(axis, model, (at["rate"], at["distortion"]), kind == "vae")
    axis.margins(0.15)
    if "ae" in models:
        _autoencoder_lines(axis, inputs)
    _elbo_diagonals(axis)
    axis.set(xlabel="rate, nats per image", ylabel="distortion, nats per image")
    handles = [
        Line2D([], [], marker="o", ls="", color=colour(m, models), label=title(m))
        for m in models
        if runs.loc[runs["model"] == m, "rate"].notna().any()
    ]
    handles += [
        Line2D([], [], marker=mark, ls="", mfc="none", mec="#777c85", label=f"{dim} latents")
        for dim, mark in zip(dims, MARKERS, strict=False)
    ]
    figure.legend(handles=handles, loc="outside right center")
    return figure


def _beta(axis: Axes, model: str, at: tuple[float, float], above: bool) -> None:
    """A model's KL weight beside its point: to the right and above, or to the left and below."""
    beta = split(model)[1].get("beta", 1.0)
    axis.annotate(
        f"β = {beta:g}", at, (5, 3) if above else (-5, -3), textcoords="offset points",
        ha="left" if above else "right", va="bottom" if above else "top", fontsize=7,
        color="#22252a",
    )  # fmt: skip


def _autoencoder_lines(axis: Axes, inputs: Inputs) -> None:
    """The AE's reconstruction loss for each latent size, where it lies within reach of the runs."""
    bottom = axis.get_ylim()[0]
    for dim in sorted(inputs.matrix.latent_dims):
        rows = inputs.metrics.query("model == 'ae' and latent_dim == @dim")
        loss = rows["reconstruction_cross_entropy"].mean()
        if np.isfinite(loss) and loss > 0.5 * bottom:
            shade = colour("ae", inputs.matrix.models)
            axis.axhline(loss, 0.82, ls="--", color=shade)
            axis.annotate(
                f"AE, {dim} latents", (0.99, loss), (0, 3), xycoords=("axes fraction", "data"),
                textcoords="offset points", ha="right", fontsize=7, color=shade,
            )  # fmt: skip


def _elbo_diagonals(axis: Axes) -> None:
    """Lines of equal -ELBO within the limits of the axis, each labelled at its upper end."""
    (left, right), (bottom, top) = axis.get_xlim(), axis.get_ylim()
    axis.set(xlim=(left, right), ylim=(bottom, top))
    sums = np.arange(np.ceil((left + bottom) / 10) * 10, right + top, 10)
    for total in sums[:: max(1, len(sums) // 8)]:
        axis.plot([left, right], [total - left, total - right], "-", lw=0.7, color="#b4b9c1")
        x, y = max(left, total - top), min(top, total - left)
        if x > right or y < bottom + 0.05 * (top - bottom):
            continue  # no room for its label
        axis.annotate(
            f"−ELBO {total:.0f}", (x, y), (3, -9), textcoords="offset points", fontsize=7,
            color="#777c85", clip_on=True, bbox={"fc": "white", "ec": "none", "pad": 0.6},
        )  # fmt: skip


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
    figure, axes = wrapped_panels(len(dims), len(models), 1.75, sharey=True)
    for line, dim in zip(axes, dims, strict=True):
        for axis, model in zip(line, models, strict=True):
            runs = [r for r in runs_of(inputs.matrix) if (r.model, r.latent_dim) == (model, dim)]
            _latent_bars(axis, inputs, runs)
        line[0].set_ylim(top=1.25 * line[0].get_ylim()[1])  # room for the counts
        _kl_labels(line)
    return figure


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
    axis.set_title(label(runs[0]))
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
    figure, axes = wrapped_panels(len(dims), len(models), 1.75, sharey=True)
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
            axis.set(title=label(run), xlabel="epoch")
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

    A row for the -ELBO of variational models, one for the reconstruction loss of an AE and one for
    each of the two losses of a GAN, which are not the same quantity.
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
            axis.set_title(f"{dim} latents")
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
    losses: dict[str, tuple[str, list[str]]] = {}
    for name, model in {r.model: inputs.trained(r)[0] for r in inputs.first_runs}.items():
        found = {"-ELBO, nats" if model.variational else other: "loss"}
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
