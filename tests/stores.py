"""Stores on the loopback address: MLflow's server, ones that are slow or silent, and PostgreSQL."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from urllib.parse import quote

import psutil

from needs import postgresql_programs
from vaepipe.tracking.ui import serving

PATIENT = 60  # seconds
# The folder of PostgreSQL's programs; None if it is not installed.
POSTGRESQL = postgresql_programs()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def until(condition: Callable[[], bool]) -> None:
    """Wait until something has happened; other work may be going on."""
    deadline = time.monotonic() + PATIENT
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.1)


class Server:
    """A store with a real MLflow server before it, which can be stopped, killed and started."""

    def __init__(self, folder: Path, schema: Path | None = None):
        if schema:
            shutil.copy(schema, folder / "server.db")
        os.environ["MLFLOW_ARTIFACTS_DESTINATION"] = str(folder / "artifacts")
        self.uri = f"sqlite:///{folder / 'server.db'}"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.running = None
        self.start()

    def start(self) -> None:
        self.running = serving(self.uri, self.port)
        self.running.__enter__()

    def kill(self) -> None:
        """SIGKILL to the server and its workers, which share a process group."""
        for child in psutil.Process().children():
            if str(self.port) in child.cmdline():
                os.killpg(child.pid, signal.SIGKILL)
        self.stop()

    def stop(self) -> None:
        if self.running:
            self.running.__exit__(None, None, None)
        self.running = None

    def close(self) -> None:
        self.stop()
        del os.environ["MLFLOW_ARTIFACTS_DESTINATION"]


@contextmanager
def silent() -> Iterator[str]:
    """The URL of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def slow(port: int, seconds: float) -> Iterator[str]:
    """The URL of a relay to the server at `port` that holds every piece of an answer back."""

    def passed_on(source: socket.socket, target: socket.socket, wait: float) -> None:
        with suppress(OSError), source, target:
            while piece := source.recv(1 << 16):
                time.sleep(wait)
                target.sendall(piece)

    def relayed(listening: socket.socket) -> None:
        with suppress(OSError):  # closed, when the body ends
            while True:
                client, _ = listening.accept()
                server = socket.create_connection(("127.0.0.1", port))
                for words in ((client, server, 0.0), (server, client, seconds)):
                    Thread(target=passed_on, args=words, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        Thread(target=relayed, args=(listening,), daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)


@contextmanager
def postgresql(password: str) -> Iterator[str]:
    """The address of an empty PostgreSQL database, with user and password in it."""

    def run(*words: object) -> None:
        command = as_user_postgres([*map(str, words)], folder)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")

    with TemporaryDirectory() as name:  # pytest's own folders are for this user alone
        folder, port = Path(name), free_port()
        data, secret = folder / "data", folder / "password"
        secret.write_text(password)
        authentication = ["-U", "ann", "-A", "scram-sha-256", f"--pwfile={secret}"]
        run(POSTGRESQL / "initdb", "-D", data, *authentication, "--no-sync")
        control = [POSTGRESQL / "pg_ctl", "-D", data, "-w"]
        options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} -c fsync=off"
        run(*control, "-l", folder / "log", "-o", options, "start")
        try:
            escaped = quote(password, safe="").replace("-", "%2D")
            yield f"postgresql://ann:{escaped}@127.0.0.1:{port}/postgres"
        finally:
            run(*control, "-m", "immediate", "stop")


def as_user_postgres(words: list[str], folder: Path) -> list[str]:
    """The command, not as root: PostgreSQL refuses to be run by root."""
    if os.geteuid() != 0:
        return words
    user = pwd.getpwnam("postgres")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *words]
