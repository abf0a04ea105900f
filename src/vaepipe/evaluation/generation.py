"""Images made from draws of the prior, and what the classifier makes of them."""

import torch
from torch import Tensor, nn

from vaepipe.core.rng import generator
from vaepipe.evaluation import statistics
from vaepipe.evaluation.classifier import ImageClassifier


def generated(model: nn.Module, n: int, seed: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """n decoded draws from N(0, I) as Bernoulli means `[n, pixels]`, and the digits `[n]` asked
    for, 0 to 9 in turn, which only a conditional model is told.

    The AE has no prior: it is given the VAE's.
    """
    a = model.architecture
    z = torch.randn(n, a.latent_dim, generator=generator(seed, "generation")).to(device)
    digits = torch.arange(n, device=device) % a.classes
    return model.decode(z, digits).sigmoid(), digits


def sample_quality(
    model: nn.Module, classifier: ImageClassifier, n: int, seed: int, device: torch.device
) -> dict[str, float]:
    """Quality of n generated images, with standard errors.

    Returns:
        Frechet distance of their features from those of real training images, and for a
        conditional model the accuracy of the digit asked for, in per cent.
    """
    images, digits = generated(model, n, seed, device)
    features, classes = classifier.predict(images)
    found = statistics.bootstrapped(
        "frechet_distance",
        lambda rows: statistics.frechet_distance(statistics.moments(rows), classifier.reference),
        features,
        generator(seed, "bootstrap"),
    )
    if model.conditional:
        right = 100 * (classes == digits).to(torch.float64)
        found |= statistics.mean("conditional_accuracy", right)
    return found
