"""The codes of test images in three dimensions, as digits and as points."""

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure

from vaepipe.figures.inputs import Inputs
from vaepipe.figures.style import title
from vaepipe.runs import Run

RAINBOW = plt.get_cmap("rainbow", 10)
# Ten colours that stay apart for colour-blind readers better than a rainbow (Petroff 2021).
TEN = plt.matplotlib.colors.ListedColormap(
    [
        "#3f90da",
        "#ffa90e",
        "#bd1f01",
        "#94a4a2",
        "#832db6",
        "#a96b59",
        "#e76300",
        "#b9ac70",
        "#717581",
        "#92dadd",
    ]
)


def _shown_dim(inputs: Inputs) -> int:
    """The latent size drawn: 3 if there is one, else the smallest above, else the largest."""
    dims = sorted(inputs.matrix.latent_dims)
    return next((d for d in dims if d >= 3), dims[-1])


@torch.no_grad()
def _codes(inputs: Inputs, run: Run, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes `[n, 3]` of the first n test images and their labels `[n]`.

    More than three latents are turned onto their first three principal components, fewer are
    filled up with zeros.
    """
    model, binarize = inputs.trained(run)
    index = torch.arange(min(n, len(inputs.test.labels)))
    labels = inputs.test.labels[index]
    codes = model.codes(inputs.pixels(index, binarize), labels)
    if run.latent_dim > 3:
        centred = codes - codes.mean(0)
        codes = centred @ torch.linalg.svd(centred, full_matrices=False).Vh[:3].T
    padded = torch.nn.functional.pad(codes, (0, 3 - codes.shape[1]))
    return padded.numpy(), labels.numpy()


def _panels(inputs: Inputs, n: int, heading: str, draw, colours) -> Figure:
    dim = _shown_dim(inputs)
    runs = [run for run in inputs.first_runs if run.latent_dim == dim]
    figure = plt.figure(figsize=(4.6 * len(runs) + 0.9, 4.9))
    for place, run in enumerate(runs, start=1):
        axis = figure.add_subplot(1, len(runs), place, projection="3d")
        codes, labels = _codes(inputs, run, n)
        draw(axis, codes, labels)
        # Codes far out would squeeze all others into the middle.
        low, high = np.quantile(codes, [0.002, 0.998], axis=0)
        axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]))
        name = "latent" if dim <= 3 else "principal component"
        axis.set(xlabel=f"{name} 1", ylabel=f"{name} 2", zlabel=f"{name} 3")
        axis.set_title(title(run.model))
    figure.suptitle(f"{heading}, {dim} latents, seed {inputs.matrix.seeds[0]}", fontweight="bold")
    figure.subplots_adjust(left=0.01, right=0.9, wspace=0.12, bottom=0.06, top=0.88)
    digits = ScalarMappable(BoundaryNorm(np.arange(-0.5, 10), 10), colours)
    bar = figure.colorbar(digits, cax=figure.add_axes([0.955, 0.18, 0.012, 0.6]), ticks=range(10))
    bar.set_label("digit")
    return figure


def latents_digits(inputs: Inputs) -> Figure:
    """Each code drawn as its digit at its place, in rainbow colours."""

    def draw(axis, codes, labels):
        for (x, y, z), label in zip(codes, labels, strict=True):
            axis.text(x, y, z, str(label), color=RAINBOW(label), fontsize=9, clip_on=True)

    n = inputs.settings.digits
    return _panels(inputs, n, f"Codes of the first {n:,} test images", draw, RAINBOW)


def latents_points(inputs: Inputs) -> Figure:
    """Each code drawn as a point, coloured by digit."""

    def draw(axis, codes, labels):
        axis.scatter(*codes.T, c=labels, cmap=TEN, vmin=-0.5, vmax=9.5, s=3, alpha=0.6, lw=0)

    n = inputs.settings.points
    return _panels(inputs, n, f"Codes of {n:,} test images", draw, TEN)
