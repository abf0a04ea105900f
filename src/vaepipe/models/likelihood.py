"""p(x|z): how the pixels depend on the logits that a decoder gives."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from vaepipe.core.rng import generator
from vaepipe.models import objectives
from vaepipe.models.architecture import Architecture
from vaepipe.models.layers import UninitializedLinear, activation_layer, initialised

FIRST_SCALE = 0.1  # of the logistic, where black is 0 and white is 1
SMALLEST_LOG_SCALE = -7.0  # a quarter of a grey level: narrower gains nothing, and could overflow
REACH = 3  # rows above a pixel, and columns to either side, that an autoregressive one depends on
# The places of these pixels in a window of `REACH` + 1 rows whose last row has the pixel itself in
# its middle.
BEFORE = [
    (row, column)
    for row in range(REACH + 1)
    for column in range(2 * REACH + 1)
    if (row, column) < (REACH, REACH)
]


class Bernoulli(nn.Module):
    """Pixels that are 0 or 1, with the sigmoid of the logit as probability of 1."""

    def log_density(self, logits: Tensor, x: Tensor) -> Tensor:
        """log p(x|z) in nats: `[..., pixels]` both, to `[...]`."""
        return objectives.bernoulli_log_likelihood(logits, x)

    def images(self, logits: Tensor) -> Tensor:
        """The means of the pixels, `[n, pixels]`."""
        return logits.sigmoid()


class Logistic(nn.Module):
    """Pixels of 8 bits: a discretised logistic whose mean is the sigmoid of the logit.

    Its scale is learned, one for each pixel and channel, the same for all images.
    """

    def __init__(self, pixels: int):
        super().__init__()
        self.log_scale = nn.Parameter(torch.full((pixels,), math.log(FIRST_SCALE)))

    def log_density(self, logits: Tensor, x: Tensor) -> Tensor:
        """log p(x|z) in nats of x in {0, 1/255, ..., 1}: `[..., pixels]` both, to `[...]`."""
        log_scale = self.log_scale.clamp_min(SMALLEST_LOG_SCALE)
        return objectives.discretised_logistic_log_likelihood(logits.sigmoid(), log_scale, x)

    def images(self, logits: Tensor) -> Tensor:
        """The means of the logistics, `[n, pixels]`."""
        return logits.sigmoid()


class Autoregressive(nn.Module):
    """Pixels that are 0 or 1, each given z and the pixels before it that are near.

    Row by row from the top, as PixelVAE has it (Gulrajani et al. 2017, arXiv 1611.05013, section
    3.1) with a single layer: p(x|z) is the product over pixels of p(x_i | z, those of the `REACH`
    rows above and of the pixels to its left that are near). The decoder gives several values for
    each pixel, to which a linear function of the pixels before is added; after an activation a
    linear layer makes a logit of them, to which the first of the decoder's values is added.
    """

    def __init__(self, a: Architecture, rng: torch.Generator):
        super().__init__()
        self.size, self.values = a.image[1:], a.outputs
        self.neighbours = initialised(UninitializedLinear(len(BEFORE), a.outputs), rng)
        self.activation = activation_layer(a.activation)
        self.output = initialised(UninitializedLinear(a.outputs, 1, bias=False), rng)

    def log_density(self, features: Tensor, x: Tensor) -> Tensor:
        """log p(x|z) in nats: `[..., pixels * values]` and x `[..., pixels]`, to `[...]`."""
        logits = self.logits(features, x)
        return objectives.bernoulli_log_likelihood(logits, x.expand_as(logits))

    def logits(self, features: Tensor, x: Tensor) -> Tensor:
        """Of each pixel given z and the pixels of x before it: `[..., pixels]`."""
        height, width = self.size
        around = pad(x.unflatten(-1, self.size), (REACH, REACH, REACH, 0))
        before = [
            around[..., row : row + height, column : column + width] for row, column in BEFORE
        ]
        near = torch.stack(before).flatten(1).T
        added = self.neighbours(near).view(*x.shape, self.values)
        return self._combined(features.unflatten(-1, (-1, self.values)), added)

    def _combined(self, features: Tensor, added: Tensor) -> Tensor:
        hidden = self.activation(features + added.to(features.dtype))
        return features[..., 0] + self.output(hidden)[..., 0].to(features.dtype)

    def images(self, features: Tensor) -> Tensor:
        """Draws of p(x|z), `[n, pixels]`, of 0 and 1: the mean of such pixels has no closed form.

        The random numbers are the same in every call.
        """
        height, width = self.size
        features = features.unflatten(-1, (height, width, self.values))
        rng = generator(0, "pixels", features.device)
        uniform = torch.rand(features.shape[:-1], generator=rng, device=features.device)
        image = features.new_zeros(len(features), height + REACH, width + 2 * REACH)
        for row in range(height):
            for column in range(width):
                window = image[:, row : row + REACH + 1, column : column + 2 * REACH + 1]
                added = self.neighbours(window.flatten(1)[:, : len(BEFORE)])
                logits = self._combined(features[:, row, column], added)
                drawn = uniform[:, row, column] < logits.sigmoid()
                image[:, row + REACH, column + REACH] = drawn
        return image[:, REACH:, REACH:-REACH].flatten(1)


def build_likelihood(a: Architecture, rng: torch.Generator) -> nn.Module:
    """The likelihood of that architecture, untrained."""
    if a.likelihood == "autoregressive":
        return Autoregressive(a, rng)
    return Logistic(a.pixels) if a.likelihood == "logistic" else Bernoulli()
