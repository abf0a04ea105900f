"""EMNIST, QMNIST and USPS: torchvision knows where they are, and here they become IDX files."""

import bz2
import hashlib
import io
import struct
import zipfile
from collections.abc import Callable

import numpy as np

from vaepipe.core.errors import UserError
from vaepipe.data.idx import format_idx, parse_idx
from vaepipe.data.manifest import FILES
from vaepipe.data.transfer import SourceError, unpack

LARGEST = 700_000_000  # bytes of an archive; EMNIST's has 562 million
LARGEST_TEXT = 200_000_000  # bytes of USPS, decompressed
USPS_SIDE = 16

Arrays = tuple[np.ndarray, np.ndarray]  # images [n, height, width] and labels [n], uint8


def archives(name: str, torchvision: type) -> list[tuple[str, str]]:
    """Address and md5 of each file that the data set is made of."""
    if name.startswith("emnist"):
        return [(torchvision.url, torchvision.md5)]
    if name == "qmnist":
        return [tuple(one) for part in ("train", "test") for one in torchvision.resources[part]]
    return [(one[0], one[2]) for one in (torchvision.split_list[p] for p in ("train", "test"))]


def collect(
    name: str, torchvision: type, read: Callable[[str], bytes], of_url: Callable[[str], str]
) -> dict[str, bytes]:
    """The four raw IDX files of the data set.

    Args:
        read: gives the content of one file.
        of_url: what `read` is told for a file's address: the address, or the name in a folder.

    Raises:
        SourceError: a file is missing, or its md5 is not the one that torchvision knows.
    """
    bodies = []
    for url, md5 in archives(name, torchvision):
        file = url.rpartition("/")[2]
        try:
            body = read(of_url(url))
        except SourceError as error:
            raise SourceError(f"{file}: {error}") from error
        if hashlib.md5(body, usedforsecurity=False).hexdigest() != md5:
            raise SourceError(f"{file}: checksum differs")
        bodies.append(body)
    try:
        arrays = _parts(name, bodies)
    except (UserError, OSError, ValueError, LookupError, zipfile.BadZipFile) as error:
        raise SourceError(f"damaged: {error}") from error
    flat = [array for part in arrays for array in part]
    return {file: format_idx(array) for file, array in zip(FILES, flat, strict=True)}


def _parts(name: str, bodies: list[bytes]) -> list[Arrays]:
    """Training and test images with their labels."""
    if name.startswith("emnist"):
        return [emnist(bodies[0], name.removeprefix("emnist_"), p) for p in ("train", "test")]
    if name == "qmnist":
        return [qmnist(*bodies[:2]), qmnist(*bodies[2:])]
    return [usps(body) for body in bodies]


def emnist(archive: bytes, split: str, part: str) -> Arrays:
    """One part of a split; the archive has its images with rows and columns exchanged."""
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        images, labels = (
            parse_idx(unpack(files.read(f"gzip/{name}.gz"), LARGEST), name)
            for name in (
                f"emnist-{split}-{part}-images-idx3-ubyte",
                f"emnist-{split}-{part}-labels-idx1-ubyte",
            )
        )
    # Letters are counted from 1.
    first = 1 if split == "letters" else 0
    return np.ascontiguousarray(images.transpose(0, 2, 1)), labels - np.uint8(first)


def qmnist(images: bytes, labels: bytes) -> Arrays:
    """One part; a label is the first of eight numbers about an image."""
    raw = unpack(labels)
    magic, n, columns = struct.unpack(">3I", raw[:12])
    if magic != 0x0C02:
        raise ValueError(f"labels of type {magic:#x}")
    table = np.frombuffer(raw, ">i4", offset=12).reshape(n, columns)
    return parse_idx(unpack(images), "images"), table[:, 0].astype(np.uint8)


def usps(body: bytes) -> Arrays:
    """One part, from lines such as `7 1:-1 2:-0.8 ...`: the label from 1, pixels in [-1, 1]."""
    with bz2.BZ2File(io.BytesIO(body)) as file:
        text = file.read(LARGEST_TEXT + 1)
    if len(text) > LARGEST_TEXT:
        raise ValueError(f"more than {LARGEST_TEXT:,} bytes")
    rows = [line.split() for line in text.decode().splitlines() if line.strip()]
    values = np.array([[float(v.partition(":")[2]) for v in row[1:]] for row in rows])
    pixels = ((values + 1) / 2 * 255).astype(np.uint8).reshape(-1, USPS_SIDE, USPS_SIDE)
    return pixels, np.array([int(float(row[0])) - 1 for row in rows], np.uint8)
