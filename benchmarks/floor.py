"""The floor: the matrix products that a step or a bound needs, and nothing else.

Outputs are allocated before and biases go with the product (`addmm`); there is no activation, no
loss and no optimiser.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch


def step_products(encoder: Sequence[int], decoder: Sequence[int], batch: int, dtype: torch.dtype):
    """A call that does the products of one training step, forward and backward, of a VAE.

    For a layer of `i` inputs and `o` outputs: `[batch, i] [i, o]` forward, `[o, batch] [batch, i]`
    for the weight's gradient, and `[batch, o] [o, i]` for the input's, which the first layer, whose
    inputs are images, does not need.

    Args:
        encoder, decoder: widths, such as 784, 400, 40 and 20, 400, 784.
    """
    layers = [*pairwise(encoder), *pairwise(decoder)]
    made = []
    for place, (i, o) in enumerate(layers):
        x, dy, weight, bias = (torch.randn(*s) for s in ((batch, i), (batch, o), (o, i), (o,)))
        x, dy, weight, bias = (t.to(dtype) for t in (x, dy, weight, bias))
        y, dx, dweight = (torch.empty_like(t) for t in (dy, x, weight))
        made.append((x, dy, weight, bias, y, dx if place else None, dweight))

    def products() -> None:
        for x, _, weight, bias, y, _, _ in made:
            torch.addmm(bias, x, weight.t(), out=y)
        for x, dy, weight, _, _, dx, dweight in reversed(made):
            torch.mm(dy.t(), x, out=dweight)
            if dx is not None:
                torch.mm(dy, weight, out=dx)

    return products


def decoder_products(widths: Sequence[int], rows: int, dtype: torch.dtype):
    """A call that does the products of decoding `rows` codes through layers of these widths."""
    made = []
    for i, o in pairwise(widths):
        x, weight, bias = (t.to(dtype) for t in map(torch.randn, [(rows, i), (o, i), (o,)]))
        made.append((bias, x, weight.t(), x.new_empty(rows, o)))

    def products() -> None:
        for bias, x, weight, y in made:
            torch.addmm(bias, x, weight, out=y)

    return products


def flops(widths: Sequence[int], rows: int) -> int:
    """Additions and multiplications of `rows` codes through layers of these widths."""
    return sum(2 * rows * i * o for i, o in pairwise(widths))
