"""The network that all models share."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from vaepipe.models.architecture import ACTIVATIONS


class UninitializedLinear(nn.Linear):
    """A linear layer whose weights are not initialised yet."""

    def reset_parameters(self) -> None:
        """Do nothing: PyTorch would draw them from its global generator."""


def mlp(widths: list[int], activation: str, generator: torch.Generator) -> nn.Sequential:
    """Linear layers of the given widths with an activation between them, none after the last.

    Weights are drawn by Glorot and Bengio 2010, eq. 16 (uniform), from `generator` alone; the
    global random state is neither used nor changed. Biases are 0.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        linear = UninitializedLinear(inputs, outputs)
        nn.init.xavier_uniform_(linear.weight, generator=generator)
        nn.init.zeros_(linear.bias)
        layers += [linear, getattr(nn, ACTIVATIONS[activation])()]
    return nn.Sequential(*layers[:-1])


def with_label(values: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Join `[n, d]` values and `[n]` integer labels to `[n, d + classes]`, labels as one-hot."""
    # torch.nn.functional.one_hot reads the values, which makes the processor wait for a GPU.
    one_hot = labels[:, None] == torch.arange(classes, device=labels.device)
    return torch.cat([values, one_hot.to(values.dtype)], dim=1)
