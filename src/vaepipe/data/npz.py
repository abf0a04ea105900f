"""An .npz file of images: its headers are checked before anything is decompressed."""

import hashlib
import math
import zipfile
import zlib
from pathlib import Path

import numpy as np

from vaepipe.core.errors import UserError
from vaepipe.data.idx import CHANNELS, LARGEST

IMAGES = ("train_images", "test_images")
LABELS = ("train_labels", "test_labels")
VALIDATION = ("val_images", "val_labels")
MOST_BYTES = 4 * 2**30  # decompressed, all arrays together
LARGEST_READ = 512  # pixels of a side before it is resized


def read_npz(path: Path, size: int) -> tuple[dict[str, np.ndarray], str]:
    """The arrays of an .npz file with the keys that MedMNIST uses, and the file's SHA-256.

    Args:
        size: as `data.size`; where it is 0, images larger than allowed are not read.

    Returns:
        Images `[n, height, width]` or `[n, height, width, channels]`, uint8, and labels `[n]`,
        int64; labels and validation images only where the file has them.

    Raises:
        UserError: naming the file and the array that is missing or not allowed. Objects are
            refused, so no code is run.
    """
    if not path.is_file():
        raise UserError(f"data.source: {path} must be an .npz file")
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        with zipfile.ZipFile(path) as archive:
            members = {Path(m.filename).stem: m for m in archive.infolist()}
            for name in IMAGES:
                if name not in members:
                    raise UserError(f"{path}: has no array {name}; it needs {', '.join(IMAGES)}")
            wanted = [n for n in (*IMAGES, *LABELS, *VALIDATION) if n in members]
            shapes = {name: _header(archive, members[name], path, name) for name in wanted}
            _refuse(path, shapes, size)
            arrays = {name: _array(archive, members[name]) for name in wanted}
            labels = {n: _whole(a, path, n) for n, a in arrays.items() if n.endswith("labels")}
    except (OSError, ValueError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise UserError(f"{path} can't be read as .npz: {error}") from error
    return arrays | labels, digest


def _header(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, name: str
) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of an array, from its first bytes alone."""
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if not read:
            raise UserError(f"{path}: {name} is an array of format {version}, allowed are 1 and 2")
        shape, _, dtype = read(stream)
        if dtype.hasobject:
            raise UserError(
                f"{path}: {name} holds Python objects, which could run code; save it as uint8"
            )
        if member.file_size - stream.tell() != math.prod(shape) * dtype.itemsize:
            raise UserError(f"{path}: {name} has not as many bytes as its header promises")
    return shape, dtype


def _refuse(path: Path, shapes: dict[str, tuple[tuple[int, ...], np.dtype]], size: int) -> None:
    """Raise a `UserError` for what is not allowed, by the headers of all arrays."""
    total = sum(math.prod(shape) * dtype.itemsize for shape, dtype in shapes.values())
    if total > MOST_BYTES:
        raise UserError(
            f"{path}: would take {total / 2**30:.1f} GiB of memory, allowed are"
            f" {MOST_BYTES // 2**30}; leave images out, or make them smaller"
        )
    for name, (shape, dtype) in shapes.items():
        if name.endswith("labels"):
            if dtype.kind not in "iu" or not shape or shape[1:] not in ((), (1,)):
                raise UserError(f"{path}: {name} must be one whole number for each image")
            continue
        channels = shape[3] if len(shape) == 4 else 1
        if dtype != np.uint8 or len(shape) not in (3, 4) or channels not in CHANNELS:
            raise UserError(
                f"{path}: {name} is {dtype} of shape {list(shape)}, allowed is uint8 of"
                " [n, height, width] or [n, height, width, 3]"
            )
        largest = LARGEST_READ if size else LARGEST
        if max(shape[1:3]) > largest:
            raise UserError(
                f"{path}: {name} are images of {shape[1]} x {shape[2]}, allowed is up to"
                f" {largest} x {largest}" + ("" if size else "; set data.size, such as 32")
            )


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def _whole(labels: np.ndarray, path: Path, name: str) -> np.ndarray:
    """Labels of one type, so that those of several arrays can be put together."""
    whole = labels.reshape(len(labels)).astype(np.int64)
    if labels.dtype.kind == "u" and (whole < 0).any():
        raise UserError(f"{path}: {name} holds {labels.max()}, allowed is up to {2**63 - 1}")
    return whole
