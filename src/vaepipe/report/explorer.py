"""The data of the page's 3-D plots, and the networks that the page runs."""

from typing import Any

import torch
from torch import Tensor

from vaepipe.data.manifest import About
from vaepipe.figures import class_colours, colour
from vaepipe.figures.codes import axis_name, codes_3d, shown_dim, shown_runs
from vaepipe.figures.inputs import Inputs
from vaepipe.models.names import title
from vaepipe.models.networks import LABEL_SCALE
from vaepipe.report import embed
from vaepipe.report.words import Text, say
from vaepipe.results import Run, runs_of

IMAGES = 2000  # test images whose codes and pixels the page holds
RUNS = 24  # whose codes it holds
MEASURED = 1000  # codes, draws and images by which rounded weights are measured


def explorer(inputs: Inputs) -> dict[str, Any]:
    """What explorer.js draws from.

    `models` are the runs drawn in 3-D whose networks the page runs: a `decoder` each if `decodes`,
    an `encoder` each if `encodes`; else `why_not` gives the reason. `views` are codes in three
    dimensions, of these and of other seeds and latent sizes. `errors` are the largest over the
    models of `embed.Errors`.
    """
    dim = shown_dim(inputs.matrix.latent_dims)
    runs = shown_runs(inputs)
    n = min(IMAGES, inputs.settings.points, len(inputs.test.labels))
    models = [_model(inputs, run, n) for run in runs]
    errors = [model.pop("errors") for model in models]
    decodes, encodes, why_not = _what_runs(models, dim, inputs.data)
    for model in models:
        model |= {"decoder": model["decoder"] if decodes else None}
        model |= {"encoder": model["encoder"] if encodes else None}
    binarize = inputs.trained(runs[0])[1]
    architectures = [inputs.trained(run)[0].architecture for run in runs]
    first = architectures[0]
    return {
        "latent_dim": dim,
        "image": inputs.data.image,
        "activation": first.activation,
        "classes": len(inputs.data.classes),
        "class_names": list(inputs.data.classes),
        "class_colours": class_colours(len(inputs.data.classes)),
        "ink": inputs.data.ink,
        "label_scale": LABEL_SCALE,
        "normal_prior": all(a.prior == "normal" for a in architectures),
        "binarize": binarize == "dynamic",
        "images": embed.packed(inputs.test.pixels[:n].reshape(n, -1).numpy().tobytes()),
        "labels": embed.packed(inputs.test.labels[:n].numpy().astype("<u2").tobytes()),
        "n": n,
        "decodes": decodes,
        "encodes": encodes,
        "why_not": why_not,
        "errors": [max(e) for e in zip(*errors, strict=True)],
        "models": models,
        "views": _views(inputs, n),
    }


def _what_runs(
    models: list[dict[str, Any]], dim: int, data: About
) -> tuple[bool, bool, Text | None]:
    """Whether the page decodes and encodes, and why not."""
    if dim > 3:
        return False, False, say("explorer.no_small_latent")
    if not all(model["decoder"] and model["encoder"] for model in models):
        return False, False, say("explorer.convolutional")
    sizes = [
        sum(embed.network_size(model[name]) for model in models) for name in ("decoder", "encoder")
    ]
    if sizes[0] > embed.NETWORKS_LIMIT:
        return False, False, say("explorer.too_large")
    channels, height, width = data.image
    if not data.ink or channels > 1 or height != width:
        return True, False, say("explorer.only_ink")
    if sum(sizes) > embed.NETWORKS_LIMIT:
        return True, False, say("explorer.encoders_too_large")
    return True, True, None


def _views(inputs: Inputs, n: int) -> list[dict[str, Any]]:
    """The codes of each latent size and seed, those that are shown first leading."""
    shown = shown_runs(inputs)
    cells = {(run.latent_dim, run.seed): None for run in [*shown, *runs_of(inputs.matrix)]}
    within = max(1, RUNS // len(shown))
    return [
        {
            "name": f"z{dim}-s{seed}",
            "title": say("explorer.view", dim=dim, seed=seed),
            "axis": axis_name(dim),
            "dim": dim,
            "runs": [_codes(inputs, Run(run.model, dim, seed), n) for run in shown],
        }
        for dim, seed in list(cells)[:within]
    ]


def _codes(inputs: Inputs, run: Run, n: int) -> dict[str, Any]:
    codes, _ = codes_3d(inputs, run, n)
    return {"run": run.name, "codes": embed.rows(codes.T), "ranges": _ranges(codes)}


def _ranges(codes: Tensor) -> list[list[float]]:
    """Low and high end of each axis, without the outliers, which would squeeze all other codes."""
    low, high = torch.quantile(codes, torch.tensor([0.002, 0.998]), dim=0)
    margin = 0.05 * (high - low) + 0.01
    return torch.stack([low - margin, high + margin], 1).tolist()


def _model(inputs: Inputs, run: Run, n: int) -> dict[str, Any]:
    model, binarize = inputs.trained(run)
    about = {
        "name": run.model,
        "title": title(run.model),
        "run": run.name,
        "colour": colour(run.model, inputs.matrix.models),
        "conditional": model.conditional,
        "decoder": embed.network(model.decoder, embed.DECODER_STEPS),
        "encoder": embed.network(model.encoder, embed.ENCODER_STEPS),
        "errors": embed.Errors(0.0, 0.0),
    }
    if run.latent_dim <= 3 and about["decoder"] and about["encoder"]:
        index = torch.arange(min(MEASURED, n))
        x, labels = inputs.pixels(index, binarize), inputs.test.labels[index]
        with torch.no_grad():
            codes = model.codes(x, labels)
        draws = torch.randn(codes.shape, generator=torch.Generator().manual_seed(0))
        z, twice = torch.cat([codes, draws]), torch.cat([labels, labels])
        about["errors"] = embed.quantisation_errors(model, z, torch.cat([x, x]), twice)
    return about
