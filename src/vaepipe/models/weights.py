"""Trained models on disk: safetensors, with what is needed to build the model again beside them."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import nn

from vaepipe.core.errors import UserError
from vaepipe.core.files import write_bytes
from vaepipe.models import Architecture, build


def save(path: Path, model: nn.Module, about: dict[str, Any]) -> None:
    """Write the weights, with the architecture and `about` (settings, seed, data) beside them."""
    # One key: the order of several is not fixed by safetensors, and the bytes should be.
    note = json.dumps({"architecture": asdict(model.architecture), **about}, sort_keys=True)
    tensors = {k: v.to("cpu").contiguous() for k, v in model.state_dict().items()}
    write_bytes(path, to_bytes(tensors, {"vaepipe": note}))


def read_metadata(path: Path) -> dict[str, Any]:
    """What `save` wrote beside the weights, without reading the weights."""
    return read(path)[0]


def load(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The trained model, ready for evaluation on the CPU, and what was written beside it.

    Raises:
        UserError: the file is missing, not safetensors, or holds another architecture's weights.
    """
    note, tensors = read(path, weights=True)
    try:
        a = note["architecture"]
        model = build(Architecture(**a | {"hidden": tuple(a["hidden"])}), torch.Generator())
        model.load_state_dict(tensors)
    except (KeyError, TypeError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{path} does not hold the weights of the model it names: {reason}"
        ) from error
    return model.eval(), note


def read(path: Path, weights: bool = False) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """The note of a file and, if asked for, its tensors by name; a `UserError` if it has none."""
    try:
        with safe_open(path, framework="pt") as file:
            note = json.loads((file.metadata() or {})["vaepipe"])
            names = file.keys() if weights else []
            return note, {name: file.get_tensor(name) for name in names}
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise UserError(
            f"{path} is not a model of this project: {error}; train it again"
        ) from error
