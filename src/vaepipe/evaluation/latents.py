"""What the latent space holds: units in use, digits told apart, nearness to the prior."""

import numpy as np
import torch
from torch import Tensor

from vaepipe.evaluation import statistics

ACTIVE = 0.01
NEIGHBOURS = 5


def active_units(means: Tensor) -> int:
    """How many latents have a posterior mean `[n, d]` whose variance over images is above 0.01.

    Burda, Grosse and Salakhutdinov 2016 (arXiv 1509.00519, section 5.2).
    """
    return int((means.to(torch.float64).var(0) > ACTIVE).sum())


def distance_to_prior(z: Tensor, draw: torch.Generator) -> dict[str, float]:
    """How far z `[n, d]`, one per image, are from draws of N(0, I): by moments and by MMD."""
    d = z.shape[1]
    prior = statistics.Moments(*(f(d, dtype=torch.float64) for f in (torch.zeros, torch.eye)))
    return statistics.bootstrapped(
        "prior_moments",
        lambda rows: statistics.frechet_distance(statistics.moments(rows), prior),
        z,
        draw,
    ) | statistics.mean("prior_mmd", statistics.prior_mmd(z, draw))


def code_accuracy(training: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]) -> dict[str, float]:
    """How well simple classifiers tell digits by their codes alone, in per cent of test images.

    Args:
        training, test: codes `[n, d]` and labels `[n]`; standardised by the training codes.

    Returns:
        Accuracy of the 5 nearest neighbours, and of a logistic regression (the linear probe).
    """
    # Slow to import, and the figures need this module without it.
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    (codes, labels), (asked, truth) = (
        [t.numpy(force=True) for t in part] for part in (training, test)
    )
    classifiers = {
        "knn_accuracy": KNeighborsClassifier(NEIGHBOURS),
        "probe_accuracy": LogisticRegression(max_iter=1000),
    }
    found = {}
    # The order of sums, and with it the last image in doubt, must not hang on the machine's cores.
    with threadpool_limits(1):
        for name, classifier in classifiers.items():
            fitted = make_pipeline(StandardScaler(), classifier).fit(codes, labels)
            right = np.asarray(fitted.predict(asked) == truth, dtype=np.float64)
            found |= statistics.mean(name, torch.from_numpy(100 * right))
    return found
