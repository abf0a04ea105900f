"""Style of handwriting that is not the class: slant and ink."""

import torch
from torch import Tensor

from vaepipe.claims.sharpness import Shape


def slant(images: Tensor, shape: Shape) -> Tensor:
    """How far an image's ink shifts to the right with each row up, `[n, pixels]` to `[n]`.

    -mu_11 / mu_02 of the central moments, as used to straighten digits (LeCun et al. 1998); 0 for
    an upright stroke, 1 for one at 45 degrees. An image without height has slant 0.
    """
    maps = images.view(-1, *shape).mean(1).to(torch.float64)
    ink = maps.sum((1, 2)).clamp(min=1e-9)
    down, right = (torch.arange(side, dtype=torch.float64) for side in maps.shape[1:])
    y = down - (maps.sum(2) @ down / ink)[:, None]
    x = right - (maps.sum(1) @ right / ink)[:, None]
    height = (maps.sum(2) * y.square()).sum(1) / ink
    across = torch.einsum("nyx,ny,nx->n", maps, y, x) / ink
    return torch.where(height > 1e-9, -across / height.clamp(min=1e-9), 0.0)


def ink(images: Tensor, shape: Shape) -> Tensor:
    """Mean of all pixels, `[n, pixels]` to `[n]`."""
    return images.to(torch.float64).mean(1)


def within_classes(one: Tensor, classes: Tensor, other: Tensor, others_classes: Tensor) -> float:
    """Correlation of two numbers per image `[n]`, each after its class's mean was taken off.

    So what the class alone does to slant or ink counts for nothing.
    """
    rest = [_centred(v, c) for v, c in ((one, classes), (other, others_classes))]
    norms = [r.square().sum().sqrt() for r in rest]
    below = norms[0] * norms[1]
    return ((rest[0] * rest[1]).sum() / below).item() if below > 0 else 0.0


def _centred(values: Tensor, classes: Tensor) -> Tensor:
    values = values.to(torch.float64)
    n = int(classes.max()) + 1
    sums = torch.zeros(n, dtype=torch.float64).index_add_(0, classes, values)
    counts = torch.bincount(classes, minlength=n).clamp(min=1)
    return values - (sums / counts)[classes]
