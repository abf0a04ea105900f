"""Convolutional encoder and decoder for images of 28 x 28 pixels.

Each layer is a 4 x 4 convolution with stride 2, as in DCGAN (Radford, Metz and Chintala 2016, arXiv
1511.06434), so that two of them take 28 x 28 pixels to 7 x 7; then the dense layers of an MLP. The
decoder mirrors the encoder.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from vaepipe.models.architecture import ACTIVATIONS, Architecture
from vaepipe.models.layers import (
    UninitializedConv2d,
    UninitializedConvTranspose2d,
    initialised,
    mlp,
)

SIDE = 28
KERNEL = {"kernel_size": 4, "stride": 2, "padding": 1}


class ConvEncoder(nn.Module):
    """Images and what else is given, `[n, 784 + given]`, to `[n, outputs]`.

    What is given beside the pixels, such as a one-hot label, joins them after the convolutions.
    """

    def __init__(self, a: Architecture, given: int, outputs: int, rng: torch.Generator):
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, channels in pairwise((1, *a.channels)):
            layers.append(initialised(UninitializedConv2d(inputs, channels, **KERNEL), rng))
            layers.append(getattr(nn, ACTIVATIONS[a.activation])())
        self.convolutions = nn.Sequential(*layers)
        features = a.channels[-1] * (SIDE >> len(a.channels)) ** 2
        self.dense = mlp([features + given, *a.hidden, outputs], a.activation, rng)

    def forward(self, x: Tensor) -> Tensor:
        """`[n, outputs]` of `[n, 784 + given]`."""
        pixels, given = x[:, : SIDE * SIDE], x[:, SIDE * SIDE :]
        maps = self.convolutions(pixels.unflatten(1, (1, SIDE, SIDE)))
        return self.dense(torch.cat([maps.flatten(1), given.to(maps.dtype)], dim=1))


class ConvDecoder(nn.Module):
    """Codes and what else is given, `[n, latent_dim + given]`, to logits `[n, 784]`."""

    def __init__(self, a: Architecture, given: int, rng: torch.Generator):
        super().__init__()
        self.side = SIDE >> len(a.channels)
        channels = (*reversed(a.channels), 1)
        features = channels[0] * self.side**2
        activation = getattr(nn, ACTIVATIONS[a.activation])
        self.dense = mlp([a.latent_dim + given, *reversed(a.hidden), features], a.activation, rng)
        layers: list[nn.Module] = [activation()]
        for inputs, outputs in pairwise(channels):
            last = outputs == 1
            layer = UninitializedConvTranspose2d(inputs, outputs, bias=not last, **KERNEL)
            layers += [initialised(layer, rng)] + ([] if last else [activation()])
        self.convolutions = nn.Sequential(*layers)
        # One for each pixel, as an MLP has it, so that the decoder can start at the mean image.
        self.bias = nn.Parameter(torch.zeros(a.pixels))

    def forward(self, z: Tensor) -> Tensor:
        """Logits `[n, 784]` of `[n, latent_dim + given]`."""
        maps = self.dense(z).unflatten(1, (-1, self.side, self.side))
        return self.convolutions(maps).flatten(1) + self.bias
