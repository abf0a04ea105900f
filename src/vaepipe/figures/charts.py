"""Figures made of numbers: loss curves and the comparison with its intervals."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vaepipe.figures.inputs import Inputs
from vaepipe.figures.style import colour, title
from vaepipe.metrics import HEADLINE, METRICS


def curves(inputs: Inputs) -> Figure:
    """Loss of every model over the epochs: mean over seeds, band from the lowest to the highest."""
    dims, models = sorted(inputs.matrix.latent_dims), list(inputs.matrix.models)
    size = (4.4 * len(dims) + 1.6, 3.8)
    figure, axes = plt.subplots(1, len(dims), figsize=size, sharey=True, squeeze=False)
    for axis, dim in zip(axes[0], dims, strict=True):
        for model in models:
            runs = [r for r in inputs.histories if (r.model, r.latent_dim) == (model, dim)]
            table = pd.concat([inputs.histories[r] for r in runs]).groupby("epoch")
            for part, line in (("train", "--"), ("validation", "-")):
                loss = table[f"{part}_loss"].agg(["mean", "min", "max"])
                style = {"color": colour(model, models)}
                axis.plot(
                    loss.index, loss["mean"], line, marker="." if len(loss) < 20 else "", **style
                )
                axis.fill_between(loss.index, loss["min"], loss["max"], alpha=0.2, lw=0, **style)
        axis.set(title=f"{dim} latents", xlabel="epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
    axes[0][0].set_ylabel("loss, nats per image")
    handles = [Line2D([], [], color=colour(m, models), label=title(m)) for m in models]
    handles += [
        Line2D([], [], color="#555555", ls=line, label=part)
        for part, line in (("training", "--"), ("validation", "-"))
    ]
    axes[0][-1].legend(handles=handles, loc="center left", bbox_to_anchor=(1.02, 0.5))
    figure.suptitle(
        "Loss: -ELBO for VAE and CVAE, reconstruction cross-entropy for the AE", fontsize=11
    )
    figure.tight_layout()
    return figure


def comparison(inputs: Inputs) -> Figure:
    """Each metric of each model: the seeds as small dots, the mean with its 95 % interval."""
    table, runs = inputs.comparison, inputs.metrics
    names = [name for name in HEADLINE if name in set(table["metric"])]
    rows = [(d, m) for d in sorted(inputs.matrix.latent_dims) for m in inputs.matrix.models][::-1]
    columns = 3
    lines = -(-len(names) // columns)
    size = (3.7 * columns + 0.8, (0.32 * len(rows) + 1.2) * lines)
    figure, axes = plt.subplots(lines, columns, figsize=size, sharey=True, squeeze=False)
    for axis in axes.flat[len(names) :]:
        axis.set_axis_off()
    for axis, name in zip(axes.flat, names, strict=False):
        for y, (dim, model) in enumerate(rows):
            shade = colour(model, list(inputs.matrix.models))
            seeds = runs[(runs["model"] == model) & (runs["latent_dim"] == dim)][name].dropna()
            axis.plot(seeds, [y] * len(seeds), "o", ms=3, alpha=0.45, color=shade)
            for cell in table.query(
                "model == @model and latent_dim == @dim and metric == @name"
            ).itertuples():
                axis.plot(cell.mean, y, "D", ms=6, color=shade)
                axis.plot([cell.low, cell.high], [y, y], "-", lw=2, color=shade)
        metric = METRICS[name]
        axis.set_title(metric.title)
        axis.set_xlabel(
            f"{metric.unit} ({metric.better} is better)" if metric.better else metric.unit
        )
        axis.set_yticks(range(len(rows)), [f"{title(m)}, {d}" for d, m in rows])
    for line in axes:
        line[0].set_ylabel("model, latents")
    figure.suptitle(
        "Test metrics: seeds (dots), their mean (diamond) and its 95 % t-interval (bar)"
    )
    figure.tight_layout()
    return figure
