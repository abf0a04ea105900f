"""Training one run: the loop, the schedule of the rate, and where it stops."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from vaepipe import checkpoint
from vaepipe.data.dataset import Images, as_input
from vaepipe.errors import UserError
from vaepipe.models import Architecture, build
from vaepipe.objectives import squared_error
from vaepipe.params import Train
from vaepipe.randomness import generator
from vaepipe.runs import Run

Row = dict[str, float]


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
    mean = pixels.to(torch.float32).mean(0).div(255).clamp(1e-3, 1 - 1e-3)
    model.decoder[-1].bias.data.copy_(torch.logit(mean))


def terms_of(
    model: nn.Module, x: Tensor, labels: Tensor, latent: torch.Generator, settings: Train
) -> dict[str, Tensor]:
    """What is minimised, by name, `[n]` each: the model's own terms, or an AE's squared error."""
    if settings.reconstruction == "squared_error":
        logits = model.decode(model.codes(x, labels), labels)
        return {"squared_error": squared_error(logits, x)}
    return model.terms(x, labels, latent, settings.importance_samples)


def descend(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    x: Tensor,
    labels: Tensor,
    latent: torch.Generator,
    settings: Train,
) -> dict[str, Tensor]:
    """One gradient step on the summed terms of a minibatch, averaged over its images.

    Returns:
        The sum over the images of the loss and of each of its terms, in nats.
    """
    terms = terms_of(model, x, labels, latent, settings)
    loss = sum(terms.values())
    optimizer.zero_grad(set_to_none=True)
    loss.mean().backward()
    optimizer.step()
    return {name: term.detach().sum() for name, term in {"loss": loss, **terms}.items()}


@torch.no_grad()
def validate(
    model: nn.Module, images: Images, settings: Train, seed: int, device: torch.device
) -> Row:
    """Mean loss and terms on the validation images, in nats per image.

    The draws of pixels and latents are the same in every epoch, so that the curve shows the model
    and not the draw.
    """
    draw = generator(seed, "validation", device)
    sums: dict[str, Tensor] = {}
    size = max(1, 1000 // settings.importance_samples)
    for start in range(0, len(images.labels), size):
        batch = Images(*(t[start : start + size] for t in images))
        x = as_input(batch.pixels, settings.binarize, draw)
        terms = terms_of(model, x, batch.labels, draw, settings)
        for name, term in terms.items():
            sums[name] = sums.get(name, 0) + term.sum(dtype=torch.float64)
    means = {name: (total / len(images.labels)).item() for name, total in sums.items()}
    return {"loss": sum(means.values()), **means}


def batches(n: int, size: int, order: torch.Generator) -> Iterator[Tensor]:
    """Indices of the minibatches of one epoch; the last, smaller one is kept."""
    yield from torch.randperm(n, generator=order).split(size)


class NotFinite(UserError):
    """The loss became NaN or infinite."""


@dataclass
class State:
    """A run between two epochs: all that changes while it is trained."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    chance: dict[str, torch.Generator]
    history: list[Row]


def start(
    run: Run, settings: Train, training: Images, device: torch.device, saved: checkpoint.Place
) -> State:
    """The state a run goes on from: its checkpoint if there is one that fits, or untrained."""
    architecture = Architecture(run.model, run.latent_dim, settings.hidden, settings.activation)
    model = build(architecture, generator(run.seed, "initialisation"))
    if settings.reconstruction == "squared_error" and model.variational:
        raise UserError(
            f"train.reconstruction is squared_error, which model {run.model} can't minimise: its"
            " -ELBO is made of log-likelihoods; allowed with it is matrix.models: [ae]"
        )
    set_output_bias(model, training.pixels)
    model.to(device).train()
    optimizer = torch.optim.Adam(
        model.parameters(), lr=settings.learning_rate, eps=settings.adam_epsilon, fused=True
    )
    # The order is drawn on the CPU, where it costs little and is the same for every device.
    chance = {
        "order": generator(run.seed, "order"),
        "binarisation": generator(run.seed, "binarisation", device),
        "latent": generator(run.seed, "latent", device),
    }
    return State(model, optimizer, chance, checkpoint.load(saved, model, optimizer, chance))


def train(
    run: Run,
    settings: Train,
    training: Images,
    validation: Images,
    device: torch.device,
    saved: checkpoint.Place,
    on_epoch: Callable[[Row], None] = lambda row: None,
) -> tuple[nn.Module, list[Row]]:
    """Train one run, going on from its checkpoint if there is one that fits.

    Args:
        training, validation: images on the CPU; they are moved to the device whole.
        saved: where the checkpoint of this run is written between epochs.
        on_epoch: told the row of each finished epoch.

    Returns:
        The trained model and a row per epoch: the rate, and loss and terms on both sets.

    Raises:
        NotFinite: with model, seed, epoch and step; the last good checkpoint stays.
    """
    state = start(run, settings, training, device, saved)
    model, optimizer, chance, history = state.model, state.optimizer, state.chance, state.history
    training, validation = training.to(device), validation.to(device)
    per_epoch = math.ceil(len(training.labels) / settings.batch_size)

    for epoch in range(len(history), settings.epochs):
        losses = []
        indices = batches(len(training.labels), settings.batch_size, chance["order"])
        for step, index in enumerate(indices, start=epoch * per_epoch):
            rate = learning_rate(step, per_epoch, settings)
            for group in optimizer.param_groups:
                group["lr"] = rate
            index = index.to(device, non_blocking=True)
            x = as_input(training.pixels[index], settings.binarize, chance["binarisation"])
            labels = training.labels[index]
            losses.append(descend(model, optimizer, x, labels, chance["latent"], settings))
        row = {"epoch": epoch + 1, "learning_rate": rate}
        for name, mean in epoch_means(losses, len(training.labels), run, epoch, saved.path).items():
            row[f"train_{name}"] = mean
        for name, mean in validate(model, validation, settings, run.seed, device).items():
            row[f"validation_{name}"] = mean
        history.append(row)
        if saved.due():
            checkpoint.save(saved, model, optimizer, chance, history)
        on_epoch(row)
    return model.eval(), history


def epoch_means(
    losses: list[dict[str, Tensor]], images: int, run: Run, epoch: int, last_good: Path
) -> Row:
    """Means over one epoch's images of the sums that `descend` gave for each step.

    They are looked at once an epoch, because a look at every step would wait for the device.

    Raises:
        NotFinite: naming the first step whose loss is NaN or infinite.
    """
    sums = {k: torch.stack([one[k] for one in losses]).to("cpu", torch.float64) for k in losses[0]}
    finite = torch.stack(list(sums.values())).isfinite().all(0)
    if not finite.all():
        step = int(finite.int().argmin()) + 1
        kept = f"the last good checkpoint is {last_good}" if epoch else "there is no checkpoint yet"
        raise NotFinite(
            f"the loss of model {run.model} with {run.latent_dim} latents, seed {run.seed}, is not"
            f" finite in epoch {epoch + 1}, step {step} of {len(losses)}; {kept}."
            " A smaller train.learning_rate may help"
        )
    return {name: total.sum().item() / images for name, total in sums.items()}
