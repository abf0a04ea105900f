"""Layers whose weights are drawn from a generator that is passed in, and the MLP made of them."""

from itertools import pairwise

import torch
from torch import Tensor, nn

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


class Residual(nn.Sequential):
    """A layer whose output is added to its input `[..., width]` (He et al. 2016, arXiv 1512.03385,
    eq. 1).

    Its weights start at 0, so that it gives what it is given (De and Smith 2020, arXiv 2002.10444,
    section 2): drawn like those of other layers, of ten VAEs with 3 latents two diverged.
    """

    def forward(self, x: Tensor) -> Tensor:
        """`[..., width]` of the same shape."""
        return x + super().forward(x)


def mlp(
    widths: list[int], activation: str, generator: torch.Generator, residual: bool = False
) -> nn.Sequential:
    """Linear layers of the given widths with an activation between them, none after the last.

    The global random state is neither used nor changed.

    Args:
        residual: a hidden layer as wide as the one before it adds its output to its input.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths[:-1]):
        linear = initialised(UninitializedLinear(inputs, outputs), generator)
        layer = [linear, activation_layer(activation)]
        if residual and inputs == outputs:
            nn.init.zeros_(linear.weight)
            layer = [Residual(*layer)]
        layers += layer
    last = initialised(UninitializedLinear(*widths[-2:]), generator)
    return nn.Sequential(*layers, last)
