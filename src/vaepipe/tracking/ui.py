"""MLflow's UI on the loopback address, and the links that show this project's comparison."""

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from subprocess import Popen, TimeoutExpired
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import vaepipe.tracking  # noqa: F401  (sets what MLflow reads when it starts)
from vaepipe.core.errors import UserError
from vaepipe.core.files import read_json
from vaepipe.results import Results
from vaepipe.tracking.address import LOG_AGAIN, sqlite_path
from vaepipe.tracking.links import links
from vaepipe.tracking.secrets import without_login, without_secrets

HOST = "127.0.0.1"
START = 90  # seconds that the server may take to answer


@contextmanager
def serving(uri: str, port: int) -> Iterator[str]:
    """Run MLflow's server on the loopback address, and give its URL once it answers.

    Raises:
        UserError: the port is taken, or the server does not start.
    """
    base = f"http://{HOST}:{port}"
    with socket.socket() as probe:
        # As servers do, so that a port that was just given up is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise UserError(f"port {port} can't be used ({error.strerror}); try --port") from error
    words = ["-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"]
    words += ["--uvicorn-opts", "--log-level warning"]  # no line for each request
    # The store's address goes by the environment: a command line shows its password to everyone.
    environment = os.environ | {
        "MLFLOW_BACKEND_STORE_URI": uri,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    child = Popen([sys.executable, *words], env=environment, start_new_session=True)
    try:
        wait_for_answer(child, base, uri)
        yield base
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
        try:
            child.wait(10)
        except TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def wait_for_answer(child: Popen, base: str, uri: str) -> None:
    """Wait until the server answers."""
    deadline = time.monotonic() + START
    direct = build_opener(ProxyHandler({}))  # a proxy does not know this machine's own address
    while time.monotonic() < deadline and child.poll() is None:
        with suppress(URLError, OSError), direct.open(f"{base}/health", timeout=5):
            return
        time.sleep(0.1)
    raise UserError(f"MLflow's server does not start on the store {without_secrets(uri)}")


def show(uri: str, results: Results, port: int) -> None:
    """Print the links, and serve the UI until this process is ended.

    Where the store is a server, its links are printed and nothing is started.

    Raises:
        UserError: nothing was logged to this store, or the server does not start.
    """
    path = results.mlflow_runs
    logged = read_json(path) if path.exists() else {}
    # An older version's file has no views; its runs have other names of metrics, too.
    if logged.get("tracking_uri") != without_secrets(uri) or "views" not in logged:
        raise UserError(f"{path} names no runs in the store {without_secrets(uri)}: {LOG_AGAIN}")
    if uri.startswith(("http://", "https://")):
        print_links(links(without_login(uri), logged))
        return
    if (file := sqlite_path(uri)) and not file.exists():
        raise UserError(f"{file} is not there: {LOG_AGAIN}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with suppress(KeyboardInterrupt), serving(uri, port) as base:
        print_links(links(base, logged))
        print("Ctrl-C ends it.", flush=True)
        signal.pause()


def print_links(named: dict[str, str]) -> None:
    """Print each link with its name."""
    width = max(map(len, named))
    for name, link in named.items():
        print(f"{name:{width}} {link}", flush=True)
