"""What each Python process of a job used. On the path, Python imports it as `sitecustomize`.

When the process ends, it writes a file in the folder that BENCHMARK_USAGE names: its command,
processor seconds since its start (imports included), and its peak memory. A training process is
also sampled every 5 ms of its processor time: a sample counts as a training step if the function
`train` of vaepipe.training.loop is on the stack, and no function named in `NOT_STEPS`.
"""

import atexit
import json
import os
import resource
import signal
import sys
from pathlib import Path

INTERVAL = 0.005
# What `train` calls that is no step: the start, validation, checkpoints, and reading the losses.
NOT_STEPS = {"start", "validate", "save", "load", "epoch_means", "on_epoch"}
LOOP = "vaepipe/training/loop.py"

samples = {"all": 0, "steps": 0}


def sample(_signal: int, frame: object) -> None:
    """Count this moment: whether the process is in a training step."""
    names = set()
    training = False
    while frame is not None:
        name, file = frame.f_code.co_name, frame.f_code.co_filename
        names.add(name)
        training |= name == "train" and file.endswith(LOOP)
        frame = frame.f_back
    samples["all"] += 1
    samples["steps"] += training and not names & NOT_STEPS


def peak_mib() -> float:
    """Peak resident memory of this process alone.

    Linux counts the memory of the process that started it into `ru_maxrss`, but not into VmHWM.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
    return int(line.split()[1]) / 2**10


def write() -> None:
    """The file of this process."""
    signal.setitimer(signal.ITIMER_PROF, 0)  # Python takes its handlers back when it ends
    used = resource.getrusage(resource.RUSAGE_SELF)
    found = {
        "command": sys.orig_argv[1:],
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "peak_mib": peak_mib(),
        "samples": samples,
    }
    Path(os.environ["BENCHMARK_USAGE"], f"{os.getpid()}.json").write_text(json.dumps(found))


if __name__ == "sitecustomize" and "BENCHMARK_USAGE" in os.environ:
    atexit.register(write)
    if any(word.endswith("scripts/train.py") for word in sys.orig_argv):
        signal.signal(signal.SIGPROF, sample)
        signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)
