"""Metrics of the codes: active units, classification by code, distance to the prior."""

import numpy as np
import torch
from torch import Tensor

from vaepipe.core.errors import UserError
from vaepipe.evaluation import statistics

ACTIVE = 0.01
NEIGHBOURS = 5


def active_units(means: Tensor) -> int:
    """How many latents have a posterior mean `[n, d]` whose variance over images is above 0.01.

    Burda, Grosse and Salakhutdinov 2016 (arXiv 1509.00519, section 5.2).
    """
    return int((means.to(torch.float64).var(0) > ACTIVE).sum())


def distance_to_prior(z: Tensor, rng: torch.Generator) -> dict[str, float]:
    """Distance of z `[n, d]`, one per image, to N(0, I), with standard errors.

    Returns:
        `prior_moments`, the Fréchet distance (squared 2-Wasserstein distance of the Gaussian with
        the moments of z), and `prior_mmd`, the squared maximum mean discrepancy.
    """
    d = z.shape[1]
    prior = statistics.Moments(*(f(d, dtype=torch.float64) for f in (torch.zeros, torch.eye)))
    return statistics.bootstrapped(
        "prior_moments",
        lambda rows: statistics.frechet_distance(statistics.moments(rows), prior),
        z,
        rng,
    ) | statistics.mean("prior_mmd", statistics.prior_mmd(z, rng))


def code_accuracy(
    training: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor], standardise: bool = True
) -> dict[str, float]:
    """Accuracy of simple classifiers of the images that see the codes alone, in per cent.

    Args:
        training, test: codes `[n, d]` and labels `[n]`.
        standardise: by mean and standard deviation of the training codes.

    Returns:
        Accuracy on the test images of the 5 nearest neighbours, and of a logistic regression (the
        linear probe), with standard errors.

    Raises:
        UserError: the training images are of one class.
    """
    # Slow to import, and the figures need this module without it.
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    (codes, labels), (test_codes, test_labels) = (
        [t.numpy(force=True) for t in part] for part in (training, test)
    )
    if len(np.unique(labels)) < 2:
        raise UserError(
            f"the first {len(labels):,} training images are of one class, and nearest neighbours"
            " and the linear probe need two: shuffle the images, or raise evaluate.training_images"
        )
    classifiers = {
        "knn_accuracy": KNeighborsClassifier(NEIGHBOURS),
        "probe_accuracy": LogisticRegression(max_iter=1000),
    }
    found = {}
    # The number of threads changes the order of sums, and with it borderline predictions.
    with threadpool_limits(1):
        for name, classifier in classifiers.items():
            steps = [StandardScaler(), classifier] if standardise else [classifier]
            fitted = make_pipeline(*steps).fit(codes, labels)
            correct = np.asarray(fitted.predict(test_codes) == test_labels, dtype=np.float64)
            found |= statistics.mean(name, torch.from_numpy(100 * correct))
    return found
