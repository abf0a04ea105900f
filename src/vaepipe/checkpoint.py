"""Checkpoints: all that a run needs to go on as if it had never stopped.

A checkpoint is written between epochs. It holds the model, the optimiser (with its count of steps),
the state of every generator, the history (a row per finished epoch, so that its length is the
epoch), and the seconds spent so far. The schedule of the rate has no state: it is a function of the
step.

They are safetensors files, because a checkpoint is read back from disk and a pickle would be code.
"""

import hashlib
import json
import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from vaepipe.files import sha256, write_bytes
from vaepipe.params import Train
from vaepipe.provenance import Stopwatch
from vaepipe.runs import Run

SHARE = 0.02  # of the time, at most, that goes into checkpoints


@dataclass
class Place:
    """Where a run's checkpoint lies, what it belongs to, and when the next one may be written.

    Attributes:
        fingerprint: of all that the run depends on; a checkpoint with another is not gone on from.
        watch: measures what the run costs, over all processes that trained it.
        written: time of this process's last checkpoint, in seconds of `time.monotonic`.
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


def fingerprint(runs: Sequence[Run], settings: Train, data: dict) -> str:
    """SHA-256 over the runs, their settings, the data's digests, the code and PyTorch's version."""
    package = Path(__file__).parent
    code = {str(p.relative_to(package)): sha256(p) for p in sorted(package.rglob("*.py"))}
    whole = [[asdict(run) for run in runs], asdict(settings), data, code, torch.__version__]
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def save(
    place: Place,
    tensors: Mapping[str, Tensor],
    chance: Sequence[Mapping[str, torch.Generator]],
    histories: list[list[dict]],
) -> None:
    """Write a state of training and the seconds so far, whole or not at all.

    Args:
        tensors: parameters, moments and steps by name.
        chance: the generators of each run by purpose.
        histories: the rows of each run.
    """
    begun = time.monotonic()
    states = {name: g.get_state() for name, g in _named(chance).items()}
    whole = {name: value.contiguous() for name, value in {**tensors, **states}.items()}
    note = {"fingerprint": place.fingerprint, "histories": histories, "cost": place.watch.read()}
    write_bytes(place.path, to_bytes(whole, {"vaepipe": json.dumps(note)}))
    place.written = time.monotonic()
    place.cost = place.written - begun


def load(
    place: Place,
    tensors: Mapping[str, Tensor],
    chance: Sequence[Mapping[str, torch.Generator]],
) -> list[list[dict]]:
    """Put the checkpoint's state into what `save` was given, its cost into the watch.

    Returns:
        The histories up to the checkpoint: empty ones where there is none. One that can't be read
        or belongs to other params, data or code is set aside under another name, with a message.
    """
    none = [[] for _ in chance]
    if not place.path.exists():
        return none
    try:
        with safe_open(place.path, framework="pt") as file:
            note = json.loads((file.metadata() or {}).get("vaepipe", "{}"))
            saved = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        _set_aside(place, f"can't be read ({error})")
        return none
    if note.get("fingerprint") != place.fingerprint:
        _set_aside(place, "belongs to other params, data, code or versions")
        return none
    with torch.no_grad():
        for name, value in tensors.items():
            value.copy_(saved[name])
    for name, g in _named(chance).items():
        g.set_state(saved[name])
    if place.written == -math.inf:  # otherwise this process's own seconds are among them
        place.watch.earlier = note["cost"]
    return note["histories"]


def _named(chance: Sequence[Mapping[str, torch.Generator]]) -> dict[str, torch.Generator]:
    return {
        f"chance.{index}.{name}": g for index, one in enumerate(chance) for name, g in one.items()
    }


def _set_aside(place: Place, reason: str) -> None:
    aside = place.path.with_suffix(".unfit")
    place.path.replace(aside)
    print(f"checkpoint {place.path} {reason}: set aside as {aside.name}", file=sys.stderr)
