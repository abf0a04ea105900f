"""The store: where it is, and how it is opened, also by several processes at once."""

import fcntl
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from mlflow import MlflowClient
from mlflow.entities import Experiment
from mlflow.exceptions import MlflowException

from vaepipe.core.errors import UserError
from vaepipe.results import Results
from vaepipe.tracking.address import check_for_cluster, sqlite_path
from vaepipe.tracking.names import writer
from vaepipe.tracking.secrets import misread, redacted, without_secrets

logging.getLogger("alembic").setLevel(logging.WARNING)
logging.getLogger("urllib3").setLevel(logging.ERROR)  # no line for each attempt

# An exception of these packages means that the store failed; any other is a fault of this program.
LIBRARIES = {
    "mlflow",
    "sqlalchemy",
    "sqlite3",
    "alembic",
    "psycopg2",
    "requests",
    "urllib3",
    "boto3",
    "botocore",
}
BATCH = 1000  # metrics that MLflow takes in one call
SCHEMA_LOCK = 0x76616570697065  # "vaepipe": PostgreSQL's advisory locks are numbers


@dataclass(frozen=True)
class Store:
    """An open store: its address, MLflow's client, the experiment, and who writes to it."""

    uri: str
    client: MlflowClient
    experiment_id: str
    writer: str


@contextmanager
def usable(
    uri: str, advice: str = "All results are kept; run the track stage again later"
) -> Iterator[None]:
    """Turn an error of the store into one `UserError` without secrets, which ends with `advice`."""
    try:
        yield
    except Exception as error:
        known = isinstance(error, OSError) or type(error).__module__.split(".")[0] in LIBRARIES
        wrong = misread(uri)
        if not (known or wrong):
            raise
        reason = wrong or next(iter(redacted(str(error), uri).splitlines()), type(error).__name__)
        if "error code 401" in reason:
            reason = "it refuses the user MLFLOW_TRACKING_USERNAME with MLFLOW_TRACKING_PASSWORD"
        raise UserError(
            f"MLflow's store {without_secrets(uri)} can't be used: {reason}. {advice}"
        ) from None  # the cause's text may hold the password


def connect(uri: str, experiment: str, results: Results) -> Store:
    """Open the store, making its schema and the experiment if they are not there.

    Raises:
        UserError: the experiment was deleted in MLflow, or this is a job of a cluster and the
            store is SQLite on a network file system.
    """
    if "SLURM_JOB_ID" in os.environ:
        check_for_cluster(uri)
    with exclusively(uri):
        client = MlflowClient(uri, registry_uri=uri)
        found = client.get_experiment_by_name(experiment) or _made(client, uri, experiment, results)
    if found.lifecycle_stage != "active":
        raise UserError(
            f"the experiment {experiment} was deleted in MLflow; restore it with"
            f" `mlflow experiments restore --experiment-id {found.experiment_id}`,"
            " or set track.experiment to another name"
        )
    return Store(uri, client, found.experiment_id, writer(results))


def _made(client: MlflowClient, uri: str, name: str, results: Results) -> Experiment:
    # A server knows where its artifacts go. A database alone does not: the same variable that
    # tells `mlflow server` says it here, and otherwise they lie among the results.
    folder = None
    if not uri.startswith(("http:", "https:")):
        root = os.environ.get("MLFLOW_DEFAULT_ARTIFACT_ROOT")
        local = (results.mlflow / "mlartifacts").resolve().as_uri()
        folder = f"{root.rstrip('/')}/{name}" if root else local
    try:
        client.create_experiment(name, artifact_location=folder)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":  # another writer was quicker
            raise
    return client.get_experiment_by_name(name)


@contextmanager
def exclusively(uri: str) -> Iterator[None]:
    """Let one process at a time through, in this and on other machines.

    MLflow breaks when several processes make the schema at once. A server takes care of that
    itself.
    """
    if path := sqlite_path(uri):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_name(path.name + ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # MLflow tries for minutes to open what is not a database.
            with closing(sqlite3.connect(path)) as database:
                database.execute("PRAGMA schema_version")
            yield
    elif uri.startswith("postgresql"):
        import sqlalchemy

        engine = sqlalchemy.create_engine(uri)
        try:
            with engine.connect() as connection:
                connection.execute(sqlalchemy.text(f"SELECT pg_advisory_lock({SCHEMA_LOCK})"))
                yield
        finally:
            engine.dispose()  # ends the session, and with it the lock
    else:
        yield
