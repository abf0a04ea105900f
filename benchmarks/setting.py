"""What all contenders share: net, batch and data, and the `Train` settings of this project."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from vaepipe import params
from vaepipe.core.device import prepare
from vaepipe.core.files import read_yaml
from vaepipe.data.dataset import Images
from vaepipe.params import Train
from vaepipe.results import Run
from vaepipe.training import checkpoint
from vaepipe.training.loop import train
from vaepipe.training.state import Row

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


def trained(
    settings: Train,
    training: Images,
    seeds: Sequence[int] = (0,),
    latent_dim: int = LATENTS,
    validation: Images | None = None,
    on_epoch: Callable[[list[Row]], None] = lambda rows: None,
    checkpoints: bool = True,
) -> list[nn.Module]:
    """VAEs of these seeds, trained by this project's own `train`.

    If no validation images are given, one training image is used, which takes next to no time.
    PyTorch is set as in the stage, with deterministic algorithms, and set back for the next
    contender. Checkpoints are written into a temporary folder; or none, where steps alone are
    measured.
    """
    device = prepare(settings.device, settings.threads)
    runs = [Run("vae", latent_dim, seed) for seed in seeds]
    validation = validation or training.first(1)
    with tempfile.TemporaryDirectory() as folder:
        saved = None
        if checkpoints:
            saved = checkpoint.Checkpoint(Path(folder) / "checkpoint", "benchmark")
        trained = train(runs, settings, training, validation, device, saved, on_epoch)
    torch.set_deterministic_debug_mode("default")
    return [model for model, _ in trained]
