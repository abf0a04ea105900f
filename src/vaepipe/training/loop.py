"""Training: epochs of steps, each followed by validation and, if one is due, a checkpoint."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from vaepipe.core.errors import UserError
from vaepipe.core.rng import generator
from vaepipe.data.dataset import Images
from vaepipe.data.manifest import MNIST, About
from vaepipe.params import Train
from vaepipe.results import Run
from vaepipe.training import checkpoint
from vaepipe.training.cuda_graph import Step, steps_on_device
from vaepipe.training.schedule import kl_weight, learning_rate
from vaepipe.training.state import Objective, Row, State, start, tensors_of
from vaepipe.training.step import minibatch, train_step


class NotFinite(UserError):
    """The loss became NaN or infinite."""


def train(
    runs: Sequence[Run],
    settings: Train,
    training: Images,
    validation: Images,
    device: torch.device,
    saved: checkpoint.Checkpoint,
    on_epoch: Callable[[list[Row]], None] = lambda rows: None,
    data: About = MNIST,
) -> list[tuple[nn.Module, list[Row]]]:
    """Train runs that differ in their seeds alone, an epoch of each and then the next.

    On a GPU their steps run side by side. They go on from their checkpoint if there is one that
    fits. Every run has models and generators of its own, and gives the bits of a run alone.

    Args:
        training, validation: images on the CPU; they are moved to the device whole.
        saved: where the checkpoint of these runs is written between epochs.
        on_epoch: told the rows of each finished epoch, one for each run.
        data: what the images are.

    Returns:
        For each run the trained model and a row per epoch: the rate, and terms and their sum, the
        loss, on both sets; the sum not of a GAN.

    Raises:
        NotFinite: with model, seed, epoch and step; the last good checkpoint stays.
    """
    states = start(runs, settings, training.pixels, device, saved, data)
    training, validation = training.to(device), validation.to(device)
    n = len(training.labels)
    per_epoch = math.ceil(n / settings.batch_size)

    def step_of(state: State) -> Step:
        def step(index: Tensor, rate: float | Tensor, weight: float | Tensor) -> Tensor:
            return train_step(state, training.at(index), rate, weight, settings)

        return step

    rngs = [state.rngs for state in states]
    run_steps = steps_on_device(
        [step_of(state) for state in states],
        n,
        settings.batch_size,
        [*tensors_of(states).values()],
        [one[name] for one in rngs for name in ("binarisation", "latent")],
    )
    histories = [state.history for state in states]

    for epoch in range(len(histories[0]), settings.epochs):
        order = torch.stack([torch.randperm(n, generator=one["order"]) for one in rngs])
        steps = range(epoch * per_epoch, (epoch + 1) * per_epoch)
        pairs = [
            (learning_rate(step, per_epoch, settings), kl_weight(step, per_epoch, settings))
            for step in steps
        ]
        sums = run_steps(order.to(device), pairs)
        means = epoch_means(sums, n, runs, epoch, saved.path)
        rows = []
        for run, state, values in zip(runs, states, means, strict=True):
            model = state.model
            row = {"epoch": epoch + 1, "learning_rate": pairs[-1][0]}
            found = validate(model, validation, settings, run.seed, device)
            totals = [] if model.adversarial else [sum(values)]
            # Of the training images there are no KL terms by latent, which come last.
            named = zip(found, [*totals, *values], strict=False)
            row |= {f"train_{name}": value for name, value in named}
            row |= {f"validation_{name}": value for name, value in found.items()}
            state.history.append(row)
            rows.append(row)
        if saved.due():
            checkpoint.save(saved, tensors_of(states), rngs, histories)
        on_epoch(rows)
    return [(state.model.eval(), state.history) for state in states]


def epoch_means(
    sums: Tensor, images: int, runs: Sequence[Run], epoch: int, last_good: Path
) -> list[list[float]]:
    """For each run the mean of each term over one epoch's images, from the sums of its steps.

    Losses are read once an epoch, because reading one at every step would wait for the device.

    Args:
        sums: what `train_step` gave, `[runs, steps, terms]`.
        epoch: counted from 0.

    Raises:
        NotFinite: naming the run and the first step whose loss is NaN or infinite.
    """
    sums = sums.to("cpu", torch.float64)
    for run, finite in zip(runs, sums.isfinite().all(-1), strict=True):
        if finite.all():
            continue
        step = int(finite.int().argmin()) + 1
        kept = f"the last good checkpoint is {last_good}" if epoch else "there is no checkpoint yet"
        raise NotFinite(
            f"the loss of model {run.model} with {run.latent_dim} latents, seed {run.seed}, is not"
            f" finite in epoch {epoch + 1}, step {step} of {len(finite)}; {kept}."
            " A smaller train.learning_rate may help"
        )
    return (sums.sum(1) / images).tolist()


@torch.no_grad()
def validate(
    model: nn.Module, images: Images, settings: Train, seed: int, device: torch.device
) -> Row:
    """Mean loss and terms on the validation images, in nats per image and in float32.

    The loss is the sum of the terms whatever the KL weight: for a VAE -ELBO. Where the prior is
    N(0, I), `kl_1`, `kl_2`, ... are the rates of the latents. The two losses of a GAN are against
    each other: their sum says nothing, and is not given.

    Binarised pixels and latent noise are the same in every epoch, so that the curve shows how the
    model changes and not the sampling noise.
    """
    rng = generator(seed, "validation", device)
    rngs = {"binarisation": rng, "latent": rng}
    objective = Objective(model, settings.reconstruction)
    sums: dict[str, Tensor] = {}
    of_latents: list[Tensor] = []
    size = max(1, 1000 // settings.importance_samples)
    for begin in range(0, len(images.labels), size):
        some = Images(*(t[begin : begin + size] for t in images))
        batch = minibatch(some, rngs, settings, model)
        for name, term in objective(*batch).items():
            sums[name] = sums.get(name, 0) + term.sum(dtype=torch.float64)
            if term.dim() == 2:
                of_latents.append(term.sum(0, dtype=torch.float64))
    means = {name: (total / len(images.labels)).item() for name, total in sums.items()}
    by_latent = (sum(of_latents) / len(images.labels)).tolist() if of_latents else []
    kl = {f"kl_{number}": value for number, value in enumerate(by_latent, 1)}
    if model.adversarial:
        return means
    return {"loss": sum(means.values()), **means, **kl}
