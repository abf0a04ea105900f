"""Steps launched one by one, or as a CUDA graph, which launches several at once.

A step of a small network is some seventy operations of a few microseconds each, and launching one
takes a processor longer than a GPU takes to run it. A graph is launched whole.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

# A step takes the indices of its images, `[runs, batch]`, the learning rate and the KL weight, and
# gives sums of terms.
Step = Callable[[Tensor, float | Tensor, float | Tensor], Tensor]
# Several steps take the indices of all their images, `[runs, images]`, and the pair of each. They
# give the sums of each, `[steps, ...]`.
Steps = Callable[[Tensor, Sequence[tuple[float, float]]], Tensor]
# A recorder gives what the work returned, a tensor that every replay overwrites, and the replay.
Recorder = Callable[
    [Callable[[], Tensor], Sequence[torch.Generator]], tuple[Tensor, Callable[[], object]]
]

BLOCK = 16  # steps of one graph: its launch, and the state of its generators, cost as much as one


def steps_on_device(
    step: Step,
    batch_size: int,
    runs: int,
    tensors: Sequence[Tensor],
    rngs: Sequence[torch.Generator],
) -> Steps:
    """Steps as a CUDA graph if the tensors are on a CUDA device, and otherwise one by one.

    Args:
        tensors: all that a step changes in place.
        rngs: all generators that a step uses.
    """
    if record := RECORDERS.get(tensors[0].device.type):
        try:
            return graphed_steps(record, step, batch_size, runs, tensors, rngs)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            text = f"vaepipe: training without a CUDA graph, which takes longer: {reason}"
            print(text, file=sys.stderr)
    return eager_steps(step, batch_size)


def eager_steps(step: Step, batch_size: int) -> Steps:
    """The steps, one after the other; the last one may be of fewer images."""

    def run_steps(indices: Tensor, schedule: Sequence[Sequence[float | Tensor]]) -> Tensor:
        steps = zip(indices.split(batch_size, dim=1), schedule, strict=True)
        all_sums = None
        for number, (index, pair) in enumerate(steps):
            sums = step(index, *pair)
            if all_sums is None:
                # One tensor for all: small ones that outlive their step, lying between what the
                # steps free, cost 100 kB each.
                all_sums = sums.new_empty(len(schedule), *sums.shape)
            all_sums[number] = sums
        return all_sums

    return run_steps


def graphed_steps(
    record: Recorder,
    step: Step,
    batch_size: int,
    runs: int,
    tensors: Sequence[Tensor],
    rngs: Sequence[torch.Generator],
) -> Steps:
    """The steps, `BLOCK` of them at each launch; those left over one by one.

    Tensors and generators are as before when this returns.

    Raises:
        RuntimeError: the step can't be recorded, or its replay does not do what the step does.
    """
    device, eager = tensors[0].device, eager_steps(step, batch_size)
    images = BLOCK * batch_size
    # The graph reads its inputs from these two.
    indices = torch.zeros(runs, images, dtype=torch.int64, device=device)
    pairs = torch.zeros(BLOCK, 2, device=device)
    with restored(tensors, rngs):
        sums, replay = record(
            lambda: eager(indices, [pair.unbind() for pair in pairs.unbind()]), rngs
        )

    def run_steps(order: Tensor, schedule: Sequence[tuple[float, float]]) -> Tensor:
        blocks = order.shape[1] // images
        on_device = torch.tensor(schedule, device=device)
        found = []
        for block in range(blocks):
            indices.copy_(order[:, block * images : (block + 1) * images])
            pairs.copy_(on_device[block * BLOCK : (block + 1) * BLOCK])
            replay()
            found.append(sums.clone())
        if blocks * images < order.shape[1]:
            found.append(eager(order[:, blocks * images :], schedule[blocks * BLOCK :]))
        return torch.cat(found)

    def outcome(run_steps: Steps) -> list[Tensor]:
        """Sums and state after two blocks, at a small rate."""
        with restored(tensors, rngs):
            sums = run_steps(indices.repeat(1, 2), [(1e-4, 1.0)] * 2 * BLOCK)
            return [t.detach().clone() for t in (sums, *tensors)]

    # A graph that left something out would still give a loss: it is compared with the steps.
    for one, other in zip(outcome(run_steps), outcome(eager), strict=True):
        if not (one - other).norm() <= 1e-3 * other.norm():
            raise RuntimeError("replayed steps do not do what the steps do")
    return run_steps


@contextmanager
def restored(tensors: Sequence[Tensor], rngs: Sequence[torch.Generator]) -> Iterator[None]:
    """Undo at the end what the body did to tensors and generators."""
    values, states = [t.detach().clone() for t in tensors], [rng.get_state() for rng in rngs]
    try:
        yield
    finally:
        for tensor, value in zip(tensors, values, strict=True):
            tensor.detach().copy_(value)
        for rng, state in zip(rngs, states, strict=True):
            rng.set_state(state)


def record_cuda_graph(
    work: Callable[[], Tensor], rngs: Sequence[torch.Generator]
) -> tuple[Tensor, Callable[[], object]]:
    """Record the work as a CUDA graph; every replay goes on with the generators' streams."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        work()  # libraries initialise themselves, which can't be recorded
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    for rng in rngs:
        graph.register_generator_state(rng)
    with torch.cuda.graph(graph):
        found = work()
    return found, graph.replay


RECORDERS: dict[str, Recorder] = {"cuda": record_cuda_graph}  # by the type of device
