"""Images in memory: tensors, the split, and pixels as a model's input, binarised or grey."""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from vaepipe.core.errors import UserError
from vaepipe.data.idx import parse_idx
from vaepipe.data.manifest import read_verified


class Images(NamedTuple):
    """Pixels `[n, pixels]`, uint8, and labels `[n]`, as in the files.

    A colour image has its red pixels first, then green, then blue. Without labels all are 0.
    """

    pixels: Tensor
    labels: Tensor

    def to(self, device: torch.device) -> "Images":
        """The same images with pixels on the device and labels as int64 beside them."""
        return Images(self.pixels.to(device), self.labels.to(device, torch.int64))

    def at(self, index: Tensor) -> "Images":
        """The images at the indices `[m]`."""
        # Six times as fast as t[index] on a CPU.
        return Images(*(t.index_select(0, index) for t in self))

    def first(self, n: int) -> "Images":
        """The first n images."""
        return Images(self.pixels[:n], self.labels[:n])


def duplicates(images: Images, others: Images) -> int:
    """The number of images that are, pixel by pixel, among the others."""
    known = {row.tobytes() for row in others.pixels.numpy()}
    return sum(row.tobytes() in known for row in images.pixels.numpy())


def _read(folder: Path, part: str) -> Images:
    names = f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"
    pixels, labels = (
        torch.from_numpy(parse_idx(read_verified(folder, n), str(folder / n))) for n in names
    )
    return Images(pixels.flatten(1), labels)


def training_images(folder: Path, validation: int) -> tuple[Images, Images]:
    """The training images, and the validation images: the last `validation` of the file.

    The split is fixed, so that everybody has the same validation set. The test set is used neither
    in training nor in any choice.

    Raises:
        UserError: a file is missing or not what the folder's manifest says.
    """
    images = _read(folder, "train")
    if validation >= len(images.labels):
        raise UserError(
            f"train.validation is {validation:,} of {len(images.labels):,} training images, allowed"
            f" is up to {len(images.labels) - 1:,}"
        )
    cut = len(images.labels) - validation
    return Images(*(t[:cut] for t in images)), Images(*(t[cut:] for t in images))


def test_images(folder: Path) -> Images:
    """The test images, for the final numbers only; raises as `training_images` does."""
    return _read(folder, "t10k")


def grey(pixels: Tensor) -> Tensor:
    """uint8 pixels as float32 in [0, 1]."""
    return pixels.to(torch.float32).div_(255)


def binarized(pixels: Tensor, rng: torch.Generator) -> Tensor:
    """A Bernoulli sample: each pixel of value k is 1.0 with probability k / 255, else 0.0.

    Black and white are certain; the probability of a grey is right within 2^-16. Four pixels share
    a random number of 64 bits, which costs a CPU a third of a float for each.

    Args:
        pixels: uint8, of any shape.
        rng: on the pixels' device.

    Returns:
        float32, of the same shape.
    """
    count = pixels.numel()
    words = torch.empty(-(-count // 4), dtype=torch.int64, device=pixels.device)
    words.random_(-(2**63), None, generator=rng)
    # Uniform in -2^15 to 2^15 - 2, so that every number is below white's 2^15 - 1.
    numbers = words.view(torch.int16)[:count].view(pixels.shape).clamp_(max=2**15 - 2)
    return (numbers < pixels.to(torch.int16).mul_(257).sub_(2**15)).to(torch.float32)


def as_input(pixels: Tensor, binarize: str, rng: torch.Generator) -> Tensor:
    """uint8 pixels `[n, pixels]` as the model's input, float32: freshly binarised, or grey values.

    Args:
        binarize: `dynamic` or `none`, as `train.binarize`.
    """
    return binarized(pixels, rng) if binarize == "dynamic" else grey(pixels)
