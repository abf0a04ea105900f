"""p(x|z): how the pixels depend on the logits that a decoder gives."""

import math

import torch
from torch import Tensor, nn

from vaepipe.models import objectives
from vaepipe.models.architecture import Architecture

FIRST_SCALE = 0.1  # of the logistic, where black is 0 and white is 1
SMALLEST_LOG_SCALE = -7.0  # a quarter of a grey level: narrower gains nothing, and could overflow


class Bernoulli(nn.Module):
    """Pixels that are 0 or 1, with the sigmoid of the logit as probability of 1."""

    def log_density(self, logits: Tensor, x: Tensor) -> Tensor:
        """log p(x|z) in nats: `[..., pixels]` both, to `[...]`."""
        return objectives.bernoulli_log_likelihood(logits, x)


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


def build_likelihood(a: Architecture) -> nn.Module:
    """The likelihood of that architecture, untrained."""
    return Logistic(a.pixels) if a.likelihood == "logistic" else Bernoulli()
