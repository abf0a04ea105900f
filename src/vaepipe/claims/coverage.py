"""Precision and recall of distributions: are the samples real, and are all real images met?

The Fréchet distance mixes the two.
"""

import numpy as np
import torch
from torch import Tensor

CLUSTERS, REPEATS, ANGLES = 20, 10, 1001  # as in the paper's code
BETA = 8.0
NEIGHBOURS = 3


def prd_curve(real: np.ndarray, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Precision and recall `[angles]` of two distributions over the same bins, `[bins]` each.

    Sajjadi et al. 2018 (arXiv 1806.00035, eq. 1 and algorithm 1): for a slope l, precision is
    sum_b min(l real_b, samples_b), and recall the same divided by l.
    """
    slopes = np.tan(np.linspace(1e-6, np.pi / 2 - 1e-6, ANGLES))
    precision = np.minimum(slopes[:, None] * real, samples).sum(1)
    return precision.clip(0, 1), (precision / slopes).clip(0, 1)


def prd(real: Tensor, samples: Tensor, seed: int) -> dict[str, float]:
    """Precision and recall as F_1/8 and F_8 of the PRD curve, in per cent.

    Features of both are put into 20 bins by k-means, ten times, and the curves are averaged
    (arXiv 1806.00035, section 4). F_1/8 weighs precision more, F_8 recall.

    Args:
        real, samples: features `[n, d]`, equally many.
    """
    from sklearn.cluster import MiniBatchKMeans
    from threadpoolctl import threadpool_limits

    both = torch.cat([real, samples]).to(torch.float64).numpy(force=True)
    curves = []
    with threadpool_limits(1):
        for repeat in range(REPEATS):
            clusters = min(CLUSTERS, len(both))
            means = MiniBatchKMeans(clusters, n_init=1, random_state=seed + repeat)
            bins = means.fit_predict(both)
            shares = [
                np.bincount(part, minlength=CLUSTERS) / len(part)
                for part in (bins[: len(real)], bins[len(real) :])
            ]
            curves.append(prd_curve(*shares))
    precision, recall = np.mean(curves, axis=0)
    return {
        "prd_precision": 100 * f_score(precision, recall, 1 / BETA),
        "prd_recall": 100 * f_score(precision, recall, BETA),
    }


def f_score(precision: np.ndarray, recall: np.ndarray, beta: float) -> float:
    """The largest F_beta on a curve."""
    below = (beta**2 * precision + recall).clip(min=1e-12)
    return float(((1 + beta**2) * precision * recall / below).max())


def neighbourhoods(real: Tensor, samples: Tensor) -> dict[str, float]:
    """Improved precision and recall in per cent (Kynkäänniemi et al. 2019, arXiv 1904.06991).

    Precision is the share of samples that lie within the distance of some real image to its third
    neighbour; recall the same with the two exchanged.

    Args:
        real, samples: features `[n, d]`.
    """
    across = torch.cdist(real, samples)
    radii = [torch.cdist(a, a).kthvalue(NEIGHBOURS + 1, dim=1).values for a in (real, samples)]
    return {
        "precision": 100 * (across <= radii[0][:, None]).any(0).to(torch.float64).mean().item(),
        "recall": 100 * (across <= radii[1]).any(1).to(torch.float64).mean().item(),
    }
