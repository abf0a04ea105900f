"""What streaming needs of MLflow's REST API: https://mlflow.org/docs/latest/rest-api.html

`import mlflow` takes 1.7 s of a processor, several percent of a whole training; this module takes a
tenth of that. `track`, which has all the time it wants, uses MLflow's own client.
"""

import configparser
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests

from vaepipe.tracking.names import Point
from vaepipe.tracking.secrets import redacted, without_secrets

BATCH = 1000  # metrics that one call may log


class Unusable(Exception):
    """The server did not do what it was asked for; the text says why, without secrets."""


class Server:
    """MLflow's server at a URL, with the same environment variables as MLflow's own client."""

    def __init__(self, uri: str):
        self.uri = uri
        self.session = requests.Session()
        self.session.auth = credentials()
        if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
            self.session.headers["Authorization"] = f"Bearer {token}"
        insecure = os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("true", "1")
        authority = os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH")
        self.verify = authority or not insecure
        self.session.cert = os.environ.get("MLFLOW_TRACKING_CLIENT_CERT_PATH")

    def call(self, path: str, **words: Any) -> dict[str, Any]:
        """GET with `params`, or POST the message `json`, and give the answer.

        Raises:
            Unusable: no answer came, or a refusal.
        """
        try:
            answer = self.session.request(
                "POST" if "json" in words else "GET",
                f"{self.uri.rstrip('/')}/api/2.0/mlflow/{path}",
                verify=self.verify,
                timeout=float(os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"]),
                **words,
            )
            answer.raise_for_status()
            return answer.json()
        except requests.RequestException as error:
            reason = redacted(str(error), self.uri)
            raise Unusable(f"MLflow's server {without_secrets(self.uri)}: {reason}") from None

    def experiment(self, name: str) -> str:
        """The id of the experiment with this name, which is made if it is not there."""
        with suppress(Unusable):  # it is there, in most cases
            return self.call("experiments/create", json={"name": name})["experiment_id"]
        found = self.call("experiments/get-by-name", params={"experiment_name": name})
        return found["experiment"]["experiment_id"]

    def runs(self, experiment: str, condition: str) -> list[dict[str, Any]]:
        """What is known of the runs that fulfil a condition."""
        query = {"experiment_ids": [experiment], "filter": condition}
        return [run["info"] for run in self.call("runs/search", json=query).get("runs", [])]

    def create(self, experiment: str, name: str, tags: Mapping[str, str]) -> dict[str, Any]:
        """Make a run, with its tags from its first moment; what is known of it."""
        run = {"experiment_id": experiment, "run_name": name, "start_time": now()}
        return self.call("runs/create", json=run | {"tags": pairs(tags)})["run"]["info"]

    def log(
        self, run_id: str, points: Sequence[Point] = (), params: Mapping[str, str] | None = None
    ) -> None:
        """Log metrics, at most BATCH, and params."""
        batch = {"metrics": [p._asdict() for p in points], "params": pairs(params or {})}
        self.call("runs/log-batch", json={"run_id": run_id} | batch)

    def set_status(self, run_id: str, status: str) -> None:
        """Set the status of a run; any other than RUNNING is its end."""
        ended = {} if status == "RUNNING" else {"end_time": now()}
        self.call("runs/update", json={"run_id": run_id, "status": status} | ended)


def pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags or params as the API takes them."""
    return [{"key": key, "value": value} for key, value in values.items()]


def now() -> int:
    """Milliseconds since 1970."""
    return int(time.time() * 1000)


def credentials() -> tuple[str, str] | None:
    """User and password: from the environment, or from the file that MLflow reads."""
    names = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
    file = configparser.ConfigParser(interpolation=None)
    file.read(Path("~/.mlflow/credentials").expanduser())
    kept = file["mlflow"] if file.has_section("mlflow") else {}
    user, password = (os.environ.get(name) or kept.get(name.lower()) for name in names)
    return (user, password) if user and password else None
