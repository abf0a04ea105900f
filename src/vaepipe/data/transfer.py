"""Bytes from a folder or over HTTP, within a bounded time, and an error that says why not."""

import gzip
import io
import re
import time
import zlib
from concurrent.futures import Future
from pathlib import Path
from threading import Thread
from urllib.parse import urljoin

import requests
import urllib3

# Bytes per second, once `timeout` has passed: a slower server is given up.
SLOWEST = 100_000
# The largest of the files has 47 MB; more is not what was asked for.
LARGEST = 64_000_000
GZIP = b"\x1f\x8b"


class SourceError(Exception):
    """A source did not deliver; the text is its answer in a few words."""


class AbsentError(SourceError):
    """The source does not have, or does not give, the file that was asked for."""


def without_user(text: str) -> str:
    """A text, such as an error's, with `***` for user and password of the addresses in it."""
    return re.sub(r"://[^/?#\s]*@", "://***@", text)


def download(url: str, timeout: float, largest: int = LARGEST) -> bytes:
    """The body at `url` (http or https), as the server has it: a .gz file stays one.

    Args:
        timeout: seconds until the answer must begin, and how long the server may then send nothing.
            In all it takes at most `2 * timeout + len(body) / SLOWEST` seconds.
        largest: bytes; more are refused.

    Raises:
        AbsentError: the server answers with a status from 400 to 499.
        SourceError: anything else but a complete answer within that time, or a redirection from
            https to http.
    """
    start, body = time.monotonic(), bytearray()
    try:
        with _open(url, timeout) as response:
            if response.status_code >= 400:
                kind = AbsentError if response.status_code < 500 else SourceError
                raise kind(f"HTTP {response.status_code}")
            # `iter_content` would wait until a chunk is full, and unpack what is sent as gzip.
            while chunk := response.raw.read1(65536, decode_content=False):
                body += chunk
                if len(body) > largest:
                    raise SourceError(f"more than {largest:,} bytes")
                if time.monotonic() > start + timeout + len(body) / SLOWEST:
                    raise TimeoutError
    except (TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError) as error:
        if body:
            raise SourceError(f"too slow or stopped, only {len(body):,} bytes came") from error
        raise SourceError(f"timed out after {timeout:g} s") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise SourceError(_reason(error)) from error
    return bytes(body)


def _open(url: str, timeout: float) -> requests.Response:
    """The answer's head; its body is yet to be read. Raises `TimeoutError` after `timeout`."""
    answer: Future[requests.Response] = Future()

    def work() -> None:
        headers = {"User-Agent": "vaepipe", "Accept-Encoding": "identity"}
        hooks = {"response": _refuse_downgrade}
        try:
            answer.set_result(
                requests.get(url, headers=headers, hooks=hooks, timeout=timeout, stream=True)
            )
        except Exception as error:
            answer.set_exception(error)

    # The timeout of `requests` is for each packet, and not for looking up the server's name, which
    # can't be interrupted: the thread is left behind then, and as a daemon holds nothing up.
    Thread(target=work, daemon=True).start()
    return answer.result(timeout)


def _refuse_downgrade(response: requests.Response, **_: object) -> None:
    """Raise `SourceError` for a redirection from https to another scheme."""
    if not response.is_redirect:
        return
    target = urljoin(response.url, response.headers["Location"])
    if response.url.startswith("https:") and not target.startswith("https:"):
        raise SourceError(f"redirects from https to {target[:100]}")


def _reason(error: BaseException) -> str:
    """The first cause of an error in a few words, the system's own where it has some."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    if isinstance(error, urllib3.exceptions.IncompleteRead):
        return f"incomplete, {error.partial:,} of {error.partial + error.expected:,} bytes"
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def read_file(path: Path) -> bytes:
    """The content of `path`; raises `SourceError` if it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise AbsentError("no such file") from error
    except OSError as error:
        raise SourceError(error.strerror) from error


def unpack(data: bytes, largest: int = LARGEST) -> bytes:
    """`data`, decompressed if it is gzip; raises `SourceError` if it is damaged or far too long."""
    if not data.startswith(GZIP):
        return data
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            raw = file.read(largest + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError("damaged gzip file") from error
    if len(raw) > largest:
        raise SourceError(f"more than {largest:,} bytes")
    return raw
