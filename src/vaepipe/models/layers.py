"""Layers whose weights are drawn from a generator that is passed in, and the MLP made of them."""

from itertools import pairwise

import torch
from torch import nn

from vaepipe.models.architecture import ACTIVATIONS


class Uninitialized:
    """Before a layer among the base classes: its weights are not initialised yet."""

    def reset_parameters(self) -> None:
        """Do nothing: PyTorch would draw them from its global generator."""


class UninitializedLinear(Uninitialized, nn.Linear):
    """`[..., inputs]` to `[..., outputs]`."""


class UninitializedConv2d(Uninitialized, nn.Conv2d):
    """`[n, channels, height, width]`."""


class UninitializedConvTranspose2d(Uninitialized, nn.ConvTranspose2d):
    """`[n, channels, height, width]`."""


def initialised(layer: nn.Module, generator: torch.Generator) -> nn.Module:
    """The layer with weights by Glorot and Bengio 2010, eq. 16 (uniform), and biases of 0."""
    nn.init.xavier_uniform_(layer.weight, generator=generator)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def activation_layer(name: str) -> nn.Module:
    """The activation of that name; a leaky ReLU has the slope 0.2 that GANs are trained with."""
    kind = getattr(nn, ACTIVATIONS[name])
    return kind(0.2) if kind is nn.LeakyReLU else kind()


def mlp(widths: list[int], activation: str, generator: torch.Generator) -> nn.Sequential:
    """Linear layers of the given widths with an activation between them, none after the last.

    The global random state is neither used nor changed.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        linear = initialised(UninitializedLinear(inputs, outputs), generator)
        layers += [linear, activation_layer(activation)]
    return nn.Sequential(*layers[:-1])
