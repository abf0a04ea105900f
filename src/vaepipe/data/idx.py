"""The IDX format of MNIST and its relatives: a big-endian header, then the values.

The header is two zero bytes, the element type (8: unsigned byte, 11: 16-bit integer), the number of
dimensions and one 32-bit length for each of them. Grey images have three dimensions, colour images
four, labels one. Pixels are bytes; labels are 16-bit integers where there are over 256 classes.
"""

import math
import struct

import numpy as np

from vaepipe.core.errors import UserError

UNSIGNED_BYTE, INT16 = 8, 11
SMALLEST, LARGEST = 4, 64  # pixels of an image's side
CHANNELS = (1, 3)
SIDE = 28  # of MNIST's images


def parse_idx(data: bytes | np.ndarray, name: str) -> np.ndarray:
    """The array in `data`, the whole content of an IDX file.

    Args:
        data: bytes, which are copied, or a uint8 array `[bytes]` mapped from a file, which is not.
        name: of the file, for messages.

    Returns:
        Images `[n, height, width]` or `[n, 3, height, width]`, uint8, or labels `[n]`, uint8 or
        int16; writable.

    Raises:
        UserError: magic, element type, dimensions or length are not those of such a file.
    """
    header = bytes(data[:20])
    if len(header) < 4 or header[:2] != b"\0\0":
        raise UserError(f"{name}: not an IDX file (it must start with two zero bytes)")
    dtype, dimensions = header[2], header[3]
    if dtype != UNSIGNED_BYTE and (dtype, dimensions) != (INT16, 1):
        raise UserError(f"{name}: IDX element type {dtype}, must be {UNSIGNED_BYTE} (uint8)")
    if dimensions not in (1, 3, 4):
        raise UserError(f"{name}: {dimensions} dimensions, must be 1 (labels), 3 or 4 (images)")
    start = 4 + 4 * dimensions
    if len(data) < start:
        raise UserError(f"{name}: {len(data):,} bytes, ends within its header")
    shape = struct.unpack(f">{dimensions}I", header[4:start])
    if problem := _refused(shape):
        raise UserError(f"{name}: {problem}")
    expected = math.prod(shape) * (2 if dtype == INT16 else 1)
    if len(data) - start != expected:
        raise UserError(
            f"{name}: {len(data) - start:,} bytes of data, but its header promises {expected:,}"
        )
    if dtype == INT16:
        return np.frombuffer(data, ">i2", offset=start).astype(np.int16)
    array = np.frombuffer(data, np.uint8, offset=start).reshape(shape)
    return array.copy() if isinstance(data, bytes) else array


def _refused(shape: tuple[int, ...]) -> str | None:
    """Why images of this shape are not allowed, or None."""
    if len(shape) == 1:
        return None
    channels = shape[1] if len(shape) == 4 else 1
    if channels not in CHANNELS:
        return f"images of {channels} channels, must be 1 (grey) or 3 (colour)"
    height, width = shape[-2:]
    if not all(SMALLEST <= side <= LARGEST for side in (height, width)):
        return (
            f"images of {height} x {width}, must be {SMALLEST} x {SMALLEST} to"
            f" {LARGEST} x {LARGEST}"
        )
    return None


def format_idx(array: np.ndarray) -> bytes:
    """An array as `parse_idx` gives it, as the content of an IDX file."""
    kinds = {np.dtype(np.uint8): (UNSIGNED_BYTE, ">u1"), np.dtype(np.int16): (INT16, ">i2")}
    if array.dtype not in kinds:
        raise TypeError(f"IDX files here hold uint8 or int16, not {array.dtype}")
    kind, order = kinds[array.dtype]
    header = struct.pack(f">4B{array.ndim}I", 0, 0, kind, array.ndim, *array.shape)
    return header + array.astype(order).tobytes()
