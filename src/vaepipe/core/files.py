"""Files that appear whole or not at all."""

import fcntl
import hashlib
import json
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from vaepipe.core.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to, and rename it to `path` when all went well.

    Raises:
        UserError: the file system refused; nothing is left under either name.
    """
    # One name for all writers: what a killed one left behind, the next one writes over.
    aside = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        with aside.open("rb") as written:
            os.fsync(written.fileno())
        aside.replace(path)
    except OSError as error:
        raise UserError(f"{path} can't be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):  # such as on a read-only file system, where nothing is to remove
            aside.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes, whole or not at all."""
    with replacing(path) as aside:
        aside.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all."""
    with replacing(path) as aside:
        aside.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON for people and for git: indented, one order of keys, a newline at the end."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file that another stage wrote; a `UserError` names one that can't be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} can't be read: {error}") from error


def read_table(path: Path) -> "pd.DataFrame":
    """Read a CSV file that another stage wrote; a `UserError` names one that can't be read."""
    import pandas as pd  # not for every process that reads a file: it takes long to import

    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} can't be read: {error}") from error


class _Loader(yaml.SafeLoader):
    """YAML by PyYAML's safe loader, with numbers such as 5e-05, which it takes for texts.

    DVC and Python's JSON write small numbers so, and YAML 1.2 has them.
    """


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def parse_yaml(text: str | bytes) -> Any:
    """The values of a YAML text; nothing but plain values is read from it.

    Raises:
        ValueError, RecursionError, yaml.YAMLError: PyYAML lets some faults through as they come, of
            dates, numbers and depth.
    """
    return yaml.load(text, _Loader)


def read_yaml(path: Path) -> object:
    """The values of a YAML file; nothing but plain values is read from it."""
    try:
        return parse_yaml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise UserError(f"{path} can't be read: {error}") from error


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def future_dated(folders: Iterable[Path]) -> list[Path]:
    """The files of the folders that a clock which was ahead has dated later than now, in order."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return sorted((path for path in files if _date(path) > time.time_ns()), key=_date)


def undo_future_dates(folders: Iterable[Path]) -> None:
    """Date the files of `future_dated` to now, in their order; another user's stay as they are."""
    for rank, path in enumerate(future_dated(folders)):
        with suppress(OSError):
            os.utime(path)  # by the file system's clock, which need not be this process's
            moment = _date(path) + 1000 * rank  # within a tick of that clock all dates are the same
            os.utime(path, ns=(moment, moment))


def _date(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:  # another process has removed it meanwhile
        return 0


@contextmanager
def locked(path: Path, meaning: str) -> Iterator[None]:
    """Hold a lock on `path` while the body runs; it ends with the process, however that ends.

    Raises:
        UserError: another process holds it; the text says `meaning` and which process. Or the
            file can't be written, such as in another user's folder.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = path.open("a+")
    except OSError as error:
        raise UserError(f"{path} can't be written: {error.strerror}") from error
    with opened as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise UserError(
                f"{meaning} by process {file.read() or 'unknown'}; wait for it or end it"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
