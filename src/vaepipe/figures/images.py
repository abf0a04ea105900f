"""Figures of images: reconstructions, samples, interpolations, manifold, digit grid."""

import torch
from matplotlib.figure import Figure
from torch import Tensor

from vaepipe.core.rng import generator
from vaepipe.figures.codes import shown_runs
from vaepipe.figures.decoded import from_prior, reconstructed
from vaepipe.figures.inputs import Inputs
from vaepipe.figures.style import (
    WIDTH,
    empty,
    image_rows,
    label,
    panels,
    show,
)
from vaepipe.results import Run

SAMPLE_ROWS = 5
PAIRS = ((2, 7), (0, 4))  # digits between which codes are interpolated
SIDE = 11  # images along each side of the manifold
GIVEN = 3  # the digit that a conditional model is given in the manifold


def _originals(inputs: Inputs, index: Tensor) -> dict[str, Tensor]:
    rows = {"test image": inputs.pixels(index, "none")}
    if any(inputs.trained(run)[1] == "dynamic" for run in inputs.first_runs):
        rows["binarised input"] = inputs.pixels(index, "dynamic")
    return rows


def reconstructions(inputs: Inputs) -> Figure:
    """Originals over the reconstructions of all models, one seed."""
    index = inputs.examples()
    rows = _originals(inputs, index)
    rows |= {label(run): reconstructed(inputs, run, index) for run in inputs.first_runs}
    return image_rows(rows)


def samples(inputs: Inputs) -> Figure:
    """Draws from N(0, I) through all decoders, a panel for each model and latent size.

    N(0, I) is no prior of the AE, which is given the same draws.
    """
    models, dims = inputs.matrix.models, sorted(inputs.matrix.latent_dims)
    columns = inputs.settings.images
    height = WIDTH / max(2, len(models)) * SAMPLE_ROWS / columns + 0.28
    figure, axes = panels(len(dims), len(models), height)
    for axis, run in zip(axes.flat, inputs.first_runs, strict=True):
        show(axis, from_prior(inputs, run, SAMPLE_ROWS, columns), columns)
        axis.set_title(label(run))
    return figure


@torch.no_grad()
def _between(inputs: Inputs, run: Run, first: int, last: int, steps: int) -> Tensor:
    """Images on the straight line between the codes of two test images, `[steps, 784]`.

    A conditional model is given the first digit up to the middle, the last one after it.
    """
    model, binarize = inputs.trained(run)
    index = torch.stack([inputs.of_digit(digit)[0] for digit in (first, last)])
    start, end = model.codes(inputs.pixels(index, binarize), inputs.test.labels[index])
    share = torch.linspace(0, 1, steps)
    digits = torch.where(share < 0.5, first, last)
    return model.decode(torch.lerp(start, end, share[:, None]), digits).sigmoid()


def interpolations(inputs: Inputs) -> Figure:
    """From one digit to another along a straight line in the latent space."""
    steps = inputs.settings.images
    return image_rows(
        {
            label(run): torch.cat([_between(inputs, run, *pair, steps) for pair in PAIRS])
            for run in inputs.first_runs
        },
        blocks=len(PAIRS),
    )


def _quantiles(codes: Tensor, variational: bool) -> Tensor:
    """Where the latents `[n, d]` are cut, `[d, SIDE]`: at the prior's quantiles, or the codes'."""
    share = torch.linspace(0.03, 0.97, SIDE)
    if variational:
        return torch.special.ndtri(share).expand(codes.shape[1], -1)
    return torch.quantile(codes, share, dim=0).T


@torch.no_grad()
def _plane(inputs: Inputs, run: Run) -> Tensor:
    """Decoded images `[SIDE * SIDE, 784]` over the two latents that vary most.

    The others stay at the prior's mean, or at the median code where there is no prior.
    """
    model, binarize = inputs.trained(run)
    index = torch.arange(min(inputs.settings.points, len(inputs.test.labels)))
    codes = model.codes(inputs.pixels(index, binarize), inputs.test.labels[index])
    widest = codes.var(0).argsort(descending=True)[:2]
    middle = torch.zeros(run.latent_dim) if model.variational else codes.median(0).values
    z = middle.repeat(SIDE, SIDE, 1)
    cuts = _quantiles(codes[:, widest], model.variational)
    z[:, :, widest[0]] = cuts[0]
    z[:, :, widest[-1]] = cuts[-1][:, None]
    digits = torch.full((SIDE * SIDE,), GIVEN)
    return model.decode(z.flatten(0, 1), digits).sigmoid()


def manifold(inputs: Inputs) -> Figure:
    """Decoded images over a plane through the latent space."""
    runs = shown_runs(inputs)
    figure, axes = panels(1, len(runs), WIDTH / max(2, len(runs)) + 0.28)
    for axis, run in zip(axes[0], runs, strict=True):
        show(axis, _plane(inputs, run), SIDE, gap=0)
        asked = f", digit {GIVEN}" if inputs.trained(run)[0].conditional else ""
        axis.set_title(label(run) + asked)
    return figure


@torch.no_grad()
def _digits_by_style(inputs: Inputs, run: Run, styles: int) -> Tensor:
    """Every digit in the same styles, `[10 * styles, 784]`: digits in rows, z in columns."""
    model, _ = inputs.trained(run)
    z = torch.randn(styles, run.latent_dim, generator=generator(0, f"styles {run.latent_dim}"))
    classes = model.architecture.classes
    digits = torch.arange(classes).repeat_interleave(styles)
    return model.decode(z.repeat(classes, 1), digits).sigmoid()


def digit_grid(inputs: Inputs) -> Figure:
    """Each digit in each style, decoded by a conditional model."""
    runs = [run for run in inputs.first_runs if inputs.trained(run)[0].conditional]
    if not runs:
        return empty("No conditional model is among the runs.")
    styles = inputs.settings.images
    columns = min(3, len(runs))
    height = WIDTH / max(2, columns) * 10 / styles + 0.28
    figure, axes = panels(-(-len(runs) // columns), columns, height)
    for axis in axes.flat[len(runs) :]:
        axis.set_axis_off()
    for axis, run in zip(axes.flat, runs, strict=False):
        show(axis, _digits_by_style(inputs, run, styles), styles)
        axis.set_title(label(run))
    return figure


def one_run(inputs: Inputs, run: Run) -> Figure:
    """Originals, reconstructions and samples of a single run."""
    index = inputs.examples()
    rows = _originals(inputs, index) | {
        "reconstruction": reconstructed(inputs, run, index),
        "from the prior": from_prior(inputs, run, 1, len(index)),
    }
    figure = image_rows(rows)
    figure.suptitle(f"{label(run)}, seed {run.seed}")
    return figure
