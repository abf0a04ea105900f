"""Convolutional encoder and decoder.

Each layer is a 4 x 4 convolution with stride 2, as in DCGAN (Radford, Metz and Chintala 2016, arXiv
1511.06434), so that two of them take 28 x 28 pixels to 7 x 7; then the dense layers of an MLP. The
decoder mirrors the encoder.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from vaepipe.core.errors import UserError
from vaepipe.models.architecture import Architecture
from vaepipe.models.layers import (
    UninitializedConv2d,
    UninitializedConvTranspose2d,
    activation_layer,
    initialised,
    mlp,
)

KERNEL = {"kernel_size": 4, "stride": 2, "padding": 1}


def smallest_maps(a: Architecture) -> tuple[int, int]:
    """Height and width of the maps of the last convolution.

    Raises:
        UserError: the image can't be halved so often.
    """
    parts = 2 ** len(a.channels)
    _, height, width = a.image
    if height % parts or width % parts:
        raise UserError(
            f"train.network is conv, whose {len(a.channels)} layers halve the images: height and"
            f" width must be multiples of {parts}, but are {height} and {width}; use fewer"
            " train.channels, data.size, or train.network mlp"
        )
    return height // parts, width // parts


class ConvEncoder(nn.Module):
    """Images and what else is given, `[n, pixels + given]`, to `[n, outputs]`.

    What is given beside the pixels, such as a one-hot label, joins them after the convolutions.
    """

    def __init__(self, a: Architecture, given: int, outputs: int, rng: torch.Generator):
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, channels in pairwise((a.image[0], *a.channels)):
            layers.append(initialised(UninitializedConv2d(inputs, channels, **KERNEL), rng))
            layers.append(activation_layer(a.activation))
        self.convolutions = nn.Sequential(*layers)
        self.image = a.image
        features = a.channels[-1] * math.prod(smallest_maps(a))
        self.dense = mlp([features + given, *a.hidden, outputs], a.activation, rng)

    def forward(self, x: Tensor) -> Tensor:
        """`[n, outputs]` of `[n, pixels + given]`."""
        n = math.prod(self.image)
        pixels, given = x[:, :n], x[:, n:]
        maps = self.convolutions(pixels.unflatten(1, self.image))
        return self.dense(torch.cat([maps.flatten(1), given.to(maps.dtype)], dim=1))


class Upsampling(nn.Module):
    """A 4 x 4 transposed convolution with stride 2 and padding 1 whose channels come last.

    Each block of 2 x 2 pixels that it gives depends on 2 x 2 pixels of its input: so it is computed
    as a 2 x 2 convolution to four times the channels (Shi et al. 2016, arXiv 1609.05158), which on
    a processor takes three fifths of the time of PyTorch's transposed one.
    """

    def __init__(self, inputs: int, outputs: int, rng: torch.Generator):
        super().__init__()
        convolution = UninitializedConv2d(inputs, 4 * outputs, 2, padding=1, bias=False)
        self.convolution = initialised(convolution, rng)

    def forward(self, maps: Tensor) -> Tensor:
        """`[n, inputs, height, width]` to `[n, 4 * height * width, outputs]`."""
        blocks = self.convolution(maps).unflatten(1, (2, 2, -1))
        rows = blocks.permute(0, 4, 1, 5, 2, 3).flatten(1, 2).flatten(2, 3)
        # The first row and column are the second halves of blocks that lie outside the image.
        return rows[:, 1:-1, 1:-1].flatten(1, 2)


class ConvDecoder(nn.Module):
    """Codes and what else is given, `[n, latent_dim + given]`, to logits `[n, pixels]`.

    Or to several values for each pixel, `[n, pixels * outputs]`, to the first of which its bias is
    added.
    """

    def __init__(self, a: Architecture, given: int, rng: torch.Generator):
        super().__init__()
        self.maps = smallest_maps(a)
        channels = (*reversed(a.channels), a.image[0])
        features = channels[0] * math.prod(self.maps)
        self.dense = mlp([a.latent_dim + given, *reversed(a.hidden), features], a.activation, rng)
        layers: list[nn.Module] = [activation_layer(a.activation)]
        for number, (inputs, outputs) in enumerate(pairwise(channels), 1):
            last = number == len(a.channels)
            if last and a.outputs > 1:
                layers += [Upsampling(inputs, a.outputs, rng)]
                break
            layer = UninitializedConvTranspose2d(inputs, outputs, bias=not last, **KERNEL)
            layers += [initialised(layer, rng)]
            layers += [] if last else [activation_layer(a.activation)]
        self.convolutions = nn.Sequential(*layers)
        # One for each pixel, as an MLP has it, so that the decoder can start at the mean image.
        self.bias = nn.Parameter(torch.zeros(a.pixels))
        self.outputs = a.outputs

    def forward(self, z: Tensor) -> Tensor:
        """Logits `[n, pixels]`, or `[n, pixels * outputs]`, of `[n, latent_dim + given]`."""
        values = self.convolutions(self.dense(z).unflatten(1, (-1, *self.maps)))
        if self.outputs == 1:
            return values.flatten(1) + self.bias
        bias = nn.functional.pad(self.bias[:, None], (0, self.outputs - 1))
        return (values + bias).flatten(1)
