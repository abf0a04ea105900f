"""What bounds the memory of an evaluation: a net is given some of the images at a time."""

from collections.abc import Callable

import torch
from torch import Tensor


def in_chunks(
    function: Callable[[Tensor, Tensor], Tensor], values: Tensor, labels: Tensor, chunk: int
) -> Tensor:
    """What the function makes of `values` and `labels`, of at most `chunk` of them at a time.

    The layers of a net, convolutions above all, hold many times what they are given.

    Args:
        function: from `[m, ...]` and labels `[m]` to `[m, ...]`.
        values: images or latents `[n, ...]`.
        labels: `[n]`.
    """
    parts = zip(values.split(chunk), labels.split(chunk), strict=True)
    return torch.cat([function(*part) for part in parts])
