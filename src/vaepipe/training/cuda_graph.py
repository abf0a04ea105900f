"""Steps launched one by one, or as a CUDA graph, which launches several at once.

A step of a small network is some seventy operations of a few microseconds each, and launching one
takes a processor longer than a GPU takes to run it. A graph is launched whole.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

# A step of one run takes the indices of its images, `[batch]`, the learning rate and the KL weight,
# and gives the sum of each term, `[terms]`.
Step = Callable[[Tensor, float | Tensor, float | Tensor], Tensor]
# The steps of several runs take the indices of all their images, `[runs, images]`, and the pair of
# each step. They give `[runs, steps, terms]`.
Steps = Callable[[Tensor, Sequence[tuple[float, float]]], Tensor]
# A recorder gives what each run's work returned, tensors that every replay overwrites, and the
# replay.
Recorder = Callable[
    [Sequence[Callable[[], Tensor]], Sequence[torch.Generator]],
    tuple[list[Tensor], Callable[[], object]],
]

# Steps of one graph, at least: its launch, and the state of its generators, cost as much as one.
BLOCK = 16


def steps_on_device(
    steps: Sequence[Step],
    images: int,
    batch_size: int,
    tensors: Sequence[Tensor],
    rngs: Sequence[torch.Generator],
) -> Steps:
    """Steps as a CUDA graph if the tensors are on a CUDA device, and otherwise one by one.

    Also one by one where an epoch has fewer steps than a graph.

    Args:
        steps: of each run.
        images: of an epoch.
        tensors: all that the steps change in place.
        rngs: all generators that the steps use.
    """
    record = RECORDERS.get(tensors[0].device.type)
    if record and images // batch_size >= BLOCK:
        try:
            return graphed_steps(record, steps, images, batch_size, tensors, rngs)
        except RuntimeError as error:
            refuse_out_of_memory(error)
            reason = str(error).partition("\n")[0]
            text = f"vaepipe: training without a CUDA graph, which takes longer: {reason}"
            print(text, file=sys.stderr)
    return eager_steps(steps, batch_size)


def refuse_out_of_memory(error: BaseException | None) -> None:
    """Raise the `torch.OutOfMemoryError` that led to an error: without a graph it would come again.

    What went wrong in a recording is the context of the error that ends the recording.
    """
    while error is not None:
        if isinstance(error, torch.OutOfMemoryError):
            raise error
        error = error.__context__


def eager_steps(steps: Sequence[Step], batch_size: int) -> Steps:
    """The steps of each run, one after the other, run by run; a last one may be of fewer images."""

    def run_steps(order: Tensor, schedule: Sequence[Sequence[float | Tensor]]) -> Tensor:
        pairs = zip(steps, order, strict=True)
        return torch.stack([one_by_one(step, own, batch_size, schedule) for step, own in pairs])

    return run_steps


def one_by_one(
    step: Step, indices: Tensor, batch_size: int, schedule: Sequence[Sequence[float | Tensor]]
) -> Tensor:
    """The steps of one run, of images `[images]`: the sums of each, `[steps, terms]`."""
    all_sums = None
    for number, (index, pair) in enumerate(zip(indices.split(batch_size), schedule, strict=True)):
        sums = step(index, *pair)
        if all_sums is None:
            # One tensor for all: small ones that outlive their step, lying between what the steps
            # free, cost 100 kB each.
            all_sums = sums.new_empty(len(schedule), *sums.shape)
        all_sums[number] = sums
    return all_sums


def graphed_steps(
    record: Recorder,
    steps: Sequence[Step],
    images: int,
    batch_size: int,
    tensors: Sequence[Tensor],
    rngs: Sequence[torch.Generator],
) -> Steps:
    """The steps, a block of them at each launch; those left over one by one.

    Tensors and generators are as before when this returns.

    Raises:
        RuntimeError: a step can't be recorded, or its replay does not do what the step does.
    """
    device, eager = tensors[0].device, eager_steps(steps, batch_size)
    # The size of a block that leaves the fewest steps over.
    block = min(range(BLOCK, 2 * BLOCK), key=lambda size: images // batch_size % size)
    in_block = block * batch_size
    # The graph reads its inputs from these two.
    indices = torch.zeros(len(steps), in_block, dtype=torch.int64, device=device)
    pairs = torch.zeros(block, 2, device=device)

    def work(step: Step, own: Tensor) -> Callable[[], Tensor]:
        return lambda: one_by_one(step, own, batch_size, [pair.unbind() for pair in pairs])

    with restored(tensors, rngs):
        sums, replay = record([work(*each) for each in zip(steps, indices, strict=True)], rngs)

    def run_steps(order: Tensor, schedule: Sequence[tuple[float, float]]) -> Tensor:
        blocks = order.shape[1] // in_block
        on_device = torch.tensor(schedule, device=device)
        found = []
        for number in range(blocks):
            indices.copy_(order[:, number * in_block : (number + 1) * in_block])
            pairs.copy_(on_device[number * block : (number + 1) * block])
            replay()
            found.append(torch.stack(sums))
        if blocks * in_block < order.shape[1]:
            found.append(eager(order[:, blocks * in_block :], schedule[blocks * block :]))
        return torch.cat(found, dim=1)

    def outcome(run_steps: Steps) -> list[Tensor]:
        """Sums and state after two blocks, of other images each, at a small rate."""
        order = torch.arange(len(steps) * 2 * in_block, device=device) % images
        with restored(tensors, rngs):
            sums = run_steps(order.view(len(steps), -1), [(1e-4, 1.0)] * 2 * block)
            return [t.detach().clone() for t in (sums, *tensors)]

    # A graph that left something out would still give a loss: it is compared with the steps.
    for one, other in zip(outcome(run_steps), outcome(eager), strict=True):
        if not (one - other).norm() <= 1e-3 * other.norm():
            raise RuntimeError("replayed steps do not do what the steps do")
    return run_steps


@contextmanager
def restored(tensors: Sequence[Tensor], rngs: Sequence[torch.Generator]) -> Iterator[None]:
    """Undo at the end what the body did to tensors and generators."""
    put_back = snapshot(tensors, rngs)
    try:
        yield
    finally:
        put_back()


def snapshot(tensors: Iterable[Tensor], rngs: Iterable[torch.Generator]) -> Callable[[], None]:
    """What puts tensors and generators back to where they are now."""
    values = [(tensor.detach(), tensor.detach().clone()) for tensor in tensors]
    states = [(rng, rng.get_state()) for rng in rngs]

    def put_back() -> None:
        for tensor, value in values:
            tensor.copy_(value)
        for rng, state in states:
            rng.set_state(state)

    return put_back


def record_cuda_graph(
    works: Sequence[Callable[[], Tensor]], rngs: Sequence[torch.Generator]
) -> tuple[list[Tensor], Callable[[], object]]:
    """Record the works as a CUDA graph, side by side: a small net leaves most of a GPU idle.

    Every replay goes on with the generators' streams of numbers.
    """
    streams = [torch.cuda.Stream() for _ in works]

    def side_by_side() -> list[Tensor]:
        here, begun, found = torch.cuda.current_stream(), [], []
        try:
            for stream, work in zip(streams, works, strict=True):
                stream.wait_stream(here)
                begun.append(stream)
                with torch.cuda.stream(stream):
                    found.append(work())
        finally:  # also where a work failed: a recording can't end while a stream is apart
            for stream in begun:
                here.wait_stream(stream)
        return found

    side_by_side()  # libraries initialise themselves, which can't be recorded
    graph = torch.cuda.CUDAGraph()
    for rng in rngs:
        graph.register_generator_state(rng)
    with torch.cuda.graph(graph):
        found = side_by_side()
    return found, graph.replay


RECORDERS: dict[str, Recorder] = {"cuda": record_cuda_graph}  # by the type of device
