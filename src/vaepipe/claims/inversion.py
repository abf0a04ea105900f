"""Inversion: the code whose decoded image comes closest to a given one, found by optimisation."""

from collections.abc import Callable

import torch
from torch import Tensor

RATE, BETAS, EPSILON = 0.1, (0.9, 0.999), 1e-8  # of Adam on the codes
CHUNK = 1000  # codes that are optimised together


def invert(
    decode: Callable[[Tensor], Tensor],
    x: Tensor,
    latent_dim: int,
    restarts: int,
    steps: int,
    rng: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """The best code of each image, and its squared error summed over the pixels.

    The protocol of Defense-GAN (Samangouei, Kabkab and Chellappa 2018, arXiv 1805.06605: 200 steps,
    10 restarts): from several draws of N(0, I) descend on |G(z) - x|^2 and keep the best. By Adam,
    whose steps need no tuning to the scale of the error.

    Args:
        decode: codes `[m, latent_dim]` to logits `[m, pixels]`.
        x: images `[n, pixels]` with values in [0, 1].
        rng: on the CPU, of the starting points.

    Returns:
        Codes `[n, latent_dim]` and errors `[n]`.
    """
    best, errors = [], []
    for some in x.split(max(1, CHUNK // restarts)):
        z = torch.randn(restarts * len(some), latent_dim, generator=rng)
        target = some.repeat(restarts, 1)
        z, error = descend(lambda z, x=target: (decode(z).sigmoid() - x).square().sum(1), z, steps)
        error = error.view(restarts, -1)
        least = error.argmin(0)
        codes = z.view(restarts, len(some), -1)
        best.append(codes[least, torch.arange(len(some))])
        errors.append(error.amin(0))
    return torch.cat(best), torch.cat(errors)


def descend(error: Callable[[Tensor], Tensor], z: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Adam on each row of z `[m, d]` by itself; rows and errors `[m]` of the last step.

    The rate falls to 0 as half a cosine. As each row has its own moments, rows do not interact.
    """
    first, second = torch.zeros_like(z), torch.zeros_like(z)
    for step in range(1, steps + 1):
        with torch.enable_grad():
            point = z.requires_grad_()
            (gradient,) = torch.autograd.grad(error(point).sum(), point)
        z = z.detach()
        first.lerp_(gradient, 1 - BETAS[0])
        second.lerp_(gradient.square(), 1 - BETAS[1])
        rate = RATE * 0.5 * (1 + torch.cos(torch.tensor(torch.pi * (step - 1) / steps))).item()
        corrected = (second / (1 - BETAS[1] ** step)).sqrt_() + EPSILON
        z = z - rate / (1 - BETAS[0] ** step) * first / corrected
    with torch.no_grad():
        return z, error(z)
