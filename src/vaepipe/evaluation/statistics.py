"""Numbers with their standard errors, and distances between samples. Sums are in float64."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

RESAMPLES = 25  # of the bootstrap: a standard error is itself known to about 14 %
MMD_BLOCK = 500


class Moments(NamedTuple):
    """Mean `[d]` and covariance `[d, d]`, float64 on the CPU."""

    mean: Tensor
    cov: Tensor


def moments(rows: Tensor) -> Moments:
    """Mean and unbiased covariance of `[n, d]`."""
    rows = rows.to("cpu", torch.float64)
    return Moments(rows.mean(0), rows.T.cov().reshape(rows.shape[1], rows.shape[1]))


def mean(name: str, values: Tensor) -> dict[str, float]:
    """The mean of `[n]` independent values and its standard error, sd / sqrt(n)."""
    values = values.to("cpu", torch.float64)
    return {name: values.mean().item(), f"{name}_sem": (values.std() / len(values) ** 0.5).item()}


def bootstrapped(
    name: str, statistic: Callable[[Tensor], float], rows: Tensor, rng: torch.Generator
) -> dict[str, float]:
    """A statistic of `[n, d]` rows, and its standard error from rows drawn with replacement.

    Efron 1979. For statistics that are not a mean over images.
    """
    rows = rows.to("cpu")
    n = len(rows)
    resampled = [statistic(rows[torch.randint(n, (n,), generator=rng)]) for _ in range(RESAMPLES)]
    return {
        name: statistic(rows),
        f"{name}_sem": torch.tensor(resampled, dtype=torch.float64).std().item(),
    }


def largest_class(labels: Tensor) -> float:
    """The share of the most frequent of the labels `[n]`, in per cent."""
    return 100 * labels.unique(return_counts=True)[1].max().item() / len(labels)


def frechet_distance(one: Moments, other: Moments) -> float:
    """|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), Dowson and Landau 1982.

    The squared 2-Wasserstein distance of the Gaussians with these moments.
    """
    root = _root(one.cov)
    cross = torch.linalg.eigvalsh(root @ other.cov @ root).clamp(min=0).sqrt().sum()
    offset = (one.mean - other.mean).square().sum()
    return (offset + one.cov.trace() + other.cov.trace() - 2 * cross).item()


def _root(cov: Tensor) -> Tensor:
    """The symmetric square root of a covariance."""
    values, vectors = torch.linalg.eigh(cov)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T


def squared_mmd(x: Tensor, y: Tensor) -> Tensor:
    """Unbiased estimate of the squared maximum mean discrepancy of two samples `[n, d]`.

    Gretton et al. 2012 (JMLR 13), eq. 3, with the kernel C / (C + |a - b|^2), C = 2 d, of
    Tolstikhin et al. 2018 (arXiv 1711.01558, section 4). It may fall below 0.
    """
    n, scale = len(x), 2 * x.shape[1]
    within = [scale / (scale + torch.cdist(a, a).square()) for a in (x, y)]
    across = scale / (scale + torch.cdist(x, y).square())
    pairs = sum((k.sum() - k.diagonal().sum()) / (n * (n - 1)) for k in within)
    return pairs - 2 * across.mean()


def prior_mmd(z: Tensor, rng: torch.Generator) -> Tensor:
    """Squared MMD of `[n, d]` from N(0, I), one estimate per block of 500 rows.

    Blocks keep the cost linear in n, and their spread gives the standard error of their mean
    (Zaremba, Gretton and Blaschko 2013, arXiv 1307.1954).
    """
    z = z.to("cpu", torch.float64)
    prior = torch.randn(z.shape, generator=rng, dtype=z.dtype)
    size = min(MMD_BLOCK, len(z) // 2)
    whole = len(z) // size * size
    blocks = zip(z[:whole].split(size), prior[:whole].split(size), strict=True)
    return torch.stack([squared_mmd(a, b) for a, b in blocks])
