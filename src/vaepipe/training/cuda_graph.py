"""Training steps launched one operation at a time, or several of them at once as a CUDA graph.

A step of a small network is some seventy operations of a few microseconds each, and launching one
takes a processor longer than a GPU takes to do it. A graph is launched whole.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

# A step takes the indices of its images, `[runs, batch]`, and the rate; it gives sums of terms.
Step = Callable[[Tensor, float | Tensor], Tensor]
# Some steps take the indices of all of them, `[runs, images]`, and a rate for each step; they give
# the sums of each, `[steps, ...]`.
Steps = Callable[[Tensor, Sequence[float | Tensor]], Tensor]
# Recording gives what the work returned, a tensor that every replay writes anew, and the replay.
Record = Callable[[Callable[[], Tensor], Sequence[torch.Generator]], tuple[Tensor, Callable]]

BLOCK = 16  # steps of one graph: its launch, and the state of its generators, cost as much as one


def eager_steps(step: Step, batch_size: int) -> Steps:
    """The steps, one after the other; the last one may be of fewer images."""

    def run_steps(indices: Tensor, rates: Sequence[float | Tensor]) -> Tensor:
        pairs = zip(indices.split(batch_size, dim=1), rates, strict=True)
        sums = None
        for number, (index, rate) in enumerate(pairs):
            found = step(index, rate)
            if sums is None:
                # One place for all: small tensors that outlive their step, lying between what the
                # steps free, cost 100 kB each.
                sums = found.new_empty(len(rates), *found.shape)
            sums[number] = found
        return sums

    return run_steps


def cuda_graph(
    work: Callable[[], Tensor], rngs: Sequence[torch.Generator]
) -> tuple[Tensor, Callable]:
    """Record the work as a CUDA graph that draws anew from the generators in every replay."""
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        work()  # libraries start up, which can't be recorded
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    for one in rngs:
        graph.register_generator_state(one)
    with torch.cuda.graph(graph):
        found = work()
    return found, graph.replay


RECORD: dict[str, Record] = {"cuda": cuda_graph}  # by the type of device


def graphed_steps(
    record: Record,
    step: Step,
    batch_size: int,
    runs: int,
    state: Sequence[Tensor],
    rngs: Sequence[torch.Generator],
) -> Steps:
    """The steps, `BLOCK` of them a launch; those left over one by one.

    Args:
        state: all that a step changes in place; it is as before when this returns.
        rngs: all generators that a step draws from; likewise.

    Raises:
        RuntimeError: the step can't be recorded, or its replay does not do what the step does.
    """
    device = state[0].device
    indices = torch.zeros(runs, BLOCK, batch_size, dtype=torch.int64, device=device)
    rates = torch.zeros(BLOCK, device=device)
    plain = eager_steps(step, batch_size)
    kept = [t.detach().clone() for t in state]
    drawn = [one.get_state() for one in rngs]

    def restore() -> None:
        with torch.no_grad():
            for tensor, before in zip(state, kept, strict=True):
                tensor.copy_(before)
        for one, before in zip(rngs, drawn, strict=True):
            one.set_state(before)

    def block() -> Tensor:
        return plain(indices.flatten(1), rates.unbind())

    def outcome(of_block: Callable[[], Tensor]) -> list[Tensor]:
        """Sums and state after two blocks, at a small rate."""
        rates.fill_(1e-4)
        of_block()
        found = [t.detach().clone() for t in (of_block(), *state)]
        restore()
        return found

    def replayed() -> Tensor:
        replay()
        return sums

    try:
        sums, replay = record(block, rngs)
    finally:
        restore()
    # A graph that left something out would still give a loss: it is held against the steps.
    for one, other in zip(outcome(replayed), outcome(block), strict=True):
        if not (one - other).norm() <= 1e-3 * other.norm():
            raise RuntimeError("replayed steps do not do what the steps do")

    def run_steps(order: Tensor, every_rate: Sequence[float]) -> Tensor:
        given = torch.tensor(every_rate, device=device)
        blocks = order.shape[1] // (BLOCK * batch_size)
        whole = blocks * BLOCK * batch_size
        found = []
        for number, part in enumerate(order[:, :whole].split(BLOCK * batch_size, dim=1)):
            indices.copy_(part.unflatten(1, (BLOCK, batch_size)))
            rates.copy_(given[number * BLOCK : (number + 1) * BLOCK])
            replay()
            found.append(sums.clone())
        if whole < order.shape[1]:
            found.append(plain(order[:, whole:], every_rate[blocks * BLOCK :]))
        return torch.cat(found)

    return run_steps
