"""What is trained, and all that changes while it is: parameters, moments, generators, history."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vaepipe.core.device import require_cpp_compiler
from vaepipe.core.errors import UserError
from vaepipe.core.rng import generator
from vaepipe.data.manifest import MNIST, About
from vaepipe.models import Architecture, build
from vaepipe.models.names import split
from vaepipe.models.networks import output_bias
from vaepipe.models.objectives import squared_error
from vaepipe.params import Train
from vaepipe.results import Run
from vaepipe.training import checkpoint
from vaepipe.training.adam import Adam

Row = dict[str, float]  # of a history: what is recorded of one epoch
Rngs = Mapping[str, torch.Generator]  # the generators of one run, by purpose
Batch = tuple[Tensor, Tensor, Tensor]  # images, labels and noise


class Objective(nn.Module):
    """What is minimised, by name: the model's own terms, or an AE's squared error `[n]`."""

    def __init__(self, model: nn.Module, reconstruction: str):
        super().__init__()
        self.model = model
        self.reconstruction = reconstruction

    def forward(self, x: Tensor, labels: Tensor, noise: Tensor) -> dict[str, Tensor]:
        """The terms of images `[n, pixels]`, labels `[n]` and noise `[n, samples, latent_dim]`."""
        if self.reconstruction == "squared_error" and not self.model.adversarial:
            logits = self.model.decode(self.model.codes(x, labels), labels)
            return {"squared_error": squared_error(logits, x)}
        return self.model.terms(x, labels, noise)


@dataclass
class State:
    """A run that is being trained.

    Attributes:
        objective: of the model.
        adam: the optimiser of the model's parameters.
        rngs: the generators called order, binarisation and latent.
        history: a row per finished epoch.
    """

    model: nn.Module
    objective: Objective
    adam: Adam
    rngs: Rngs
    history: list[Row]

    @property
    def tensors(self) -> dict[str, Tensor]:
        """All tensors that a step changes in place, by name."""
        adam = self.adam
        groups = {
            "parameter": adam.parameters,
            "exp_avg": adam.exp_avg,
            "exp_avg_sq": adam.exp_avg_sq,
        }
        names = [name for name, _ in self.model.named_parameters()]
        of_parameters = {
            f"{group}.{name}": value.detach()
            for group, values in groups.items()
            for name, value in zip(names, values, strict=True)
        }
        return {**of_parameters, "steps": adam.steps}


def tensors_of(states: Sequence[State]) -> dict[str, Tensor]:
    """The tensors of several runs, by the number of the run and their names."""
    return {f"{i}.{name}": t for i, one in enumerate(states) for name, t in one.tensors.items()}


def start(
    runs: Sequence[Run],
    settings: Train,
    pixels: Tensor,
    device: torch.device,
    saved: checkpoint.Checkpoint | None = None,
    data: About = MNIST,
) -> list[State]:
    """The states that training starts from: the checkpoint if it fits, else untrained models.

    Args:
        pixels: all training images `[n, pixels]`, uint8, on the CPU; the decoder starts at their
            mean.
        saved: where a checkpoint may lie.
        data: what the images are.

    Raises:
        UserError: the model can't minimise `settings.reconstruction`.
    """
    states = [_start(run, settings, pixels, device, data) for run in runs]
    if saved:
        histories = checkpoint.load(saved, tensors_of(states), [state.rngs for state in states])
        for state, history in zip(states, histories, strict=True):
            state.history = history
    return states


def _start(run: Run, settings: Train, pixels: Tensor, device: torch.device, data: About) -> State:
    model = _untrained(run, settings, pixels, data).to(device).train()
    objective = Objective(model, settings.reconstruction)
    if settings.compiler == "inductor" and not model.adversarial:  # no second derivatives there
        require_cpp_compiler()
        objective.compile(dynamic=False)
    betas = (settings.adam_beta1, settings.adam_beta2)
    if model.adversarial:
        betas = model.adam_betas
    adam = Adam([*model.parameters()], betas, settings.adam_epsilon)
    # The order is drawn on the CPU, where it costs little and is the same for every device.
    rngs = {
        "order": generator(run.seed, "order"),
        "binarisation": generator(run.seed, "binarisation", device),
        "latent": generator(run.seed, "latent", device),
    }
    return State(model, objective, adam, rngs, history=[])


def _untrained(run: Run, settings: Train, pixels: Tensor, data: About) -> nn.Module:
    if pixels.shape[1] != math.prod(data.image):
        raise ValueError(f"images {list(pixels.shape)} are not of {data.image}")
    model = split(run.model)[0]
    architecture = Architecture(
        model,
        run.latent_dim,
        settings.hidden,
        settings.activation,
        settings.network,
        settings.channels,
        # An AE has no prior, and a GAN draws from N(0, I): there is nothing to learn.
        settings.prior if model not in ("ae", "gan") else "normal",
        pixels=pixels.shape[1],
        classes=len(data.classes),
        image=data.image,
        likelihood=settings.likelihood if model != "gan" else "bernoulli",  # a GAN has none
    )
    if architecture.likelihood == "autoregressive":
        refuse_autoregressive(settings, data)
    model = build(architecture, generator(run.seed, "initialisation"))
    if settings.likelihood == "logistic" and settings.binarize != "none":
        raise UserError(
            "train.likelihood is logistic, which is of pixels of 8 bits: allowed with it is only"
            " train.binarize none"
        )
    if model.conditional and not data.classes:
        raise UserError(
            f"model {run.model} is given labels, and the images have none: take it out of"
            " matrix.models"
        )
    if model.variational:
        refuse_contradictions(run, settings)
    elif architecture.likelihood == "logistic" and settings.reconstruction == "squared_error":
        raise UserError(
            "train.reconstruction is squared_error, which has no use for the scale that"
            " train.likelihood logistic learns: allowed with it is only train.likelihood bernoulli"
        )
    set_mean_image(model, pixels)
    return model


def refuse_autoregressive(settings: Train, data: About) -> None:
    """Raise a `UserError` where settings or images don't go with an autoregressive likelihood."""
    needs = {
        "train.network conv": settings.network == "conv",
        "train.binarize dynamic": settings.binarize == "dynamic",
        "train.reconstruction cross_entropy": settings.reconstruction == "cross_entropy",
        "grey images": data.image[0] == 1,
    }
    if missing := [need for need, met in needs.items() if not met]:
        raise UserError(
            "train.likelihood is autoregressive: allowed with it are only " + ", ".join(missing)
        )


def refuse_contradictions(run: Run, settings: Train) -> None:
    """Raise a `UserError` where settings ask for an objective that a variational model lacks."""
    if settings.reconstruction == "squared_error":
        raise UserError(
            f"train.reconstruction is squared_error, which model {run.model} can't minimise:"
            " its -ELBO is made of log-likelihoods; allowed with it is matrix.models: [ae]"
        )
    if settings.importance_samples > 1 and (
        settings.beta != 1 or settings.kl_warmup or settings.free_bits
    ):
        raise UserError(
            f"train.importance_samples is {settings.importance_samples}: the importance-weighted"
            " bound has no rate of its own, so allowed with it are only train.beta 1,"
            " train.kl_warmup 0 and train.free_bits 0"
        )
    if settings.prior == "flow" and settings.free_bits:
        raise UserError(
            "train.prior is flow, whose rate is no sum over latents: allowed with it is only"
            " train.free_bits 0"
        )
    if settings.prior == "flow" and run.latent_dim < 2:
        raise UserError("train.prior is flow, which needs at least 2 latents: matrix.latent_dims")


def set_mean_image(model: nn.Module, pixels: Tensor) -> None:
    """Start the decoder at the mean training image: its bias is the logit of each pixel's mean.

    A GAN's discriminator is told the mean image, too.

    Args:
        pixels: training images `[n, pixels]`, uint8.
    """
    # Sums of whole numbers below 2^24 are exact in float32, and faster than in whole numbers.
    parts = (part.to(torch.float32).sum(0) for part in pixels.split(1000))
    sums = sum(part.to(torch.float64) for part in parts)
    mean = (sums / (255 * len(pixels))).clamp(1e-3, 1 - 1e-3)
    output_bias(model.decoder).data.copy_(torch.logit(mean))
    if model.adversarial:
        model.mean_image.copy_(mean)
