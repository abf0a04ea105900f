"""Images that a run's decoder makes, without matplotlib, for figures and for the page."""

import torch
from torch import Tensor

from vaepipe.core.rng import generator
from vaepipe.figures.inputs import Inputs
from vaepipe.results import Run

PAIRS = ((2, 7), (0, 4))  # classes between which codes are interpolated, where there are so many


@torch.no_grad()
def reconstructed(inputs: Inputs, run: Run, index: Tensor) -> Tensor:
    """Test images `[n, pixels]` through the run's code (the posterior's mean) and back."""
    model, binarize = inputs.trained(run)
    x, labels = inputs.pixels(index, binarize), inputs.test.labels[index]
    return model.images(model.codes(x, labels), labels)


@torch.no_grad()
def from_prior(inputs: Inputs, run: Run, rows: int, columns: int) -> Tensor:
    """Decoded draws from the prior, `[rows * columns, pixels]`: of the same noise for all models.

    A conditional model is asked for class k in column k.
    """
    model, _ = inputs.trained(run)
    n = rows * columns
    z = torch.randn(n, run.latent_dim, generator=generator(0, f"samples {run.latent_dim}"))
    labels = torch.arange(n) % columns % max(1, model.architecture.classes)
    return model.images(model.prior.from_normal(z), labels)


def pairs(inputs: Inputs) -> list[tuple[int, int]]:
    """The test images between whose codes are interpolated: the first ones of two classes each."""
    shown = inputs.shown_classes()
    if not shown:
        return [(0, -1), (1, -2)]
    places = PAIRS if len(shown) > 7 else ((0, 1), (1, 2)) if len(shown) > 2 else ((0, -1),)
    return [tuple(int(inputs.of_class(shown[k])[0]) for k in pair) for pair in places]
