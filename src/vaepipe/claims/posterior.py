"""The aggregate posterior, axis by axis, and the KL term by Monte Carlo."""

import torch
from torch import Tensor

from vaepipe.models import objectives


def kolmogorov_smirnov(z: Tensor) -> Tensor:
    """For each axis the largest distance of its empirical distribution from that of N(0, 1), `[d]`.

    The statistic of Kolmogorov and Smirnov: 0 where they agree, at most 1.

    Args:
        z: `[n, d]`, one draw per image.
    """
    n = len(z)
    expected = torch.special.ndtr(z.to(torch.float64).sort(0).values)
    steps = torch.arange(n + 1, dtype=torch.float64)[:, None] / n
    return torch.maximum(steps[1:] - expected, expected - steps[:-1]).amax(0)


def axes(z: Tensor) -> dict[str, float]:
    """How far the axes of codes `[n, d]` are from N(0, 1).

    Returns:
        Means over the axes: `ks`, `kolmogorov_smirnov`; `offset`, the size of the mean; `spread`,
        the standard deviation.
    """
    z = z.to("cpu", torch.float64)
    return {
        "ks": kolmogorov_smirnov(z).mean().item(),
        "offset": z.mean(0).abs().mean().item(),
        "spread": z.std(0).mean().item(),
    }


def monte_carlo_kl(mean: Tensor, log_var: Tensor, samples: int, rng: torch.Generator) -> Tensor:
    """KL(N(mean, exp(log_var)) || N(0, I)) as a mean of log q - log p over draws of q, in nats.

    It uses the two densities alone, none of the algebra of docs/kl.md.

    Args:
        mean, log_var: `[n, d]`.

    Returns:
        `[n]`, in float64.
    """
    mean, log_var = (t.to("cpu", torch.float64) for t in (mean, log_var))
    total = torch.zeros(len(mean), dtype=torch.float64)
    for _ in range(samples):
        noise = torch.randn(mean.shape, generator=rng, dtype=torch.float64)
        z = objectives.gaussian_sample(mean, log_var, noise)
        total += objectives.gaussian_log_density(z, mean, log_var)
        total -= objectives.standard_normal_log_density(z)
    return total / samples
