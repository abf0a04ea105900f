"""Images decoded from draws of the prior, and their quality as the classifier measures it."""

import torch
from torch import Tensor, nn

from vaepipe.core.rng import generator
from vaepipe.evaluation import statistics
from vaepipe.evaluation.chunks import in_chunks
from vaepipe.evaluation.classifier import ImageClassifier
from vaepipe.params import Evaluate


def generated(
    model: nn.Module, n: int, chunk: int, rng: torch.Generator, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Images `[n, pixels]` of n draws from the prior, and the labels `[n]` asked
    for, 0, 1, ... in turn, which only a conditional model is given.

    The AE has no prior and is given draws from N(0, I).

    Args:
        chunk: images decoded at once, at most; all at once where an autoregressive likelihood
            draws them, because it draws the same random numbers in every call.
        rng: on the CPU, so that the draws are the same on every device.
    """
    a = model.architecture
    z = torch.randn(n, a.latent_dim, generator=rng).to(device)
    labels = torch.arange(n, device=device) % a.classes
    if a.likelihood == "autoregressive":
        chunk = n
    return in_chunks(model.images, model.prior.from_normal(z), labels, chunk), labels


def sample_quality(
    model: nn.Module,
    classifier: ImageClassifier,
    settings: Evaluate,
    run_seed: int,
    device: torch.device,
) -> dict[str, float]:
    """Quality of `settings.generated_images` images, with standard errors.

    Args:
        run_seed: the run's own. Runs of other seeds get other draws of the prior, so that the
            spread over seeds contains what a fresh draw changes.

    Returns:
        Fréchet distance of their features to those of real training images, and for a conditional
        model the share of images classified as the class asked for, in per cent.
    """
    seed = settings.seed
    rng = generator(seed, f"generation {run_seed}")
    images, labels = generated(model, settings.generated_images, settings.chunk, rng, device)
    features, classes = classifier.predict(images)
    found = statistics.bootstrapped(
        "frechet_distance",
        lambda rows: statistics.frechet_distance(statistics.moments(rows), classifier.reference),
        features,
        generator(seed, "bootstrap"),
    )
    if model.conditional:
        correct = 100 * (classes == labels).to(torch.float64)
        found |= statistics.mean("conditional_accuracy", correct)
    return found
