"""Checkpoints: all that a run needs to go on as if it had never stopped.

A checkpoint is written between epochs. It holds the model, the optimiser (with its count of steps),
the state of every generator, the history (a row per finished epoch, so that its length is the
epoch), and the seconds spent so far. The learning rate has no state: it is a function of the step.

Checkpoints are safetensors files: reading one back runs no code, as reading a pickle would.
"""

import hashlib
import json
import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from vaepipe.core.files import write_bytes
from vaepipe.core.provenance import Stopwatch
from vaepipe.params import Train
from vaepipe.results import Run

SHARE = 0.02  # of the time, at most, that is spent on checkpoints


@dataclass
class Checkpoint:
    """Where a run's checkpoint lies, what it belongs to, and when the next one may be written.

    Attributes:
        fingerprint: of all that the run depends on; training goes on from no other checkpoint.
        watch: measures the run's seconds and memory, over all processes that trained it.
        written: when this process wrote its last checkpoint, in seconds of `time.monotonic`.
        cost: seconds that writing it took.
    """

    path: Path
    fingerprint: str
    watch: Stopwatch = field(default_factory=Stopwatch)
    written: float = -math.inf
    cost: float = 0.0

    def due(self) -> bool:
        """Whether enough time has passed for another to keep to `SHARE`; the first is due."""
        return time.monotonic() - self.written >= self.cost / SHARE


def fingerprint(
    runs: Sequence[Run],
    settings: Train,
    data: Mapping[str, Any],
    code: Mapping[str, str],
    device: torch.device,
) -> str:
    """SHA-256 over the runs, their settings, data and code, the device and PyTorch's version.

    Args:
        data: the data set's manifest, which holds the digests of its files.
        code: SHA-256 by path of the code that training depends on.
        device: where the run is trained. Another kind of device has generators of another kind.
    """
    whole = [[asdict(run) for run in runs], asdict(settings), data, dict(code)]
    whole += [device.type, torch.__version__]
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def save(
    checkpoint: Checkpoint,
    tensors: Mapping[str, Tensor],
    rngs: Sequence[Mapping[str, torch.Generator]],
    histories: list[list[dict]],
) -> None:
    """Write the state of training and the seconds so far, whole or not at all.

    Args:
        tensors: parameters, moments and steps by name.
        rngs: for each run its generators by purpose.
        histories: for each run a row per finished epoch.
    """
    start = time.monotonic()
    states = {name: g.get_state() for name, g in _named(rngs).items()}
    whole = {name: value.contiguous() for name, value in {**tensors, **states}.items()}
    metadata = {
        "fingerprint": checkpoint.fingerprint,
        "histories": histories,
        "cost": checkpoint.watch.read(),
    }
    write_bytes(checkpoint.path, to_bytes(whole, {"vaepipe": json.dumps(metadata)}))
    checkpoint.written = time.monotonic()
    checkpoint.cost = checkpoint.written - start


def load(
    checkpoint: Checkpoint,
    tensors: Mapping[str, Tensor],
    rngs: Sequence[Mapping[str, torch.Generator]],
) -> list[list[dict]]:
    """Copy the checkpoint's state into tensors and generators, and its seconds into the watch.

    A checkpoint that can't be read, or that belongs to other params, data or code, is renamed and
    not used, with a message.

    Returns:
        For each run its history up to the checkpoint; an empty one if there is no checkpoint.
    """
    none = [[] for _ in rngs]
    if not checkpoint.path.exists():
        return none
    try:
        with safe_open(checkpoint.path, framework="pt") as file:
            metadata = json.loads((file.metadata() or {}).get("vaepipe", "{}"))
            saved = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        _set_aside(checkpoint, f"can't be read ({error})")
        return none
    if metadata.get("fingerprint") != checkpoint.fingerprint:
        _set_aside(checkpoint, "belongs to other params, data, code, versions or another device")
        return none
    with torch.no_grad():
        for name, value in tensors.items():
            value.copy_(saved[name])
    for name, g in _named(rngs).items():
        g.set_state(saved[name])
    if checkpoint.written == -math.inf:  # otherwise they include this process's own seconds
        checkpoint.watch.earlier = metadata["cost"]
    return metadata["histories"]


def _named(rngs: Sequence[Mapping[str, torch.Generator]]) -> dict[str, torch.Generator]:
    return {f"rngs.{index}.{name}": g for index, one in enumerate(rngs) for name, g in one.items()}


def _set_aside(checkpoint: Checkpoint, reason: str) -> None:
    aside = checkpoint.path.with_suffix(".unfit")
    checkpoint.path.replace(aside)
    print(f"checkpoint {checkpoint.path} {reason}: set aside as {aside.name}", file=sys.stderr)
