"""What an autoencoder's code is held against: principal components, and the pixels themselves."""

from collections.abc import Iterable

import torch
from torch import Tensor

from vaepipe.evaluation.latents import code_accuracy

Labelled = tuple[Tensor, Tensor]  # images or codes `[n, d]`, and their labels `[n]`


def principal_components(x: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """The mean `[d]` and the n directions of largest variance `[d, n]` of rows `[m, d]`.

    Pearson 1901. In float64, so that the order of close directions does not hang on rounding.
    """
    rows = x.to(torch.float64)
    _, vectors = torch.linalg.eigh(rows.T.cov())
    return rows.mean(0), vectors.flip(1)[:, :n]


def pca_codes(training: Tensor, test: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """The first n principal components of both, fitted on the training images `[m, pixels]`."""
    mean, directions = principal_components(training, n)
    return tuple((x.to(torch.float64) - mean) @ directions for x in (training, test))


def baselines(
    training: Labelled, test: Labelled, dims: Iterable[int]
) -> dict[tuple[str, int], dict[str, float]]:
    """Accuracy of 5-NN and linear probe on PCA codes of each size and on raw pixels, in per cent.

    The same classifiers, the same training images and the same test images as for the models'
    codes. Pixels are not standardised: that would blow up those at the margin.

    Returns:
        By name (`pca`, `pixels`) and size; the pixels stand under the size 0.
    """
    (x, labels), (seen, of_seen) = training, test
    dims = sorted(dims)
    first, last = pca_codes(x, seen, dims[-1])
    found = {
        ("pca", n): code_accuracy((first[:, :n], labels), (last[:, :n], of_seen)) for n in dims
    }
    return found | {("pixels", 0): code_accuracy(training, test, standardise=False)}
