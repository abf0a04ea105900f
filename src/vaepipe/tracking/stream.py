"""The process beside a training run that logs to MLflow's server what it reads on stdin.

The first line is what is known of the run (`run`, `train`, `data`), each further one an epoch, and
a last one says that training came to its end; without it, the run is marked as failed. `track`
completes the run and marks it as finished.
"""

import json
import logging
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from threading import Thread
from typing import Any

from mlflow.entities import Metric, Param
from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

from vaepipe.core.errors import UserError
from vaepipe.results import Results, Run
from vaepipe.tracking.address import store_uri
from vaepipe.tracking.names import history_points, run_params, run_tags, training_digest
from vaepipe.tracking.store import BATCH, Store, connect, usable

# Its warnings hold the server's address with the password; that the server is away is said here.
logging.getLogger("mlflow.system_metrics").setLevel(logging.CRITICAL)


def messages(pipe: int) -> Iterator[list[dict[str, Any]]]:
    """The messages of a pipe, a JSON object a line: at a time all that have come."""
    rest = b""
    while chunk := os.read(pipe, 1 << 16):
        *lines, rest = (rest + chunk).split(b"\n")
        if lines:
            yield [json.loads(line) for line in lines]


class StreamedRun:
    """A run on the server; rows that the server doesn't take are kept and sent again later."""

    def __init__(self, results: Results, about: Mapping[str, Any]):
        self.results, self.about = results, about
        self.uri = store_uri(results)
        self.store: Store | None = None
        self.run_id = ""
        self.waiting: list[Metric] = []
        self.monitor = Thread()  # none yet
        self.away = False

    def log(self, rows: list[dict[str, float]]) -> None:
        """Log rows of the history and all earlier ones that are still waiting."""
        # A NaN equals nothing: `track` would take the run for another one. It logs NaN itself.
        self.waiting += [p for p in history_points(rows) if math.isfinite(p.value)]
        self.attempt(self._log)

    def end(self, trained: bool) -> None:
        """Log what is waiting; mark the run as failed where training did not come to its end."""
        self.attempt(self._log)
        if not trained and self.run_id:
            self.attempt(lambda: self.store.client.set_terminated(self.run_id, "FAILED"))

    def attempt(self, action: Callable[[], None]) -> None:
        """Do it, or say once that the server can't be used."""
        try:
            with usable(self.uri, "Training goes on, and track logs what is missing"):
                action()
            self.away = False
        except UserError as error:
            if not self.away:
                print(f"vaepipe: {error}", file=sys.stderr, flush=True)
            self.away = True

    def _log(self) -> None:
        if not self.run_id:
            self.run_id = self._open()
        while self.waiting:
            self.store.client.log_batch(self.run_id, metrics=self.waiting[:BATCH])
            del self.waiting[:BATCH]
        if not self.monitor.is_alive():
            # The monitor gives up when the server does not answer. A new one, made when the server
            # has just answered, counts on from the last step that is there.
            monitor = SystemMetricsMonitor(self.run_id, resume_logging=True, tracking_uri=self.uri)
            self.monitor = Thread(target=monitor.monitor, daemon=True)
            self.monitor.start()

    def _open(self) -> str:
        """Go on with the run that an earlier attempt to train began, or begin one; its id."""
        if self.store is None:
            experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME") or "vaepipe"
            self.store = connect(self.uri, experiment, self.results)
        client, run = self.store.client, Run(**self.about["run"])
        own = {"writer": self.store.writer, "training": training_digest(self.about)}
        condition = " and ".join(f"tags.{key} = '{value}'" for key, value in own.items())
        condition += " and attributes.status != 'FINISHED'"
        if found := client.search_runs([self.store.experiment_id], condition):
            run_id = found[0].info.run_id
            client.update_run(run_id, status="RUNNING")
        else:
            tags = run_tags(run, self.about["data"]) | own
            made = client.create_run(self.store.experiment_id, run_name=run.name, tags=tags)
            run_id = made.info.run_id
        params = run_params(run, self.about["train"]).items()
        client.log_batch(run_id, params=[Param(*item) for item in params])
        return run_id


def main() -> None:
    incoming = messages(sys.stdin.fileno())
    about, *first = next(incoming)
    run, trained = StreamedRun(Results(Path(sys.argv[1])), about), False
    for batch in chain([first], incoming):
        trained |= any("trained" in message for message in batch)
        run.log([message for message in batch if "epoch" in message])
    run.end(trained)


if __name__ == "__main__":
    main()
