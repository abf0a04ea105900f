"""Adam by the function behind `torch.optim.Adam`, which gives the same bits for less time.

The class imports `torch._dynamo` when it is first used, which takes 1.4 s; docs/performance.md has
the numbers.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim.adam import adam


class Adam:
    """Adam of Kingma and Ba 2015 (arXiv 1412.6980, algorithm 1).

    Attributes:
        parameters: what is optimised, changed in place.
        betas: decays of the two moving averages; the paper's unless others are given.
        exp_avg, exp_avg_sq: moving averages of the gradients and of their squares.
        steps: the number of steps so far, a scalar tensor for each parameter.
    """

    def __init__(
        self,
        parameters: Sequence[Tensor],
        epsilon: float = 1e-8,
        betas: tuple[float, float] = (0.9, 0.999),
    ):
        self.parameters = list(parameters)
        self.epsilon = epsilon
        self.betas = betas
        self.exp_avg = [torch.zeros_like(p, requires_grad=False) for p in self.parameters]
        self.exp_avg_sq = [torch.zeros_like(p, requires_grad=False) for p in self.parameters]
        self.steps = [torch.zeros((), device=p.device) for p in self.parameters]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], rate: float | Tensor) -> None:
        """One step along the gradients, one for each parameter.

        Args:
            rate: the learning rate; as a tensor on the parameters' device it can change between
                replays of a CUDA graph.
        """
        adam(
            self.parameters,
            # The fused kernel reads memory in the parameter's order, whatever the strides are.
            [gradient.contiguous() for gradient in gradients],
            self.exp_avg,
            self.exp_avg_sq,
            [],
            self.steps,
            fused=True,
            lr=rate,
            beta1=self.betas[0],
            beta2=self.betas[1],
            eps=self.epsilon,
            weight_decay=0.0,
            amsgrad=False,
            maximize=False,
        )
