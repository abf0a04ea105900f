"""The encoders and decoders that all models share: MLPs, with convolutions or without."""

import torch
from torch import Tensor, nn

from vaepipe.models.architecture import Architecture
from vaepipe.models.conv import ConvDecoder, ConvEncoder
from vaepipe.models.layers import mlp


def encoder(a: Architecture, given: int, outputs: int, rng: torch.Generator) -> nn.Module:
    """From images and `given` more values, `[n, pixels + given]`, to `[n, outputs]`."""
    if a.network == "conv":
        return ConvEncoder(a, given, outputs, rng)
    widths = [a.pixels + given, *a.hidden, outputs]
    return mlp(widths, a.activation, rng, a.network == "residual")


def decoder(a: Architecture, given: int, rng: torch.Generator) -> nn.Module:
    """From codes and `given` more values, `[n, latent_dim + given]`, to logits `[n, pixels]`."""
    if a.network == "conv":
        return ConvDecoder(a, given, rng)
    widths = [a.latent_dim + given, *reversed(a.hidden), a.pixels]
    return mlp(widths, a.activation, rng, a.network == "residual")


def output_bias(decoder: nn.Module) -> nn.Parameter:
    """The bias of a decoder's logits, `[pixels]`."""
    return decoder[-1].bias if isinstance(decoder, nn.Sequential) else decoder.bias


# What stands for the label in a one-hot vector. With 1 a latent of 20 numbers drowns it out at the
# start, and the code learns the class as well: docs/metrics.md has what was tried.
LABEL_SCALE = 8.0


def with_label(values: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Join `[n, d]` values and `[n]` integer labels, as one-hot vectors times `LABEL_SCALE`.

    Returns:
        `[n, d + classes]`.
    """
    # torch.nn.functional.one_hot reads the values, which makes the processor wait for a GPU.
    one_hot = labels[:, None] == torch.arange(classes, device=labels.device)
    return torch.cat([values, LABEL_SCALE * one_hot.to(values.dtype)], dim=1)
