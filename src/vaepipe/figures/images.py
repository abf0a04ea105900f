"""Figures made of images: reconstructions and samples."""

import torch
from matplotlib.figure import Figure
from torch import Tensor

from vaepipe.figures.inputs import Inputs
from vaepipe.figures.style import image_rows, title
from vaepipe.randomness import generator
from vaepipe.runs import Run


def _square(pixels: Tensor) -> Tensor:
    return pixels.view(-1, 28, 28)


def _label(run: Run) -> str:
    return f"{title(run.model)}, {run.latent_dim} latents"


@torch.no_grad()
def _reconstructed(inputs: Inputs, run: Run, index: Tensor) -> Tensor:
    model, binarize = inputs.trained(run)
    x, labels = inputs.pixels(index, binarize), inputs.test.labels[index]
    return _square(model.decode(model.codes(x, labels), labels).sigmoid())


@torch.no_grad()
def _decoded(inputs: Inputs, run: Run, n: int, row: int = 0) -> Tensor:
    """Images of n draws from the prior, the same draws for all models; a CVAE is asked 0, 1, ..."""
    model, _ = inputs.trained(run)
    draw = generator(row, f"samples {run.latent_dim}")
    z = torch.randn(n, run.latent_dim, generator=draw)
    return _square(model.decode(z, torch.arange(n) % model.architecture.classes).sigmoid())


def _originals(inputs: Inputs, index: Tensor) -> dict[str, Tensor]:
    rows = {"original": _square(inputs.pixels(index, "none"))}
    if any(inputs.trained(run)[1] == "dynamic" for run in inputs.first_runs):
        rows["input, binarised"] = _square(inputs.pixels(index, "dynamic"))
    return rows


def reconstructions(inputs: Inputs) -> Figure:
    """Originals over the reconstructions of all models, one seed."""
    index = inputs.examples()
    rows = _originals(inputs, index)
    rows |= {_label(run): _reconstructed(inputs, run, index) for run in inputs.first_runs}
    return image_rows(rows, "Test images and their reconstructions")


def samples(inputs: Inputs) -> Figure:
    """The prior's draws through all decoders; column k of a CVAE was asked for digit k.

    The AE has no prior: given the VAE's, it shows why it can't generate.
    """
    rows = {}
    for run in inputs.first_runs:
        rows[_label(run)] = _decoded(inputs, run, inputs.settings.images)
        rows[f"{_label(run)} "] = _decoded(inputs, run, inputs.settings.images, row=1)
    return image_rows(
        rows, "Decoded draws from the prior N(0, I); the CVAE is asked for 0, 1, 2, ..."
    )


def one_run(inputs: Inputs, run: Run) -> Figure:
    """Originals, reconstructions and samples of a single run."""
    index = inputs.examples()
    rows = _originals(inputs, index) | {
        "reconstruction": _reconstructed(inputs, run, index),
        "from the prior": _decoded(inputs, run, inputs.settings.images),
    }
    return image_rows(rows, f"{_label(run)}, seed {run.seed}")
