"""The process beside a training run that logs to MLflow's server what it reads on stdin.

The first line is what is known of the run (`run`, `train`, `data`), each further one an epoch, and
a last one says that training came to its end; without it, the run is marked as failed. `track`
completes the run and marks it as finished.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

# Before the import of mlflow, which takes the most time.
if __name__ == "__main__":
    os.nice(15)
    # Ctrl-C is for the training; this process ends when the pipe does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ |= {"MLFLOW_HTTP_REQUEST_TIMEOUT": "5", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}

from mlflow.entities import Metric, Param, RunTag
from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

from vaepipe.errors import UserError
from vaepipe.runs import Results, Run
from vaepipe.tracking.names import history_metrics, run_params, run_tags, training_digest
from vaepipe.tracking.store import Store, connect, store_uri, usable

SAMPLING = 5  # seconds between two looks at the machine


def messages(pipe: int) -> Iterator[list[dict[str, Any]]]:
    """The messages of a pipe, all that have come since the last ones at a time."""
    rest = b""
    while chunk := os.read(pipe, 1 << 16):
        *lines, rest = (rest + chunk).split(b"\n")
        if lines:
            yield [json.loads(line) for line in lines]


class Stream:
    """A run on the server; what the server doesn't take is kept and tried again later."""

    def __init__(self, results: Results, about: dict[str, Any]):
        self.results, self.about = results, about
        self.store: Store | None = None
        self.run_id = ""
        self.waiting: list[Metric] = []
        self.away = False

    def log(self, rows: list[dict[str, float]]) -> None:
        """Log rows of the history, and all earlier ones that are still waiting."""
        self.waiting += history_metrics(rows)
        self.attempt(self._log)

    def end(self, trained: bool) -> None:
        """Log what is waiting; mark the run as failed where training did not come to its end."""
        self.attempt(self._log)
        if not trained and self.run_id:
            self.attempt(lambda: self.store.client.set_terminated(self.run_id, "FAILED"))

    def attempt(self, action: Callable[[], None]) -> None:
        """Do it, or say once that the server is away."""
        try:
            with usable(store_uri(self.results)):
                action()
            self.away = False
        except UserError as error:
            if not self.away:
                print(f"{error}; training goes on without it", file=sys.stderr, flush=True)
            self.away = True

    def _log(self) -> None:
        if not self.run_id:
            self._open()
        if self.waiting:
            self.store.client.log_batch(self.run_id, metrics=self.waiting)
            self.waiting = []

    def _open(self) -> None:
        """Go on with the run that an earlier attempt to train began, or begin one."""
        experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME", "vaepipe")
        self.store = connect(store_uri(self.results), experiment, self.results)
        client, run = self.store.client, Run(**self.about["run"])
        tags = run_tags(run, self.about["data"])
        tags |= {"writer": self.store.writer, "training": training_digest(self.about)}
        mine = " and ".join(f"tags.{key} = '{tags[key]}'" for key in ("writer", "training"))
        mine += " and attributes.status != 'FINISHED'"
        if found := client.search_runs([self.store.experiment_id], mine):
            run_id = found[0].info.run_id
            client.update_run(run_id, status="RUNNING")
        else:
            made = client.create_run(self.store.experiment_id, run_name=run.name)
            run_id = made.info.run_id
        client.log_batch(
            run_id,
            params=[Param(*item) for item in run_params(run, self.about["train"]).items()],
            tags=[RunTag(*item) for item in tags.items()],
        )
        self.run_id = run_id
        SystemMetricsMonitor(
            run_id, SAMPLING, resume_logging=bool(found), tracking_uri=self.store.uri
        ).start()


def main() -> None:
    incoming = messages(0)
    about, *rows = next(incoming)
    stream, trained = Stream(Results(Path(sys.argv[1])), about), False
    for batch in chain([rows], incoming):
        trained = any("trained" in message for message in batch)
        stream.log([message for message in batch if "epoch" in message])
    stream.end(trained)
    sys.stderr.flush()
    os._exit(0)  # the monitor's thread may be waiting for the server


if __name__ == "__main__":
    main()
