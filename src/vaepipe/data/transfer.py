"""Bytes from a folder or over HTTP, within a bounded time, and the error that says why not."""

import gzip
import io
import threading
import time
import urllib.error
import urllib.request
import zlib
from pathlib import Path

# Bytes per second, beyond the grace of one timeout. A mirror that is slower is given up.
SLOWEST = 100_000
# The largest of the files has 47 MB; more is not what was asked for.
LARGEST = 64_000_000
GZIP = b"\x1f\x8b"


class SourceError(Exception):
    """A source did not deliver; the text is its answer in a few words."""


class AbsentError(SourceError):
    """The source does not have, or does not give, the file that was asked for."""


def download(url: str, timeout: float) -> bytes:
    """The body at `url` (http or https), in at most `timeout + len(body) / SLOWEST` seconds.

    Raises `SourceError` for anything but a complete answer within that time.
    """
    body = bytearray()
    failures: list[Exception] = []
    given_up = threading.Event()

    def work() -> None:
        try:
            _receive(url, timeout, body, given_up)
        except Exception as error:
            failures.append(error)

    # A socket's timeout limits neither the look-up of a name nor a server that sends a byte now
    # and then. A daemon thread can be left behind in either.
    thread = threading.Thread(target=work, daemon=True)
    start = time.monotonic()
    thread.start()
    while thread.is_alive() and time.monotonic() < start + timeout + len(body) / SLOWEST:
        thread.join(0.05)
    if thread.is_alive():
        given_up.set()
        raise SourceError(_late(timeout, len(body)))
    for failure in failures:
        raise _answer(failure, timeout, len(body)) from failure
    return bytes(body)


def read_file(path: Path) -> bytes:
    """The content of `path`; raises `SourceError` if it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise AbsentError("no such file") from error
    except OSError as error:
        raise SourceError(error.strerror) from error


def unpack(data: bytes) -> bytes:
    """`data`, decompressed if it is gzip; raises `SourceError` if it is damaged or far too long."""
    if not data.startswith(GZIP):
        return data
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            raw = file.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError("damaged gzip file") from error
    if len(raw) > LARGEST:
        raise SourceError(f"more than {LARGEST:,} bytes")
    return raw


def _receive(url: str, timeout: float, body: bytearray, given_up: threading.Event) -> None:
    request = urllib.request.Request(url, headers={"User-Agent": "vaepipe"})
    with urllib.request.urlopen(request, timeout=timeout) as response:
        length = response.headers.get("Content-Length")
        while not given_up.is_set() and (chunk := response.read1(65536)):
            body += chunk
            if len(body) > LARGEST:
                raise SourceError(f"more than {LARGEST:,} bytes")
    if length is not None and len(body) != int(length):
        raise SourceError(f"incomplete, {len(body):,} of {int(length):,} bytes")


def _late(timeout: float, received: int) -> str:
    if received:
        return f"too slow or stopped, only {received:,} bytes came"
    return f"timed out after {timeout:g} s"


def _answer(failure: Exception, timeout: float, received: int) -> SourceError:
    if isinstance(failure, SourceError):
        return failure
    if isinstance(failure, urllib.error.HTTPError):
        kind = AbsentError if 400 <= failure.code < 500 else SourceError
        return kind(f"HTTP {failure.code}")
    reason = getattr(failure, "reason", failure)
    if isinstance(reason, TimeoutError):
        return SourceError(_late(timeout, received))
    return SourceError(str(getattr(reason, "strerror", None) or reason or type(reason).__name__))
