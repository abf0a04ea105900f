"""What is trained, and all that changes while it is: parameters, moments, generators, histories.

One process trains one run, or several that differ in their seeds alone. A small network leaves a
GPU idle; several can share each of its launches. Their parameters are then stacked, `[runs, ...]`,
and the same code is mapped over them. Every run keeps its own generators, and no run's numbers
depend on another's.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

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
    """Runs that are trained at once.

    Attributes:
        models: one for each run. Where there are several they are up to date after `sync_models`
            alone, because what is trained are the stacked `parameters`.
        objective: of the first model.
        parameters: by name; those of the model, or stacked, `[runs, ...]`, where there are several.
        adam: the optimiser of the parameters.
        rngs: for each run the generators called order, binarisation and latent.
        histories: for each run a row per finished epoch.
    """

    models: list[nn.Module]
    objective: Objective
    parameters: dict[str, Tensor]
    adam: Adam
    rngs: list[Rngs]
    histories: list[list[Row]]

    @property
    def tensors(self) -> dict[str, Tensor]:
        """All tensors that a step changes in place, by name."""
        adam = self.adam
        groups = {
            "parameter": adam.parameters,
            "exp_avg": adam.exp_avg,
            "exp_avg_sq": adam.exp_avg_sq,
            "step": adam.steps,
        }
        return {
            f"{group}.{name}": value.detach()
            for group, values in groups.items()
            for name, value in zip(self.parameters, values, strict=True)
        }

    def terms(self, batch: Batch) -> dict[str, Tensor]:
        """The terms of the objective by name, `[(runs,) n, ...]`, of a batch `[(runs,) n, ...]`."""
        if len(self.models) == 1:
            return self.objective(*batch)

        def of_one(parameters: dict[str, Tensor], *batch: Tensor) -> dict[str, Tensor]:
            named = {f"model.{name}": value for name, value in parameters.items()}
            return functional_call(self.objective, named, batch)

        if not self.objective.model.adversarial:
            return vmap(of_one)(self.parameters, *batch)
        # A GAN's penalty is itself a gradient by autograd, over which vmap can't map.
        runs = [
            of_one({name: value[run] for name, value in self.parameters.items()}, *parts)
            for run, parts in enumerate(zip(*batch, strict=True))
        ]
        return {name: torch.stack([terms[name] for terms in runs]) for name in runs[0]}

    def sync_models(self) -> list[nn.Module]:
        """The models, each with its own parameters as they are now."""
        if len(self.models) > 1:
            for index, model in enumerate(self.models):
                state = {name: value[index] for name, value in self.parameters.items()}
                model.load_state_dict(dict(model.named_buffers()) | state)
        return self.models


def start(
    runs: Sequence[Run],
    settings: Train,
    pixels: Tensor,
    device: torch.device,
    saved: checkpoint.Checkpoint,
    data: About = MNIST,
) -> State:
    """The state that training starts from: the checkpoint if it fits, else untrained models.

    Args:
        pixels: all training images `[n, pixels]`, uint8, on the CPU; the decoder starts at their
            mean.
        data: what the images are.

    Raises:
        UserError: the model can't minimise `settings.reconstruction`.
    """
    models = [_untrained(run, settings, pixels, data).to(device).train() for run in runs]
    one = len(models) == 1
    parameters = dict(models[0].named_parameters()) if one else stack_module_state(models)[0]
    # The order is drawn on the CPU, where it costs little and is the same for every device.
    rngs = [
        {
            "order": generator(run.seed, "order"),
            "binarisation": generator(run.seed, "binarisation", device),
            "latent": generator(run.seed, "latent", device),
        }
        for run in runs
    ]
    state = State(
        models,
        Objective(models[0], settings.reconstruction),
        parameters,
        Adam([*parameters.values()], settings.adam_epsilon, models[0].adam_betas),
        rngs,
        histories=[],
    )
    state.histories = checkpoint.load(saved, state.tensors, rngs)
    return state


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
