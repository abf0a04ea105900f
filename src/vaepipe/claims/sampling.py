"""Samples: which codes are decoded, and what the classifier makes of the images."""

import torch
from torch import Tensor, nn

from vaepipe.core.rng import generator
from vaepipe.evaluation import statistics
from vaepipe.evaluation.classifier import ImageClassifier


def gaussian_draws(rows: Tensor, n: int, rng: torch.Generator) -> Tensor:
    """n draws `[n, d]` from the Gaussian with mean and covariance of rows `[m, d]`.

    By the covariance's eigenvectors, which also serve where it is singular.
    """
    mean, cov = statistics.moments(rows)
    values, vectors = torch.linalg.eigh(cov)
    root = vectors * values.clamp(min=0).sqrt()
    noise = torch.randn(n, len(mean), generator=rng, dtype=torch.float64)
    return (mean + noise @ root.T).to(rows.dtype)


def decoded(model: nn.Module, z: Tensor) -> Tensor:
    """Images `[n, pixels]` of codes `[n, d]`; a conditional model gets labels 0, 1, ..."""
    labels = torch.arange(len(z)) % max(1, model.architecture.classes)
    return model.images(z, labels)


def noise_images(training: Tensor, n: int, seed: int) -> Tensor:
    """n images `[n, pixels]` each of whose pixels is that of another training image, at random.

    Every pixel has the right distribution and knows nothing of the others.
    """
    rng = generator(seed, "claims noise")
    rows = torch.randint(len(training), (n, training.shape[1]), generator=rng)
    return training.gather(0, rows)


def entropy(p: Tensor) -> Tensor:
    """Entropy of distributions `[..., classes]` in nats; 0 log 0 is 0."""
    return -torch.special.xlogy(p, p).sum(-1)


def classified(images: Tensor, classifier: ImageClassifier) -> dict[str, float]:
    """What the classifier makes of images `[n, pixels]`.

    Returns:
        `frechet`, the Fréchet distance of their features to those of real training images;
        `doubt`, the mean entropy of p(class | image) in nats, and `confidence`, the mean of its
        largest value in per cent; `variety`, the entropy in nats of the classes that the images are
        taken for. Not-finite images give infinity, ln(classes), 0 and 0: the worst of each.
    """
    classes = classifier.model.output.out_features
    if not images.isfinite().all():
        most = torch.tensor(float(classes)).log().item()
        return {"frechet": torch.inf, "doubt": most, "confidence": 0.0, "variety": 0.0}
    features, taken_for = classifier.predict(images)
    p = classifier.model.output(features).to(torch.float64).softmax(1)
    shares = torch.bincount(taken_for, minlength=classes).to(torch.float64) / len(images)
    return {
        "frechet": statistics.frechet_distance(statistics.moments(features), classifier.reference),
        "doubt": entropy(p).mean().item(),
        "confidence": 100 * p.amax(1).mean().item(),
        "variety": entropy(shares).item(),
    }
