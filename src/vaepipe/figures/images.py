"""Figures of images: reconstructions, samples, interpolations, manifold, grid of classes."""

from itertools import chain

import torch
from matplotlib.figure import Figure
from torch import Tensor

from vaepipe.core.rng import generator
from vaepipe.figures.codes import shown_runs
from vaepipe.figures.decoded import from_prior, pairs, reconstructed
from vaepipe.figures.inputs import Inputs
from vaepipe.figures.style import (
    WIDTH,
    columns_for,
    empty,
    image_rows,
    label,
    no_codes,
    show,
    titles,
    wrapped_panels,
)
from vaepipe.results import Run

SAMPLE_ROWS = 5
SIDE = 11  # images along each side of the manifold
GRID_ROWS = 20  # classes in the grid of classes, at most
GIVEN = 3  # the class that a conditional model is given in the manifold


def _originals(inputs: Inputs, index: Tensor) -> dict[str, Tensor]:
    rows = {"test image": inputs.pixels(index, "none")}
    if any(inputs.trained(run)[1] == "dynamic" for run in inputs.first_runs):
        rows["binarised input"] = inputs.pixels(index, "dynamic")
    return rows


def reconstructions(inputs: Inputs) -> Figure:
    """Originals over the reconstructions of all models, one seed."""
    if not inputs.autoencoders:
        return no_codes()
    index = inputs.examples()
    rows = _originals(inputs, index)
    rows |= {label(run): reconstructed(inputs, run, index) for run in inputs.autoencoders}
    return image_rows(rows, data=inputs.data)


def samples(inputs: Inputs) -> Figure:
    """Draws from N(0, I) through all decoders, a panel for each model and latent size.

    N(0, I) is no prior of the AE, which is given the same draws.
    """
    models, dims = inputs.matrix.models, sorted(inputs.matrix.latent_dims)
    columns, runs = inputs.settings.images, inputs.first_runs
    texts = titles(map(label, runs), columns_for(len(models)))
    height = _height(inputs, len(models), SAMPLE_ROWS / columns, texts)
    figure, axes = wrapped_panels(len(dims), len(models), height)
    for axis, run, text in zip(chain.from_iterable(axes), runs, texts, strict=True):
        show(axis, from_prior(inputs, run, SAMPLE_ROWS, columns), columns, data=inputs.data)
        axis.set_title(text)
    return figure


def _height(inputs: Inputs, each: int, ratio: float, texts: list[str]) -> float:
    """Of a line of panels, `each` in a row, inches: mosaics of rows / columns, below titles."""
    side = WIDTH / max(2, columns_for(each)) * ratio * tall(inputs)
    return side + 0.28 + 0.15 * max(text.count("\n") for text in texts)


@torch.no_grad()
def _between(inputs: Inputs, run: Run, index: Tensor, steps: int) -> Tensor:
    """Images on the straight line between the codes of two test images, `[steps, pixels]`.

    A conditional model is given the first one's class up to the middle, the other's after it.
    """
    model, binarize = inputs.trained(run)
    first, last = inputs.test.labels[index]
    start, end = model.codes(inputs.pixels(index, binarize), inputs.test.labels[index])
    share = torch.linspace(0, 1, steps)
    labels = torch.where(share < 0.5, first, last)
    return model.images(torch.lerp(start, end, share[:, None]), labels)


def interpolations(inputs: Inputs) -> Figure:
    """From one image to another along a straight line in the latent space."""
    if not inputs.autoencoders:
        return no_codes()
    steps, ends = inputs.settings.images, [torch.tensor(pair) for pair in pairs(inputs)]
    return image_rows(
        {
            label(run): torch.cat([_between(inputs, run, index, steps) for index in ends])
            for run in inputs.autoencoders
        },
        blocks=len(ends),
        data=inputs.data,
    )


def _quantiles(codes: Tensor, variational: bool) -> Tensor:
    """Where the latents `[n, d]` are cut, `[d, SIDE]`: at the prior's quantiles, or the codes'."""
    share = torch.linspace(0.03, 0.97, SIDE)
    if variational:
        return torch.special.ndtri(share).expand(codes.shape[1], -1)
    return torch.quantile(codes, share, dim=0).T


@torch.no_grad()
def _plane(inputs: Inputs, run: Run) -> Tensor:
    """Decoded images `[SIDE * SIDE, pixels]` over the two latents that vary most.

    The others stay at the prior's mean, or at the median code where there is no prior. A learned
    prior is cut where it is N(0, I).
    """
    model, binarize = inputs.trained(run)
    index = torch.arange(min(inputs.settings.points, len(inputs.test.labels)))
    codes = model.codes(inputs.pixels(index, binarize), inputs.test.labels[index])
    codes = model.prior.to_normal(codes)
    widest = codes.var(0).argsort(descending=True)[:2]
    middle = torch.zeros(run.latent_dim) if model.variational else codes.median(0).values
    z = middle.repeat(SIDE, SIDE, 1)
    cuts = _quantiles(codes[:, widest], model.variational)
    z[:, :, widest[0]] = cuts[0]
    z[:, :, widest[-1]] = cuts[-1][:, None]
    labels = torch.full((SIDE * SIDE,), given(inputs))
    return model.images(model.prior.from_normal(z.flatten(0, 1)), labels)


def given(inputs: Inputs) -> int:
    """The label that a conditional model is given in the manifold."""
    return min(GIVEN, max(0, len(inputs.data.classes) - 1))


def tall(inputs: Inputs) -> float:
    """Height of an image over its width."""
    return inputs.data.image[1] / inputs.data.image[2]


def manifold(inputs: Inputs) -> Figure:
    """Decoded images over a plane through the latent space."""
    if not (runs := shown_runs(inputs)):
        return no_codes()
    asked = [inputs.trained(run)[0].conditional for run in runs]
    name = f", {inputs.data.noun} {inputs.data.classes[given(inputs)]}" if any(asked) else ""
    texts = [label(run) + name * of_class for run, of_class in zip(runs, asked, strict=True)]
    texts = titles(texts, columns_for(len(runs)))
    figure, axes = wrapped_panels(1, len(runs), _height(inputs, len(runs), 1, texts))
    for axis, run, text in zip(axes[0], runs, texts, strict=True):
        show(axis, _plane(inputs, run), SIDE, gap=0, data=inputs.data)
        axis.set_title(text)
    return figure


@torch.no_grad()
def _classes_by_style(inputs: Inputs, run: Run, classes: int, styles: int) -> Tensor:
    """Each class in the same styles, `[classes * styles, pixels]`: a row for each class."""
    model, _ = inputs.trained(run)
    z = torch.randn(styles, run.latent_dim, generator=generator(0, f"styles {run.latent_dim}"))
    labels = torch.arange(classes).repeat_interleave(styles)
    z = model.prior.from_normal(z)
    return model.images(z.repeat(classes, 1), labels)


def digit_grid(inputs: Inputs) -> Figure:
    """Each class in each style, decoded by a conditional model."""
    runs = [run for run in inputs.first_runs if inputs.trained(run)[0].conditional]
    if not runs:
        return empty("No conditional model is among the runs.")
    styles, names = inputs.settings.images, inputs.data.classes[:GRID_ROWS]
    classes = len(names)
    texts = titles(map(label, runs), columns_for(len(runs)))
    height = _height(inputs, len(runs), classes / styles, texts)
    figure, axes = wrapped_panels(1, len(runs), height)
    for axis, run, text in zip(axes[0], runs, texts, strict=True):
        show(axis, _classes_by_style(inputs, run, classes, styles), styles, data=inputs.data)
        axis.set_title(text)
        if max(map(len, names)) > 1:
            side = inputs.data.image[1]
            places = [row * (side + 1) + side / 2 for row in range(classes)]
            axis.set_yticks(places, names, fontsize=6.5)
            axis.tick_params(length=0)
    return figure


def one_run(inputs: Inputs, run: Run) -> Figure:
    """Originals, reconstructions and samples of a single run; of a GAN test images and samples."""
    index = inputs.examples()
    if inputs.trained(run)[0].adversarial:
        rows = {"test image": inputs.pixels(index, "none")}
    else:
        rows = _originals(inputs, index)
        rows["reconstruction"] = reconstructed(inputs, run, index)
    rows["from the prior"] = from_prior(inputs, run, 1, len(index))
    figure = image_rows(rows, data=inputs.data)
    figure.suptitle(f"{label(run)}, seed {run.seed}")
    return figure
