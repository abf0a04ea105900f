"""The data of the page's 3-D plots and of its decoders."""

from typing import Any

import torch
from torch import Tensor

from vaepipe.figures import COLOURS, class_colours
from vaepipe.figures.codes import axis_name, codes_3d, shown_dim, shown_runs
from vaepipe.figures.inputs import Inputs
from vaepipe.models.networks import LABEL_SCALE
from vaepipe.report import embed
from vaepipe.results import Run


def explorer(inputs: Inputs) -> dict[str, Any]:
    """What explorer.js draws from, for the runs shown in 3-D.

    `models` have a `decoder` each if `decodes` is true; else `why_not` gives the reason. `error` is
    the largest change of a pixel by quantised weights, over codes and draws from N(0, I).
    """
    dim = shown_dim(inputs.matrix.latent_dims)
    runs = shown_runs(inputs)
    models = [_model(inputs, run) for run in runs]
    why_not = None
    if dim > 3:
        why_not = (
            "No run has 3 latents or fewer, so three sliders can't set z; add 3 to"
            " matrix.latent_dims. The plots show principal components."
        )
    elif not all(model["decoder"] for model in models):
        why_not = "Only the decoders of MLPs are embedded in the page, and these are convolutional."
    elif sum(embed.decoder_size(model["decoder"]) for model in models) > embed.DECODERS_LIMIT:
        why_not = "The decoders are too large to be embedded in the page."
    if why_not:
        models = [model | {"decoder": None} for model in models]
    first = inputs.trained(runs[0])[0].architecture
    labels = codes_3d(inputs, runs[0], inputs.settings.points)[1]
    return {
        "latent_dim": dim,
        "axis": axis_name(dim),
        "activation": first.activation,
        "classes": list(inputs.data.classes),
        "noun": inputs.data.noun,
        "ink": inputs.data.ink,
        "label_scale": LABEL_SCALE,
        "colours": class_colours(len(inputs.data.classes)),
        "labels": embed.packed(labels.numpy().astype("<u2").tobytes()),
        "decodes": why_not is None,
        "why_not": why_not,
        "error": max(model.pop("error") for model in models),
        "models": models,
    }


def _ranges(codes: Tensor) -> list[list[float]]:
    """Low and high end of each axis, without the outliers, which would squeeze all other codes."""
    low, high = torch.quantile(codes, torch.tensor([0.002, 0.998]), dim=0)
    margin = 0.05 * (high - low) + 0.01
    return torch.stack([low - margin, high + margin], 1).tolist()


def _model(inputs: Inputs, run: Run) -> dict[str, Any]:
    model, _ = inputs.trained(run)
    codes, labels = codes_3d(inputs, run, inputs.settings.points)
    about = {
        "name": run.model,
        "title": run.model.upper(),
        "run": run.name,
        "colour": COLOURS.get(run.model, "#777777"),
        "conditional": model.conditional,
        "variational": model.variational,
        "codes": embed.points(codes),
        "ranges": _ranges(codes),
        "decoder": embed.decoder(model),
        "error": 0.0,
    }
    if run.latent_dim <= 3 and about["decoder"]:
        draws = torch.randn(1000, run.latent_dim, generator=torch.Generator().manual_seed(0))
        z = torch.cat([codes[:1000, : run.latent_dim], draws])
        asked = torch.arange(1000) % max(1, model.architecture.classes)
        about["error"] = embed.quantisation_error(model, z, torch.cat([labels[:1000], asked]))
    return about
