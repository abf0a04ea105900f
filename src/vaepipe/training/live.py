"""Metrics to MLflow's server while training runs.

A process of its own at low priority (`vaepipe.tracking.stream`) sends them, because a server may be
slow or away and because importing MLflow takes as long as an epoch. Between the two is a pipe,
which is a bounded queue: when it is full, rows are dropped, and `track` logs them later.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from select import PIPE_BUF
from subprocess import PIPE, Popen, TimeoutExpired
from typing import Any

from vaepipe.results import Results

# Of the time that training took, the share that it waits for the last rows to be sent.
PATIENCE = 0.02


@contextmanager
def streaming(results: Results, about: Mapping[str, Any]) -> Iterator[Callable[[dict], None]]:
    """Give a function that passes each finished epoch's row on, if MLflow has a server.

    Args:
        about: what `weights.save` is told of the run: `run`, `train` and `data`.
    """
    if not os.environ.get("MLFLOW_TRACKING_URI", "").startswith(("http://", "https://")):
        yield lambda row: None
        return
    start = time.monotonic()
    command = [sys.executable, "-m", "vaepipe.tracking.stream", str(results.folder)]
    # In a session of its own, Ctrl-C ends the training alone; the process ends when the pipe does.
    child = Popen(command, stdin=PIPE, bufsize=0, start_new_session=True)
    os.setpriority(os.PRIO_PROCESS, child.pid, 10)
    pipe = child.stdin.fileno()
    os.write(pipe, _line(about))  # the pipe is empty and takes more than this
    os.set_blocking(pipe, False)

    def send(row: Mapping[str, Any]) -> None:
        # A line of at most PIPE_BUF bytes is written whole or not at all. Of very many latents the
        # KL terms are left to `track`.
        line = _line(row)
        if len(line) > PIPE_BUF:
            line = _line({name: value for name, value in row.items() if "_kl_" not in name})
        with suppress(BlockingIOError, BrokenPipeError):
            os.write(pipe, line)

    try:
        yield send
        send({"trained": True})
    finally:
        child.stdin.close()
        try:
            child.wait(PATIENCE * (time.monotonic() - start))
        except TimeoutExpired:
            child.kill()
            child.wait()


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"
