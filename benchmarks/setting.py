"""What all contenders share: net, batch and data, and the `Train` settings of this project."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from inspect import signature
from pathlib import Path

import torch
from torch import nn

from vaepipe import checkpoint, params
from vaepipe.data.dataset import Images
from vaepipe.devices import prepare
from vaepipe.files import read_yaml
from vaepipe.params import Train
from vaepipe.runs import Run
from vaepipe.training import train

ROOT = Path(__file__).parents[1]
MNIST = ROOT / "data" / "mnist"
PIXELS, HIDDEN, LATENTS, BATCH, RATE = 784, 400, 20, 128, 1e-3  # as in example.yaml
PRECISIONS = ("float32", "bfloat16")


def settings_of(*overlays: str, **changes: object) -> Train:
    """The `train` section of params.yaml under overlays of this folder, by name, and changes."""
    whole = read_yaml(ROOT / "params.yaml")
    for name in overlays:
        for section, values in read_yaml(Path(__file__).parent / f"{name}.yaml").items():
            whole[section] |= values
    return replace(params.check(whole).train, **changes)


def precisions() -> dict[str, dict[str, str]]:
    """The change of settings that each precision needs; float32 alone where there is no choice."""
    if "precision" not in {f.name for f in fields(Train)}:
        return {"float32": {}}
    return {name: {"precision": name} for name in PRECISIONS}


def trained(
    settings: Train,
    training: Images,
    seeds: Sequence[int] = (0,),
    latent_dim: int = LATENTS,
    validation: Images | None = None,
    on_epoch: Callable[[object], None] = lambda rows: None,
) -> list[nn.Module]:
    """VAEs of these seeds, trained by this project's own `train`.

    Where no validation images are given, one stands for them, which takes no time to speak of.
    PyTorch is set as in the stage, deterministic algorithms and all, and set back for the next
    contender. A checkpoint is written, as always, into a temporary folder.
    """
    device = prepare(settings.device, settings.threads)
    runs = [Run("vae", latent_dim, seed) for seed in seeds]
    with tempfile.TemporaryDirectory() as folder:
        rest = (settings, training, validation or training.first(1), device)
        path = Path(folder) / "checkpoint"
        place = checkpoint.Place(path, "benchmark")
        if "runs" in signature(train).parameters:
            models = [model for model, _ in train(runs, *rest, place, on_epoch)]
        else:  # one run at a time
            models = []
            for run in runs:
                models.append(train(run, *rest, place, on_epoch)[0])
                path.unlink(missing_ok=True)
    torch.set_deterministic_debug_mode("default")
    return models
