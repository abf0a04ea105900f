"""Tiny HTTP servers on the loopback address: one that serves files, and several bad mirrors."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def serve(answer: Answer) -> Iterator[str]:
    """Answer every GET with `answer`; gives the server's URL, which ends with a slash."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            # The client may give up in the middle of an answer, as it should.
            with suppress(BrokenPipeError, ConnectionResetError):
                answer(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def refusing() -> str:
    """The URL of a port of the loopback address at which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/"


def reply(
    handler: BaseHTTPRequestHandler, status: int, body: bytes, length: int | None = None
) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    handler.wfile.write(body)


def files(content: dict[str, bytes]) -> Answer:
    """Serve these files by name, and 404 for any other."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        name = handler.path.lstrip("/")
        reply(handler, 200 if name in content else 404, content.get(name, b""))

    return answer


def status(code: int) -> Answer:
    return lambda handler: reply(handler, code, b"no")


def web_page(handler: BaseHTTPRequestHandler) -> None:
    reply(handler, 200, b"<!doctype html><title>Log in to this network</title>")


def half_a_file(handler: BaseHTTPRequestHandler) -> None:
    reply(handler, 200, b"\x1f\x8b" + bytes(1000), length=2004)


def wrong_file(handler: BaseHTTPRequestHandler) -> None:
    reply(handler, 200, bytes(1000))


def damaged_gzip(handler: BaseHTTPRequestHandler) -> None:
    reply(handler, 200, b"\x1f\x8b\x08" + bytes(1000))


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(bytes(1_000_000))


def silence(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(20)


def trickle(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "9912422")
    handler.end_headers()
    for _ in range(200):
        handler.wfile.write(b"\x1f")
        time.sleep(0.1)
