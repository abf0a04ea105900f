"""Adam by the function behind `torch.optim.Adam`, which gives the same bits for less time.

The class imports `torch._dynamo` when it is first used, which takes 1.4 s; docs/performance.md has
the numbers.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim.adam import adam

# How many tensors PyTorch's kernel for GPUs takes at a launch. Each is the work of one block of
# threads for up to 65,536 numbers, so that a small net would use a few of a GPU's 100 processors.
AT_A_LAUNCH = 36


def cut_up(parameters: Sequence[Tensor]) -> bool:
    """Whether Adam takes large parameters in pieces."""
    return parameters[0].is_cuda


def largest_piece(parameters: Sequence[Tensor]) -> int:
    """How many numbers a piece of a parameter has, at most."""
    numbers, cuts = sum(p.numel() for p in parameters), AT_A_LAUNCH - len(parameters)
    if not cut_up(parameters) or cuts < 1:
        return numbers
    return -(-numbers // (4 * cuts)) * 4  # a multiple of 16 bytes: the kernel reads so many at once


class Adam:
    """Adam of Kingma and Ba 2015 (arXiv 1412.6980, algorithm 1).

    Attributes:
        parameters: what is optimised, changed in place.
        betas: decays of the two moving averages.
        exp_avg, exp_avg_sq: moving averages of the gradients and of their squares.
        steps: the number of steps so far, for each of the pieces that the parameters are cut into.
    """

    def __init__(
        self,
        parameters: Sequence[Tensor],
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
    ):
        self.parameters = list(parameters)
        self.epsilon = epsilon
        self.betas = betas
        self.exp_avg = [torch.zeros_like(p, requires_grad=False) for p in self.parameters]
        self.exp_avg_sq = [torch.zeros_like(p, requires_grad=False) for p in self.parameters]
        self._piece = largest_piece(self.parameters)
        values = self.parameters, self.exp_avg, self.exp_avg_sq
        self._pieces = [self._cut([t.detach() for t in each]) for each in values]
        self.steps = torch.zeros(len(self._pieces[0]), device=self.parameters[0].device)

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], rate: float | Tensor) -> None:
        """One step along the gradients, one for each parameter.

        Args:
            rate: the learning rate; as a tensor on the parameters' device it can change between
                replays of a CUDA graph.
        """
        parameters, exp_avg, exp_avg_sq = self._pieces
        adam(
            parameters,
            # The fused kernel reads memory in the parameter's order, whatever the strides are.
            self._cut([gradient.contiguous() for gradient in gradients]),
            exp_avg,
            exp_avg_sq,
            [],
            [*self.steps],
            fused=True,
            lr=rate,
            beta1=self.betas[0],
            beta2=self.betas[1],
            eps=self.epsilon,
            weight_decay=0.0,
            amsgrad=False,
            maximize=False,
        )

    def _cut(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        return [piece for t in tensors for piece in t.view(-1).split(self._piece)]
