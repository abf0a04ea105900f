"""MLflow's server on the loopback address: a real one, and ones that are slow or silent."""

import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import psutil

from vaepipe.tracking.ui import serving

PATIENT = 60  # seconds


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
