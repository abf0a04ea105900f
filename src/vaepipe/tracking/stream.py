"""The process beside a training run that logs to MLflow's server what it reads on stdin.

The first line is what is known of the run (`run`, `train`, `data`), each further one an epoch, and
a last one says that training came to its end; without it, the run is marked as failed. `track`
completes the run and marks it as finished.
"""

import json
import math
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from vaepipe.results import Results, Run
from vaepipe.tracking.machine import Machine
from vaepipe.tracking.names import (
    Point,
    history_points,
    run_params,
    run_tags,
    training_digest,
    writer,
)
from vaepipe.tracking.rest import BATCH, Server, Unusable, now

SAMPLING = float(os.environ.get("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL") or 10)  # seconds


def messages(pipe: int) -> Iterator[list[dict[str, Any]]]:
    """The messages of a pipe, all that have come at a time; none when it is time for a sample."""
    rest = b""
    while True:
        if not select.select([pipe], [], [], SAMPLING)[0]:
            yield []
            continue
        if not (chunk := os.read(pipe, 1 << 16)):
            return
        *lines, rest = (rest + chunk).split(b"\n")
        if lines:
            yield [json.loads(line) for line in lines]


class Stream:
    """A run on the server; rows that the server doesn't take are kept and tried again later."""

    def __init__(self, results: Results, about: dict[str, Any]):
        self.results, self.about = results, about
        self.server = Server(os.environ["MLFLOW_TRACKING_URI"])
        self.machine, self.sampled = Machine(), time.monotonic()
        self.run: dict[str, Any] = {}
        self.waiting: list[Point] = []
        self.away = False

    def log(self, rows: list[dict[str, float]]) -> None:
        """Log rows of the history, all earlier ones that are still waiting, and the machine."""
        # JSON has no NaN; `track` logs it from the file.
        self.waiting += [p for p in history_points(rows) if math.isfinite(p.value)]
        self.attempt(self._log)

    def end(self, trained: bool) -> None:
        """Log what is waiting; mark the run as failed where training did not come to its end."""
        self.attempt(self._log)
        if not trained and self.run:
            self.attempt(lambda: self.server.set_status(self.run["run_id"], "FAILED"))

    def attempt(self, action: Callable[[], None]) -> None:
        """Do it, or say once that the server is away."""
        try:
            action()
            self.away = False
        except Unusable as error:
            if not self.away:
                print(
                    f"vaepipe: {error}; training goes on, and track fills in what is missing",
                    file=sys.stderr,
                    flush=True,
                )
            self.away = True

    def _log(self) -> None:
        if not self.run:
            self._open()
        while self.waiting:
            self.server.log(self.run["run_id"], self.waiting[:BATCH])
            del self.waiting[:BATCH]
        if time.monotonic() - self.sampled >= SAMPLING:
            self.sampled = time.monotonic()
            # Counted from the run's start, so that a run that was resumed goes on counting.
            step = (now() - int(self.run["start_time"])) // 1000
            sample = self.machine.metrics().items()
            self.server.log(self.run["run_id"], [Point(*item, now(), step) for item in sample])

    def _open(self) -> None:
        """Go on with the run that an earlier attempt to train began, or begin one."""
        run = Run(**self.about["run"])
        tags = run_tags(run, self.about["data"])
        tags |= {"writer": writer(self.results), "training": training_digest(self.about)}
        mine = " and ".join(f"tags.{key} = '{tags[key]}'" for key in ("writer", "training"))
        mine += " and attributes.status != 'FINISHED'"
        experiment = self.server.experiment(os.environ.get("MLFLOW_EXPERIMENT_NAME", "vaepipe"))
        if found := self.server.runs(experiment, mine):
            made = found[0]
            self.server.set_status(made["run_id"], "RUNNING")
        else:
            made = self.server.create(experiment, run.name, tags)
        self.server.log(made["run_id"], params=run_params(run, self.about["train"]))
        self.run = made


def main() -> None:
    os.nice(10)
    # Ctrl-C is for the training; this process ends when the pipe does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    incoming = messages(0)
    about, *rows = next(incoming)
    stream, trained = Stream(Results(Path(sys.argv[1])), about), False
    stream.log([row for row in rows if "epoch" in row])
    for batch in incoming:
        trained |= any("trained" in message for message in batch)
        stream.log([message for message in batch if "epoch" in message])
    stream.end(trained)


if __name__ == "__main__":
    main()
