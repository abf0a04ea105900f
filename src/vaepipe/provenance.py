"""What a result was made with: versions, machine, code and time."""

import os
import platform
import resource
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

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


def device_name(device: Any) -> str:
    """The name of a `torch.device`: the accelerator's, or the processor's."""
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else processor()


def git_state(folder: Path = Path()) -> dict[str, Any]:
    """Commit of the tree and whether code or params differ from it; None where there is no git."""
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        # Results are made from the code: that they are new says nothing against it.
        code = (".", ":(exclude)results", ":(exclude)dvc.lock")
        return {"commit": commit, "clean": not _git(folder, "status", "--porcelain", "--", *code)}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "clean": None}


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


class Stopwatch:
    """Seconds and peak memory of a piece of work: of this process, and of those it goes on from.

    Attributes:
        earlier: what `read` gave in the process before; nothing if this is the first.
    """

    def __init__(self) -> None:
        self.start = time.perf_counter(), time.process_time()
        self.earlier: dict[str, float] = {}

    def read(self) -> dict[str, float]:
        """Wall and processor seconds in all, the largest peak memory in MiB, and cores."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        wall, processor = time.perf_counter() - self.start[0], time.process_time() - self.start[1]
        mebibytes = peak / (2**20 if sys.platform == "darwin" else 2**10)
        before = self.earlier.get
        return {
            "seconds": round(before("seconds", 0.0) + wall, 3),
            "cpu_seconds": round(before("cpu_seconds", 0.0) + processor, 3),
            "peak_memory_mib": round(max(before("peak_memory_mib", 0.0), mebibytes), 1),
            "cores": len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else os.cpu_count(),
        }
