"""The user's images as a model's input, saying what was done to each; and images as a grid."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vaepipe.core.errors import UserError
from vaepipe.core.files import replacing
from vaepipe.data.manifest import About
from vaepipe.data.pictures import as_rgb, is_grey, luminance, open_image, resized

SHARE = 20 / 28  # of an image's side that MNIST's digits fill
LIGHT = 127  # mean of an image's border above which it is taken for light paper
# Images in a grid are enlarged by a whole number, to at most so many pixels each, and the grid to
# at most so many, so that a screen shows them well.
ENLARGED, LARGEST = 120, 2400

Source = str | Path | np.ndarray | Image.Image


def prepared(
    image: Source, data: About, invert: bool = False, name: str = "the image"
) -> tuple[np.ndarray, list[str]]:
    """One image as the model's pixels `[pixels]` uint8, and what was done to it.

    Args:
        image: a file, a Pillow image, or an array `[height, width]` or `[height, width, 3]` uint8.
        data: what the model's images are.
        invert: make dark ink on light paper bright ink on black, in the middle as in MNIST.
        name: what messages call an image that is no file.

    Raises:
        UserError: it can't be taken; the text names it and the remedy.
    """
    name = str(image) if isinstance(image, str | Path) else name
    picture, notes = _opened(image, name), []
    channels, height, width = data.image
    if invert and not data.ink:
        raise UserError("the model's images are no ink on paper, so there is nothing to invert")
    if invert:
        picture = _inked(picture, (width, height), notes, name)
    if picture.size != (width, height):
        before = f"{picture.width} x {picture.height}"
        cut = "" if picture.width * height == picture.height * width else "its centre "
        picture = resized(picture, (width, height))
        notes.append(f"{cut}resized from {before} to {width} x {height}")
    pixels = np.asarray(picture)
    if channels == 1:
        if not is_grey(pixels):
            notes.append("colours reduced to grey")
        pixels = luminance(pixels)
    if data.ink and not invert and _border(pixels) > LIGHT:
        notes.append(
            "looks like dark ink on light paper, the model knows bright ink on black: invert it"
        )
    flat = pixels.reshape(-1) if channels == 1 else pixels.transpose(2, 0, 1).reshape(-1)
    return np.ascontiguousarray(flat), notes


def _inked(picture: Image.Image, size: tuple[int, int], notes: list[str], name: str) -> Image.Image:
    """Dark ink on light paper as bright ink on black, in the middle as in MNIST.

    MNIST's digits were fitted into 20 of 28 pixels, their centre of mass in the middle of the image
    (LeCun et al. 1998). Paper is what is brighter than half between the darkest and the brightest.
    """
    light = luminance(np.asarray(picture)).astype(np.float64)
    low, high = light.min(), light.max()
    ink = np.clip(2 * (high - light) / max(1.0, high - low) - 0.5, 0, 1)
    rows, columns = (np.flatnonzero(ink.max(axis)) for axis in (1, 0))
    if not len(rows) or high == low:
        raise UserError(f"{name} is of one colour, and so has no ink to invert")
    drawn = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    share = SHARE * min(size[0] / drawn.shape[1], size[1] / drawn.shape[0])
    small = [max(1, round(side * share)) for side in drawn.shape[::-1]]
    image = Image.fromarray(np.round(255 * drawn).astype(np.uint8))
    mass = np.asarray(image.resize(small, Image.Resampling.BOX), dtype=np.float64)
    middle = [mass.sum(axis) @ np.arange(n) / mass.sum() for axis, n in enumerate(small)]
    corner = [
        int(np.clip(round((whole - 1) / 2 - m), 0, whole - n))
        for whole, m, n in zip(size, middle, small, strict=True)
    ]
    paper = Image.new("L", size)
    paper.paste(Image.fromarray(mass.astype(np.uint8)), tuple(corner))
    notes.append(
        f"inverted, its ink cut out, fitted into {round(SHARE * size[0])} of {size[0]} pixels and"
        " centred"
    )
    return paper.convert("RGB")


def _opened(image: Source, name: str) -> Image.Image:
    if isinstance(image, Image.Image):
        return as_rgb(image, name)
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.shape[2:] not in ((), (3,)) or image.ndim < 2:
            raise UserError(
                f"{name} is an array of {image.dtype} and shape {list(image.shape)}; allowed is"
                " uint8 of [height, width] or [height, width, 3]"
            )
        return Image.fromarray(image).convert("RGB")
    return open_image(Path(image))[0]


def _border(pixels: np.ndarray) -> float:
    edges = [pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]
    return float(np.mean(np.concatenate([edge.reshape(-1) for edge in edges])))


def batch(images: Sequence[Source], data: About, invert: bool) -> tuple[Tensor, list[list[str]]]:
    """Several images `[n, pixels]` uint8, and what was done to each.

    Raises:
        UserError: naming the file that can't be taken, or the place in the list, such as images[0].
    """
    if not len(images):
        raise UserError("no image was given")
    found = [prepared(one, data, invert, f"images[{k}]") for k, one in enumerate(images)]
    return torch.from_numpy(np.stack([pixels for pixels, _ in found])), [n for _, n in found]


def pictures(means: Tensor, data: About) -> np.ndarray:
    """Images `[n, pixels]` as `[n, height, width]`, of colour `[n, height, width, 3]`."""
    shaped = means.reshape(-1, *data.image)
    return (shaped[:, 0] if data.image[0] == 1 else shaped.permute(0, 2, 3, 1)).numpy()


def write_grid(path: Path, images: np.ndarray, columns: int, data: About) -> None:
    """Write images as one PNG, row by row; ink is drawn dark on white, as in the figures."""
    if path.suffix.lower() != ".png":
        raise UserError(f"{path}: allowed is a name that ends in .png")
    rows = math.ceil(len(images) / columns)
    _, height, width = data.image
    shape = (rows * (height + 1) - 1, columns * (width + 1) - 1, *images.shape[3:])
    paper = 0.0 if data.ink else 1.0
    canvas = np.full(shape, paper)
    for place, image in enumerate(images):
        top, left = place // columns * (height + 1), place % columns * (width + 1)
        canvas[top : top + height, left : left + width] = image
    values = np.round(255 * (1 - canvas if data.ink else canvas)).astype(np.uint8)
    drawn = Image.fromarray(values)
    times = max(1, min(ENLARGED // max(height, width), LARGEST // max(drawn.size)))
    drawn = drawn.resize((drawn.width * times, drawn.height * times), Image.Resampling.NEAREST)
    with replacing(path) as aside:
        drawn.save(aside, format="PNG")
