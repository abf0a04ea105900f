"""Trained models on disk: weights as safetensors, with metadata from which the model is built."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import nn

from vaepipe.core.errors import UserError
from vaepipe.core.files import write_bytes
from vaepipe.models import Architecture, build


def save(path: Path, model: nn.Module, metadata: dict[str, Any]) -> None:
    """Write the weights with their metadata: the architecture, and what is given.

    Args:
        metadata: run, settings and data, as JSON can hold them.
    """
    # One key: safetensors does not fix the order of several, and the bytes should be the same.
    text = json.dumps({"architecture": model.architecture.saved(), **metadata}, sort_keys=True)
    tensors = {k: v.to("cpu").contiguous() for k, v in model.state_dict().items()}
    write_bytes(path, to_bytes(tensors, {"vaepipe": text}))


def read_metadata(path: Path) -> dict[str, Any]:
    """The metadata of a model's file, without reading the weights; errors as those of `load`."""
    return read(path)[0]


def load(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The trained model on the CPU, ready for evaluation, and its metadata.

    Raises:
        UserError: the file is missing, not safetensors, or holds another architecture's weights.
    """
    metadata, tensors = read(path, weights=True)
    try:
        a = metadata["architecture"]
        lists = {key: tuple(value) for key, value in a.items() if isinstance(value, list)}
        model = build(Architecture(**a | lists), torch.Generator())
        model.load_state_dict(tensors)
    except (KeyError, TypeError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{path} does not hold the weights of the model it names: {reason}"
        ) from error
    return model.eval(), metadata


def read(path: Path, weights: bool = False) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """The metadata of a file and, if asked for, its tensors by name.

    Raises:
        UserError: the file is missing, not safetensors, or without this project's metadata.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = json.loads((file.metadata() or {})["vaepipe"])
            names = file.keys() if weights else []
            return metadata, {name: file.get_tensor(name) for name in names}
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise UserError(
            f"{path} is not a model of this project: {error}; train it again"
        ) from error
