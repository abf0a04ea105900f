"""Training: epochs of steps, each followed by validation and, if one is due, a checkpoint.

The last epoch always has one: a job of several runs that is killed has then lost none of those
that were trained.
"""

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
from vaepipe.training.cuda_graph import Step, snapshot, steps_on_device
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
    saved: checkpoint.Checkpoint | None = None,
    on_epoch: Callable[[list[Row]], None] = lambda rows: None,
    data: About = MNIST,
) -> list[tuple[nn.Module, list[Row]]]:
    """Train runs that differ in their seeds alone, an epoch of each and then the next.

    On a GPU their steps run side by side. They go on from their checkpoint if there is one that
    fits. Every run has models and generators of its own, and gives the bits of a run alone.

    Args:
        training, validation: images on the CPU; they are moved to the device whole.
        saved: where the checkpoint of these runs is written between epochs, and after the last;
            none is written without it.
        on_epoch: told the rows of each finished epoch, one for each run.
        data: what the images are.

    Returns:
        For each run the trained model and a row per epoch: the rate, and terms and their sum, the
        loss, on both sets; the sum not of a GAN.

    Raises:
        NotFinite: with model, seed, epoch and step. The checkpoint is then of the state before that
            epoch, whatever the time of the last one; in the first epoch there is none.
    """
    states = start(runs, settings, training.pixels, device, saved, data)
    if len(states[0].history) == settings.epochs:  # killed after its last epoch
        return [(state.model.eval(), state.history) for state in states]
    training, validation = training.to(device), validation.to(device)
    n = len(training.labels)
    per_epoch = math.ceil(n / settings.batch_size)

    def step_of(state: State) -> Step:
        def step(index: Tensor, rate: float | Tensor, weight: float | Tensor) -> Tensor:
            return train_step(state, training.at(index), rate, weight, settings)

        return step

    rngs = [state.rngs for state in states]
    tensors = tensors_of(states)
    run_steps = steps_on_device(
        [step_of(state) for state in states],
        n,
        settings.batch_size,
        [*tensors.values()],
        [one[name] for one in rngs for name in ("binarisation", "latent")],
    )
    histories = [state.history for state in states]

    for epoch in range(len(histories[0]), settings.epochs):
        put_back = snapshot(tensors.values(), (rng for one in rngs for rng in one.values()))
        last_good = saved.path if saved and epoch else None
        order = torch.stack([torch.randperm(n, generator=one["order"]) for one in rngs])
        steps = range(epoch * per_epoch, (epoch + 1) * per_epoch)
        pairs = [
            (learning_rate(step, per_epoch, settings), kl_weight(step, per_epoch, settings))
            for step in steps
        ]
        sums = run_steps(order.to(device), pairs)
        try:
            means = epoch_means(sums, n, runs, epoch, last_good)
            found = [
                validate(state.model, validation, settings, run.seed, device)
                for run, state in zip(runs, states, strict=True)
            ]
            refuse_not_finite(found, runs, epoch, last_good)
        except NotFinite:
            put_back()
            if last_good:
                checkpoint.save(saved, tensors, rngs, histories)
            raise
        rows = [
            {"epoch": epoch + 1, "learning_rate": pairs[-1][0]} | terms_of(*both)
            for both in zip(means, found, strict=True)
        ]
        for history, row in zip(histories, rows, strict=True):
            history.append(row)
        if saved and (saved.due() or epoch + 1 == settings.epochs):
            checkpoint.save(saved, tensors, rngs, histories)
        on_epoch(rows)
    return [(state.model.eval(), state.history) for state in states]


def epoch_means(
    sums: Tensor, images: int, runs: Sequence[Run], epoch: int, last_good: Path | None
) -> list[list[float]]:
    """For each run the mean of each term over one epoch's images, from the sums of its steps.

    Losses are read once an epoch, because reading one at every step would wait for the device.

    Args:
        sums: what `train_step` gave, `[runs, steps, terms]`.
        epoch: counted from 0.
        last_good: the checkpoint of the state before it, if there is one.

    Raises:
        NotFinite: naming the run and the first step whose loss is NaN or infinite.
    """
    sums = sums.to("cpu", torch.float64)
    for run, finite in zip(runs, sums.isfinite().all(-1), strict=True):
        if finite.all():
            continue
        step = int(finite.int().argmin()) + 1
        where = f"in epoch {epoch + 1}, step {step} of {len(finite)}"
        raise _not_finite("loss", run, where, last_good)
    return (sums.sum(1) / images).tolist()


def refuse_not_finite(
    found: Sequence[Row], runs: Sequence[Run], epoch: int, last_good: Path | None
) -> None:
    """Raise `NotFinite` where the last step of an epoch spoilt a model: no later loss shows it.

    Args:
        found: what `validate` gave for each run.
        epoch: counted from 0.
    """
    for run, row in zip(runs, found, strict=True):
        if not all(map(math.isfinite, row.values())):
            where = f"after epoch {epoch + 1}"
            raise _not_finite("validation loss", run, where, last_good)


def _not_finite(what: str, run: Run, where: str, last_good: Path | None) -> NotFinite:
    kept = f"the last good checkpoint is {last_good}" if last_good else "there is no checkpoint"
    return NotFinite(
        f"the {what} of model {run.model} with {run.latent_dim} latents, seed {run.seed}, is not"
        f" finite {where}; {kept}. A smaller train.learning_rate may help"
    )


def terms_of(means: Sequence[float], found: Row) -> Row:
    """The terms of an epoch and their sum, on the training and on the validation images.

    Args:
        means: of the terms over the training images. Of these there are no KL terms by latent.
        found: what `validate` gave: the sum (not of a GAN), the terms, the KL terms by latent.
    """
    on_training = [sum(means), *means] if "loss" in found else means
    row = {f"train_{name}": value for name, value in zip(found, on_training, strict=False)}
    return row | {f"validation_{name}": value for name, value in found.items()}


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
