"""How sharp images are: edges, and pixels that are neither black nor white."""

import torch
from torch import Tensor

Shape = tuple[int, int, int]  # channels, height, width


def gradient_energy(images: Tensor, shape: Shape) -> Tensor:
    """Squared differences of neighbours, down and right, summed: `[n, pixels]` to `[n]`."""
    maps = images.view(-1, *shape)
    return sum(maps.diff(dim=axis).square().sum((1, 2, 3)) for axis in (2, 3))


def laplacian_variance(images: Tensor, shape: Shape) -> Tensor:
    """Variance over the inner pixels of the Laplacian of four neighbours: `[n, pixels]` to `[n]`.

    A common measure of focus (Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield
    microscopy").
    """
    maps = images.view(-1, *shape)
    inner = maps[:, :, 1:-1, 1:-1]
    around = (
        maps[:, :, :-2, 1:-1] + maps[:, :, 2:, 1:-1] + maps[:, :, 1:-1, :-2] + maps[:, :, 1:-1, 2:]
    )
    return (around - 4 * inner).flatten(1).var(1)


def undecided(images: Tensor) -> Tensor:
    """Mean of p (1 - p) over the pixels, 0 where each is 0 or 1, at most 1/4: to `[n]`."""
    return (images * (1 - images)).mean(1)


def sharpness(images: Tensor, real: Tensor, shape: Shape) -> dict[str, float]:
    """Measures of images `[n, pixels]` with values in [0, 1].

    Args:
        real: real images, in whose units the first two are.

    Returns:
        `edges`, the gradient energy, and `laplacian`, the Laplacian's variance, relative to real
        images; `grey`, p (1 - p); and `edges_cut`, `laplacian_cut`: the first two after all pixels
        were cut at 1/2, which leaves no grey.
    """
    if not images.isfinite().all():
        return {}
    cut = (images > 0.5).to(images.dtype)
    found = {"grey": undecided(images).mean().item()}
    for name, measure in (("edges", gradient_energy), ("laplacian", laplacian_variance)):
        for suffix, some, against in (("", images, real), ("_cut", cut, (real > 0.5).float())):
            whole = measure(against, shape).to(torch.float64).mean()
            found[name + suffix] = (measure(some, shape).to(torch.float64).mean() / whole).item()
    return found
