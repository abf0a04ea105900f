"""Images that a run's decoder makes, without matplotlib, for figures and for the page."""

import torch
from torch import Tensor

from vaepipe.core.rng import generator
from vaepipe.figures.inputs import Inputs
from vaepipe.results import Run


@torch.no_grad()
def reconstructed(inputs: Inputs, run: Run, index: Tensor) -> Tensor:
    """Test images `[n, 784]` through the run's code (the posterior's mean) and back."""
    model, binarize = inputs.trained(run)
    x, labels = inputs.pixels(index, binarize), inputs.test.labels[index]
    return model.decode(model.codes(x, labels), labels).sigmoid()


@torch.no_grad()
def from_prior(inputs: Inputs, run: Run, rows: int, columns: int) -> Tensor:
    """Decoded draws from N(0, I), `[rows * columns, 784]`: the same draws for all models.

    A conditional model is asked for digit k in column k.
    """
    model, _ = inputs.trained(run)
    n = rows * columns
    z = torch.randn(n, run.latent_dim, generator=generator(0, f"samples {run.latent_dim}"))
    digits = torch.arange(n) % columns % model.architecture.classes
    return model.decode(z, digits).sigmoid()
