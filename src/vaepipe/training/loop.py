"""Training one run: the loop, the schedule of the rate, and where it stops."""

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from vaepipe.core.errors import UserError
from vaepipe.core.rng import generator, normal
from vaepipe.data.dataset import Images, as_input
from vaepipe.models import Architecture, build
from vaepipe.params import Train
from vaepipe.results import Run
from vaepipe.training import checkpoint
from vaepipe.training.cuda_graph import RECORD, Steps, eager_steps, graphed_steps
from vaepipe.training.ensemble import Batch, Ensemble, Objective

Row = dict[str, float]
Rngs = Mapping[str, torch.Generator]  # the generators of one run, by purpose


def burda_stage(epoch: int) -> int:
    """The stage i that an epoch, counted from 0, belongs to, when stage i is 3^i epochs long."""
    stage = 0
    while epoch >= (3 ** (stage + 1) - 1) // 2:
        stage += 1
    return stage


def learning_rate(step: int, per_epoch: int, settings: Train) -> float:
    """The rate of one step: a straight rise over the warm-up, then as the schedule says.

    cosine: half a cosine down to 0; constant: flat; burda: 10^(-i/7) of the peak in stage i, as
    in section 5 of arXiv 1509.00519, where 3,280 epochs are stages 0 to 7.
    """
    steps = settings.epochs * per_epoch
    warmup = math.ceil(settings.warmup * steps)
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    if settings.schedule == "constant":
        return settings.learning_rate
    if settings.schedule == "burda":
        return settings.learning_rate * 10 ** (-burda_stage(step // per_epoch) / 7)
    done = (step - warmup) / max(1, steps - warmup)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


def set_output_bias(model: nn.Module, pixels: Tensor) -> None:
    """Start the decoder at the mean training image: its bias is the logit of each pixel's mean.

    Args:
        pixels: training images `[n, 784]`, uint8.
    """
    # Sums of whole numbers below 2^24 are exact in float32, and faster than in whole numbers.
    parts = (part.to(torch.float32).sum(0) for part in pixels.split(1000))
    sums = sum(part.to(torch.float64) for part in parts)
    mean = (sums / (255 * len(pixels))).clamp(1e-3, 1 - 1e-3)
    model.decoder[-1].bias.data.copy_(torch.logit(mean))


def as_batch(images: Images, rngs: Sequence[Rngs], latent_dim: int, settings: Train) -> Batch:
    """Images as a minibatch: x `[n, 784]`, labels `[n]`, noise `[n, importance_samples, latent]`.

    Args:
        images: of several runs, one after the other; the batch is then `[runs, n, ...]`.
        rngs: for each run the generators called binarisation and latent.
    """
    x = as_input(images.pixels, settings.binarize, *(one["binarisation"] for one in rngs))
    shape = (len(x), settings.importance_samples, latent_dim)
    noise = normal(shape, *(one["latent"] for one in rngs))
    batch = x, images.labels, noise
    runs = len(rngs)
    return batch if runs == 1 else tuple(t.unflatten(0, (runs, -1)) for t in batch)


@torch.no_grad()
def validate(
    model: nn.Module, images: Images, settings: Train, seed: int, device: torch.device
) -> Row:
    """Mean loss and terms on the validation images, in nats per image and in float32.

    The draws of pixels and latents are the same in every epoch, so that the curve shows the model
    and not the draw.
    """
    draw = generator(seed, "validation", device)
    objective = Objective(model, settings.reconstruction)
    latent_dim = model.architecture.latent_dim
    sums: dict[str, Tensor] = {}
    size = max(1, 1000 // settings.importance_samples)
    for start in range(0, len(images.labels), size):
        some = Images(*(t[start : start + size] for t in images))
        batch = as_batch(some, [{"binarisation": draw, "latent": draw}], latent_dim, settings)
        for name, term in objective(*batch).items():
            sums[name] = sums.get(name, 0) + term.sum(dtype=torch.float64)
    means = {name: (total / len(images.labels)).item() for name, total in sums.items()}
    return {"loss": sum(means.values()), **means}


class NotFinite(UserError):
    """The loss became NaN or infinite."""


@dataclass
class State:
    """Runs between two epochs: all that changes while they are trained."""

    ensemble: Ensemble
    rngs: list[Rngs]
    histories: list[list[Row]]


def start(
    runs: Sequence[Run],
    settings: Train,
    training: Images,
    device: torch.device,
    saved: checkpoint.Checkpoint,
) -> State:
    """The state the runs go on from: their checkpoint if there is one that fits, or untrained."""
    models = []
    for run in runs:
        architecture = Architecture(run.model, run.latent_dim, settings.hidden, settings.activation)
        model = build(architecture, generator(run.seed, "initialisation"))
        if settings.reconstruction == "squared_error" and model.variational:
            raise UserError(
                f"train.reconstruction is squared_error, which model {run.model} can't minimise:"
                " its -ELBO is made of log-likelihoods; allowed with it is matrix.models: [ae]"
            )
        set_output_bias(model, training.pixels)
        models.append(model.to(device).train())
    ensemble = Ensemble(models, settings)
    # The order is drawn on the CPU, where it costs little and is the same for every device.
    rngs = [
        {
            "order": generator(run.seed, "order"),
            "binarisation": generator(run.seed, "binarisation", device),
            "latent": generator(run.seed, "latent", device),
        }
        for run in runs
    ]
    return State(ensemble, rngs, checkpoint.load(saved, ensemble.tensors, rngs))


def steps_of(state: State, training: Images, latent_dim: int, settings: Train) -> Steps:
    """The steps of an epoch on the training images; on a CUDA device, as graphs."""
    ensemble, rngs = state.ensemble, state.rngs

    def step(index: Tensor, rate: float | Tensor) -> Tensor:
        batch = as_batch(training.at(index.flatten()), rngs, latent_dim, settings)
        return ensemble.train_step(batch, rate)

    if record := RECORD.get(training.pixels.device.type):
        generators = [one[name] for one in rngs for name in ("binarisation", "latent")]
        changed = [*ensemble.tensors.values()]
        try:
            return graphed_steps(record, step, settings.batch_size, len(rngs), changed, generators)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            text = f"vaepipe: training without a CUDA graph, which takes longer: {reason}"
            print(text, file=sys.stderr)
    return eager_steps(step, settings.batch_size)


def train(
    runs: Sequence[Run],
    settings: Train,
    training: Images,
    validation: Images,
    device: torch.device,
    saved: checkpoint.Checkpoint,
    on_epoch: Callable[[list[Row]], None] = lambda rows: None,
) -> list[tuple[nn.Module, list[Row]]]:
    """Train runs that differ in their seeds alone, at once as a batch of models.

    They go on from their checkpoint if there is one that fits. One run alone, or the same run
    beside others, gives the same numbers up to the rounding of float32.

    Args:
        training, validation: images on the CPU; they are moved to the device whole.
        saved: where the checkpoint of these runs is written between epochs.
        on_epoch: told the rows of each finished epoch, one for each run.

    Returns:
        For each run the trained model and a row per epoch: the rate, and loss and terms on both
        sets.

    Raises:
        NotFinite: with model, seed, epoch and step; the last good checkpoint stays.
    """
    state = start(runs, settings, training, device, saved)
    ensemble, histories = state.ensemble, state.histories
    training, validation = training.to(device), validation.to(device)
    n = len(training.labels)
    per_epoch = math.ceil(n / settings.batch_size)
    run_steps = steps_of(state, training, runs[0].latent_dim, settings)

    for epoch in range(len(histories[0]), settings.epochs):
        order = torch.stack([torch.randperm(n, generator=one["order"]) for one in state.rngs])
        steps = range(epoch * per_epoch, (epoch + 1) * per_epoch)
        rates = [learning_rate(step, per_epoch, settings) for step in steps]
        sums = run_steps(order.to(device), rates)
        models = ensemble.sync_models()
        means = epoch_means(sums, n, runs, epoch, saved.path)
        rows = []
        for run, model, history, values in zip(runs, models, histories, means, strict=True):
            row = {"epoch": epoch + 1, "learning_rate": rates[-1]}
            found = validate(model, validation, settings, run.seed, device)
            named = zip(found, [sum(values), *values], strict=True)
            row |= {f"train_{name}": value for name, value in named}
            row |= {f"validation_{name}": value for name, value in found.items()}
            history.append(row)
            rows.append(row)
        if saved.due():
            checkpoint.save(saved, ensemble.tensors, state.rngs, histories)
        on_epoch(rows)
    return [(m.eval(), h) for m, h in zip(ensemble.sync_models(), histories, strict=True)]


def epoch_means(
    sums: Tensor, images: int, runs: Sequence[Run], epoch: int, last_good: Path
) -> list[list[float]]:
    """For each run the mean of each term over one epoch's images, from the sums of its steps.

    They are looked at once an epoch, because a look at every step would wait for the device.

    Args:
        sums: what `Ensemble.train_step` gave, `[steps, terms]` or `[steps, terms, runs]`.

    Raises:
        NotFinite: naming the run and the first step whose loss is NaN or infinite.
    """
    sums = sums.to("cpu", torch.float64).reshape(*sums.shape[:2], len(runs))
    for run, finite in zip(runs, sums.isfinite().all(1).T, strict=True):
        if finite.all():
            continue
        step = int(finite.int().argmin()) + 1
        kept = f"the last good checkpoint is {last_good}" if epoch else "there is no checkpoint yet"
        raise NotFinite(
            f"the loss of model {run.model} with {run.latent_dim} latents, seed {run.seed}, is not"
            f" finite in epoch {epoch + 1}, step {step} of {len(finite)}; {kept}."
            " A smaller train.learning_rate may help"
        )
    return (sums.sum(0).T / images).tolist()
