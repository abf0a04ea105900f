"""Images made from draws of the prior, and what the classifier makes of them."""

import torch
from torch import Tensor, nn

from vaepipe import estimates
from vaepipe.classifier import Judge
from vaepipe.randomness import generator


def generated(model: nn.Module, n: int, seed: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """n decoded draws from N(0, I) as Bernoulli means `[n, pixels]`, and the digits `[n]` asked
    for, 0 to 9 in turn, which only a conditional model is told.

    The AE has no prior: it is given the VAE's.
    """
    a = model.architecture
    z = torch.randn(n, a.latent_dim, generator=generator(seed, "generation")).to(device)
    digits = torch.arange(n, device=device) % a.classes
    return model.decode(z, digits).sigmoid(), digits


def judged(
    model: nn.Module, judge: Judge, n: int, seed: int, device: torch.device
) -> dict[str, float]:
    """Quality of n generated images, with standard errors.

    Returns:
        Frechet distance of their features from those of real training images, and for a
        conditional model the accuracy of the digit asked for, in per cent.
    """
    images, digits = generated(model, n, seed, device)
    features, classes = judge.look_at(images)
    found = estimates.bootstrapped(
        "frechet_distance",
        lambda rows: estimates.frechet_distance(estimates.moments(rows), judge.reference),
        features,
        generator(seed, "bootstrap"),
    )
    if model.conditional:
        right = 100 * (classes == digits).to(torch.float64)
        found |= estimates.mean("control_accuracy", right)
    return found
