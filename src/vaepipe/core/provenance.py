"""What a result was made with: versions, machine, code, commit and time."""

import hashlib
import os
import platform
import resource
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from vaepipe.core.errors import UserError
from vaepipe.core.files import read_yaml, sha256

PACKAGES = ("torch", "torchvision", "numpy", "pandas", "matplotlib", "mlflow", "snakemake", "dvc")


def versions() -> dict[str, str]:
    """Versions of Python, of this package and of those that make its results."""
    found = {"python": platform.python_version()}
    for name in ("vaepipe", *PACKAGES):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def processor() -> str:
    """The processor's model, as the system names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(
            line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")
        )
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def cores() -> int:
    """How many cores this process may use; where the system doesn't tell, how many there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def device_name(device: Any) -> str:
    """The name of a `torch.device`: the accelerator's, or the processor's."""
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else processor()


def code_of(stage: str, root: Path = Path()) -> list[Path]:
    """The source files that a stage's result depends on: those that its deps in dvc.yaml name.

    Both drivers run a stage again when one of them changes, and its checkpoints are dropped.
    """
    listed = read_yaml(root / "dvc.yaml")["stages"][stage]["deps"]
    places = [root / dep for dep in listed if dep.startswith(("src/", "workflow/"))]
    files = [[place] if place.suffix else sorted(place.rglob("*.*")) for place in places]
    return [path for some in files for path in some if _is_code(path.relative_to(root), path)]


def _is_code(name: Path, path: Path) -> bool:
    """Not what Python, editors and desktops leave: `__pycache__`, `.loop.py.swp`, `.DS_Store`."""
    hidden = any(part.startswith(".") for part in name.parts)
    return not hidden and path.suffix != ".pyc" and path.is_file()


def code_digests(stage: str, root: Path = Path()) -> dict[str, str]:
    """SHA-256 of each file of `code_of`, by its path from the root."""
    return {path.relative_to(root).as_posix(): sha256(path) for path in code_of(stage, root)}


def digest_of_code(stage: str, root: Path = Path()) -> str:
    """One SHA-256 over `code_digests`."""
    lines = [f"{value}  {name}\n" for name, value in code_digests(stage, root).items()]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def git(root: Path, *args: str) -> str:
    """What a git command prints; a `UserError` with git's own words where it fails."""
    try:
        done = subprocess.run(["git", *args], cwd=root, capture_output=True, text=True)
    except OSError as error:
        raise UserError(f"git can't be run: {error.strerror}") from error
    if done.returncode:
        raise UserError(f"git {args[0]} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def git_state(root: Path = Path()) -> dict[str, Any]:
    """Commit of the tree, and whether its tracked code and params are as committed.

    Results are made from the code: that they are new says nothing against it. Both are None where
    there is no git.
    """
    made = (".", ":(exclude)results", ":(exclude)dvc.lock")
    try:
        commit = git(root, "rev-parse", "HEAD")
        changed = git(root, "status", "--porcelain", "--untracked-files=no", "--", *made)
    except UserError:
        return {"commit": None, "clean": None}
    return {"commit": commit, "clean": not changed}


class Stopwatch:
    """Seconds and peak memory of a piece of work: of this process, and of those it goes on from.

    Attributes:
        earlier: what `read` gave in the process before; nothing if this is the first.
    """

    def __init__(self) -> None:
        self.started = time.time()
        self.start = time.perf_counter(), time.process_time()
        self.earlier: dict[str, float] = {}

    def read(self) -> dict[str, float]:
        """Wall and processor seconds in all, the largest peak memory in MiB, and cores.

        `started` and `ended` are the first start and now, in seconds since 1970, UTC; pauses
        between two processes lie between them and are no part of the wall seconds.
        """
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        wall, processor = time.perf_counter() - self.start[0], time.process_time() - self.start[1]
        mebibytes = peak / (2**20 if sys.platform == "darwin" else 2**10)
        before = self.earlier.get
        return {
            "started": round(before("started", self.started), 3),
            "ended": round(time.time(), 3),
            "seconds": round(before("seconds", 0.0) + wall, 3),
            "cpu_seconds": round(before("cpu_seconds", 0.0) + processor, 3),
            "peak_memory_mib": round(max(before("peak_memory_mib", 0.0), mebibytes), 1),
            "cores": cores(),
        }
