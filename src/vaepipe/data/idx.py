"""The IDX format of MNIST and its relatives: a big-endian header, then unsigned bytes.

The header is two zero bytes, the element type (8: unsigned byte), the number of dimensions and one
32-bit length for each of them. Images have three dimensions, labels one.
"""

import struct
from pathlib import Path

import numpy as np

from vaepipe.core.errors import UserError
from vaepipe.core.files import write_bytes

UNSIGNED_BYTE = 8
SIDE = 28


def parse_idx(data: bytes | np.ndarray, name: str) -> np.ndarray:
    """The array in `data`, the whole content of an IDX file.

    Args:
        data: bytes, which are copied, or a uint8 array `[bytes]` mapped from a file, which is not.
        name: of the file, for messages.

    Returns:
        uint8, images `[n, 28, 28]` or labels `[n]`, writable.

    Raises:
        UserError: magic, element type, dimensions or length are not those of such a file.
    """
    header = bytes(data[:16])
    if len(header) < 4 or header[:2] != b"\0\0":
        raise UserError(f"{name}: not an IDX file (it must start with two zero bytes)")
    dtype, dimensions = header[2], header[3]
    if dtype != UNSIGNED_BYTE:
        raise UserError(f"{name}: IDX element type {dtype}, must be {UNSIGNED_BYTE} (uint8)")
    if dimensions not in (1, 3):
        raise UserError(f"{name}: {dimensions} dimensions, must be 1 (labels) or 3 (images)")
    start = 4 + 4 * dimensions
    if len(data) < start:
        raise UserError(f"{name}: {len(data):,} bytes, ends within its header")
    shape = struct.unpack(f">{dimensions}I", header[4:start])
    if dimensions == 3 and shape[1:] != (SIDE, SIDE):
        raise UserError(f"{name}: images of {shape[1]} x {shape[2]}, must be {SIDE} x {SIDE}")
    expected = shape[0] * (SIDE * SIDE if dimensions == 3 else 1)
    if len(data) - start != expected:
        raise UserError(
            f"{name}: {len(data) - start:,} bytes of data, but its header promises {expected:,}"
        )
    array = np.frombuffer(data, np.uint8, offset=start).reshape(shape)
    return array.copy() if isinstance(data, bytes) else array


def format_idx(array: np.ndarray) -> bytes:
    """A uint8 `array`, images `[n, 28, 28]` or labels `[n]`, as the content of an IDX file."""
    if array.dtype != np.uint8:
        raise TypeError(f"IDX files here hold uint8, not {array.dtype}")
    header = struct.pack(f">4B{array.ndim}I", 0, 0, UNSIGNED_BYTE, array.ndim, *array.shape)
    return header + array.tobytes()


def read_idx(path: Path) -> np.ndarray:
    """Read an IDX file: uint8, images `[n, 28, 28]` or labels `[n]`.

    Raises:
        UserError: naming the file, if it cannot be read or is not such a file.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    return parse_idx(data, str(path))


def write_idx(path: Path, array: np.ndarray) -> None:
    """Write a uint8 `array` as an IDX file, whole or not at all."""
    write_bytes(Path(path), format_idx(array))
