"""The setting that all contenders share: net, batch, data, and `Train` settings for this project."""

import tempfile
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import torch
from torch import nn

from vaepipe import checkpoint, params
from vaepipe.data.dataset import Images
from vaepipe.devices import prepare
from vaepipe.files import read_yaml
from vaepipe.params import Train
from vaepipe.runs import Run
from vaepipe.training import Row, train

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
    seed: int = 0,
    latent_dim: int = LATENTS,
    on_epoch: Callable[[Row], None] = lambda row: None,
) -> nn.Module:
    """A VAE trained by this project's own `train`, with one image in the place of a validation set.

    PyTorch is set as in the stage, deterministic algorithms and all, and set back for the next
    contender. A checkpoint is written, as always, into a temporary folder.
    """
    device = prepare(settings.device, settings.threads)
    with tempfile.TemporaryDirectory() as folder:
        place = checkpoint.Place(Path(folder) / "checkpoint", "benchmark")
        run = Run("vae", latent_dim, seed)
        model, _ = train(run, settings, training, training.first(1), device, place, on_epoch)
    torch.set_deterministic_debug_mode("default")
    return model
