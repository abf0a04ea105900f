"""Codes of test images in three dimensions, for figures and for the page."""

import torch
from torch import Tensor

from vaepipe.figures.inputs import Inputs
from vaepipe.results import Run


def shown_dim(latent_dims: tuple[int, ...]) -> int:
    """The latent size drawn in 3-D: 3, or the next smaller one, or the next larger one."""
    return min(latent_dims, key=lambda dim: (dim > 3, abs(dim - 3)))


def shown_runs(inputs: Inputs) -> list[Run]:
    """The runs drawn in 3-D: the first seed, with that latent size, of each model with codes."""
    dim = shown_dim(inputs.matrix.latent_dims)
    return [run for run in inputs.autoencoders if run.latent_dim == dim]


@torch.no_grad()
def codes_3d(inputs: Inputs, run: Run, n: int) -> tuple[Tensor, Tensor]:
    """Codes `[n, 3]` of the first n test images and their labels `[n]`.

    More than three latents are projected onto their first three principal components, fewer are
    padded with zeros.
    """
    model, binarize = inputs.trained(run)
    index = torch.arange(min(n, len(inputs.test.labels)))
    labels = inputs.test.labels[index]
    codes = model.codes(inputs.pixels(index, binarize), labels)
    if run.latent_dim > 3:
        centred = codes - codes.mean(0)
        codes = centred @ torch.linalg.svd(centred, full_matrices=False).Vh[:3].T
    return torch.nn.functional.pad(codes, (0, 3 - codes.shape[1])), labels


def axis_name(latent_dim: int) -> str:
    """What a coordinate of `codes_3d` is."""
    return "latent" if latent_dim <= 3 else "principal component"
