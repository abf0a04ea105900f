"""Image files of users to arrays: what is taken, what is refused, and what was done to an image.

Only the header is read before an image's size is known, and only common formats are tried.
"""

import hashlib
import struct
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm import tqdm

from vaepipe.core.errors import UserError
from vaepipe.core.provenance import cores
from vaepipe.data.idx import LARGEST

FORMATS = ("PNG", "JPEG", "BMP", "WEBP")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
MEGAPIXELS = 50
TOGETHER = 500  # files that one process reads before it answers
BAND = {"1", "L", "P", "RGB", "YCbCr", "CMYK", "LA", "PA", "RGBA"}  # of 8 bits a channel


class Picture(NamedTuple):
    """Pixels `[height, width, 3]` uint8, and the SHA-256 of the file they came from."""

    pixels: np.ndarray
    sha256: str


def open_image(path: Path) -> tuple[Image.Image, str]:
    """The image in a file as RGB, the right way up, and the file's SHA-256.

    Raises:
        UserError: naming the file and the remedy, if it is a symlink, no image, broken, too large,
            has more than 8 bits a channel or is transparent.
    """
    if path.is_symlink():
        raise UserError(f"{path} is a symlink, which is not followed; put the file itself there")
    try:
        body = path.read_bytes()
        with warnings.catch_warnings():
            # Pillow warns of large images; the limit here is stricter.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with path.open("rb") as file, Image.open(file, formats=FORMATS) as image:
                taken = as_rgb(image, str(path))
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        reason = str(error) if "exceeds" in str(error) else "not a PNG, JPEG, BMP or WebP image"
        raise UserError(f"{path}: {reason}; replace or remove it") from error
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        reason = getattr(error, "strerror", None) or str(error) or "broken"
        raise UserError(f"{path} can't be read as an image: {reason}; replace or remove it") from (
            error
        )
    return taken, hashlib.sha256(body).hexdigest()


def as_rgb(image: Image.Image, name: str) -> Image.Image:
    """An image as RGB, the right way up.

    Args:
        name: what messages call it.

    Raises:
        UserError: it is too large, has more than 8 bits a channel or is transparent.
    """
    _refuse_by_header(name, image)
    return _opaque(name, ImageOps.exif_transpose(image))


def _refuse_by_header(name: str, image: Image.Image) -> None:
    width, height = image.size
    if width * height > MEGAPIXELS * 10**6:
        raise UserError(
            f"{name} has {width * height / 10**6:.0f} megapixels, allowed are {MEGAPIXELS}; make it"
            " smaller or remove it"
        )
    if image.mode not in BAND or _has_sixteen_bits(image):
        kind = f"mode {image.mode}, such as of 16 bits" if image.mode not in BAND else "16 bits"
        raise UserError(f"{name} has pixels of {kind}; save it with 8 bits a channel")


def _has_sixteen_bits(image: Image.Image) -> bool:
    """Whether Pillow would reduce 16 bits a channel to 8 as it decodes: of a PNG with several.

    What a tile is encoded as is its last element, such as RGB;16B.
    """
    return image.format == "PNG" and any("16" in str(tile[3]) for tile in image.tile)


def _opaque(name: str, image: Image.Image) -> Image.Image:
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema()[0] < 255:
            raise UserError(
                f"{name} is transparent in places (it has an alpha channel); save it without"
            )
    return image.convert("RGB")


def resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The centre of the image with the proportions of `size` (width, height), resized to it."""
    return ImageOps.fit(image, size, Image.Resampling.LANCZOS)


def is_grey(pixels: np.ndarray) -> bool:
    """Whether the three channels, the last dimension, are the same."""
    first = pixels[..., 0]
    return bool((pixels[..., 1] == first).all() and (pixels[..., 2] == first).all())


def luminance(pixels: np.ndarray) -> np.ndarray:
    """Colours `[..., 3]` as grey values `[...]`, uint8, by ITU-R 601 as Pillow does it."""
    if is_grey(pixels):
        return pixels[..., 0]
    # Pillow's own formula, in whole numbers.
    weighted = pixels.astype(np.uint32) @ np.array([19595, 38470, 7471], np.uint32)
    return ((weighted + 0x8000) >> 16).astype(np.uint8)


def read_picture(path: Path, size: int = 0) -> Picture:
    """One image file; `size` is its new width and height, 0 to keep them."""
    image, digest = open_image(path)
    if not size and max(image.size) > LARGEST:
        width, height = image.size
        raise UserError(
            f"{path} is of {height} x {width} pixels, allowed is up to {LARGEST} x {LARGEST}; set"
            " data.size, such as 32"
        )
    if size:
        image = resized(image, (size, size))
    return Picture(np.asarray(image), digest)


def _read_some(size: int, paths: Sequence[Path]) -> list[Picture]:
    return [read_picture(path, size) for path in paths]


def read_pictures(
    paths: Sequence[Path], size: int, show: Callable[[int], object] | None = None
) -> list[Picture]:
    """All image files, by as many processes as there are processors, in the order given.

    Args:
        size: new width and height, 0 to keep them.
        show: told how many more are done.

    Raises:
        UserError: of the first file that is refused.
    """
    parts = [paths[start : start + TOGETHER] for start in range(0, len(paths), TOGETHER)]
    work, found = partial(_read_some, size), []
    if len(parts) == 1 or cores() == 1:
        return [one for part in parts for one in _shown(work(part), show)]
    with ProcessPoolExecutor(cores()) as pool:
        try:
            for some in pool.map(work, parts):
                found += _shown(some, show)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return found


def _shown(pictures: list[Picture], show: Callable[[int], object] | None) -> list[Picture]:
    if show:
        show(len(pictures))
    return pictures


def progress(name: str, total: int) -> tqdm:
    """A bar on a terminal that counts images."""
    return tqdm(total=total, desc=name, unit="image", disable=None)
