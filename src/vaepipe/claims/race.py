"""The races of VAE and GAN, a pair of each seed, and what they say of speed."""

import torch
from torch import nn

from vaepipe.claims.inputs import Inputs, Table
from vaepipe.claims.sampling import decoded
from vaepipe.claims.speed import Training, draws, fixed_quality, race
from vaepipe.data.dataset import training_images
from vaepipe.models.names import split
from vaepipe.params import Train, from_dict


def run_races(inputs: Inputs, table: Table) -> None:
    """Train each seed's VAE and GAN anew in turns, at the largest latent size.

    Samples are of the fixed quality when their Fréchet distance is that which all runs reach.
    """
    dim = max(inputs.matrix.latent_dims)
    runs = [run for run in inputs.of_kind("vae", "gan") if run.latent_dim == dim]
    curves = {}
    for seed in inputs.matrix.seeds[: inputs.settings.races]:
        pair = [run for run in runs if run.seed == seed]
        trained = [inputs.trained(run) for run in pair]
        # An autoregressive VAE's images are draws of 0 and 1, the GAN's are grey.
        if any(m is None or m.architecture.likelihood == "autoregressive" for m, _ in trained):
            continue
        trainings = []
        for run, (_, metadata) in zip(pair, trained, strict=True):
            settings = from_dict(Train, metadata["train"])
            images = training_images(inputs.folder, settings.validation)[0]
            trainings.append(Training(run, settings, images, inputs.data))
        z = draws(dim, inputs.settings.samples, seed)

        def distance(model: nn.Module, z: torch.Tensor = z) -> float:
            return inputs.quality(decoded(model, model.prior.from_normal(z)))["frechet"]

        with torch.enable_grad():
            found = race(trainings, distance)
        curves |= {(split(run.model)[0], seed): one for run, one in zip(pair, found, strict=True)}
    if not curves:
        return
    quality = fixed_quality([*curves.values()])
    for (model, seed), curve in curves.items():
        about = {"frechet": curve.distance[-1], "target": quality, "epochs": curve.epochs}
        table.add("faster", model, dim, seed, **about)
        for place, reached in enumerate(curve.distance, 1):
            table.add("faster", model, dim, seed, **{f"look_{place}": reached})
        took = {"epoch_seconds": curve.epoch_seconds, "quality_seconds": curve.seconds_to(quality)}
        table.add_seconds("faster", model, dim, seed, **took)
