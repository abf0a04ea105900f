"""The chart of rate and distortion."""

from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vaepipe.figures import colour
from vaepipe.figures.inputs import Inputs
from vaepipe.figures.style import empty, latents, panels
from vaepipe.models.names import split, title

# A shape for each latent size, smallest first; of more than ten sizes open ones, then half filled.
MARKS = tuple(product(("full", "none", "bottom", "left"), "osD^v<>PX*"))
MOST_NAMES = 18  # in a column of the legend
PAPER = {"fc": "white", "ec": "none", "pad": 0.6}  # behind labels that lie on lines


def rate_distortion(inputs: Inputs) -> Figure:
    """All runs in the plane of rate and distortion, where -ELBO is constant along diagonals.

    Alemi et al. 2018 (arXiv 1711.00464), figure 1. A dotted line joins the means of models that
    differ in their KL weight β alone, each labelled with it. A dashed line at the right end is the
    AE's reconstruction loss: nothing limits the information in its code, so it has no rate.
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
            **_mark(dims.index(run.latent_dim), colour(run.model, models)),
        )
    of_params = {run.model: inputs.train(run).get("beta", 1.0) for run in inputs.first_runs}
    means = runs.groupby(["model", "latent_dim"])[["rate", "distortion"]].mean()
    for kind in ("vae", "cvae"):
        family = [m for m in models if split(m)[0] == kind and "learning_rate" not in split(m)[1]]
        for dim in dims if len(family) > 1 else ():
            line = means.loc[[(model, dim) for model in family]].dropna().sort_values("rate")
            axis.plot(line["rate"], line["distortion"], ":", color="#777c85", zorder=1.5)
            for (model, _), at in line.iterrows():
                beta = split(model)[1].get("beta", of_params.get(model, 1.0))
                _beta(axis, beta, (at["rate"], at["distortion"]), kind == "vae")
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
        Line2D([], [], **_mark(place, "#777c85"), label=latents(dim))
        for place, dim in enumerate(dims)
    ]
    columns = -(-len(handles) // MOST_NAMES)
    figure.legend(handles=handles, ncols=columns, loc="outside right center")
    return figure


def _mark(place: int, shade: str) -> dict[str, object]:
    """How the points of a latent size look, by its place among the sizes."""
    filled, shape = MARKS[place % len(MARKS)]
    edge = "white" if filled == "full" else shade
    size = 8 if shape in "PX*" else 6  # their arms are thin
    style = {"ls": "", "ms": size, "mew": 0.8, "mec": edge, "color": shade}
    return {"marker": shape, "fillstyle": filled} | style


def _beta(axis: Axes, beta: float, at: tuple[float, float], above: bool) -> None:
    """A model's KL weight beside its point: to the right and above, or to the left and below."""
    axis.annotate(
        f"β = {beta:g}", at, (5, 3) if above else (-5, -3), textcoords="offset points",
        ha="left" if above else "right", va="bottom" if above else "top", fontsize=7,
        color="#22252a",
    )  # fmt: skip


def _autoencoder_lines(axis: Axes, inputs: Inputs) -> None:
    """The AE's reconstruction loss for each latent size, where it lies within reach of the runs."""
    bottom = axis.get_ylim()[0]
    runs = inputs.metrics[inputs.metrics["model"] == "ae"]
    losses = runs.groupby("latent_dim")["reconstruction_cross_entropy"].mean().sort_values()
    losses = losses[np.isfinite(losses) & (losses > 0.5 * bottom)]
    shade = colour("ae", inputs.matrix.models)
    for loss in losses:
        axis.axhline(loss, 0.82, ls="--", color=shade)
    # Lines that lie so close that their labels would cover each other have one label, below them.
    close = losses.diff() < 0.04 * np.ptp(axis.get_ylim())
    for _, lines in losses.groupby((~close).cumsum()):
        *others, last = sorted(lines.index)
        axis.annotate(
            "AE, " + "".join(f"{dim}, " for dim in others) + latents(last),
            (0.99, lines.min()), (0, -3), xycoords=("axes fraction", "data"),
            textcoords="offset points", ha="right", va="top", fontsize=7, color=shade,
            bbox=PAPER,
        )  # fmt: skip


def _elbo_diagonals(axis: Axes) -> None:
    """Lines of equal -ELBO within the limits of the axis, each labelled at its upper end."""
    (left, right), (bottom, top) = axis.get_xlim(), axis.get_ylim()
    axis.set(xlim=(left, right), ylim=(bottom, top))
    sums = np.arange(np.ceil((left + bottom) / 10) * 10, right + top, 10)
    for total in sums[:: max(1, len(sums) // 8)]:
        axis.plot(
            [left, right], [total - left, total - right], "-", lw=0.7, color="#b4b9c1", zorder=1
        )
        x, y = max(left, total - top), min(top, total - left)
        if x > right - 0.12 * (right - left) or y < bottom + 0.05 * (top - bottom):
            continue  # no room for its label
        axis.annotate(
            f"−ELBO {total:.0f}", (x, y), (3, -9), textcoords="offset points", fontsize=7,
            color="#777c85", clip_on=True, bbox=PAPER, zorder=1.2,  # under the points of runs
        )  # fmt: skip
