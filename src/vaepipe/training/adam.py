"""Adam, by the kernel behind `torch.optim.Adam`.

The class there spends a twentieth of a small net's step on bookkeeping, and takes a second to
import what it never uses here.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


class Adam:
    """Adam of Kingma and Ba 2015 (arXiv 1412.6980, algorithm 1), with their decays of the moments.

    Attributes:
        parameters: what is optimised, changed in place.
        exp_avg, exp_avg_sq: running means of the gradients and of their squares.
        steps: how many were taken, a number on the parameters' device.
    """

    def __init__(self, parameters: Sequence[Tensor], epsilon: float = 1e-8):
        self.parameters = list(parameters)
        self.epsilon = epsilon
        self.exp_avg = [torch.zeros_like(p, requires_grad=False) for p in self.parameters]
        self.exp_avg_sq = [torch.zeros_like(p, requires_grad=False) for p in self.parameters]
        self.steps = torch.zeros((), device=self.parameters[0].device)

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], rate: float | Tensor) -> None:
        """One step along the gradients, one for each parameter.

        Args:
            rate: the learning rate; as a tensor on the parameters' device it can change between
                replays of a CUDA graph.
        """
        self.steps += 1
        torch._fused_adam_(
            self.parameters,
            # The kernel reads memory in the order of the parameter, whatever a gradient's strides.
            [gradient.contiguous() for gradient in gradients],
            self.exp_avg,
            self.exp_avg_sq,
            [],
            [self.steps] * len(self.parameters),
            lr=rate,
            beta1=0.9,
            beta2=0.999,
            weight_decay=0.0,
            eps=self.epsilon,
            amsgrad=False,
            maximize=False,
        )
