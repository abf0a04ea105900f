"""Images in memory: tensors, the split and the two ways of giving pixels to a model."""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from vaepipe.data.idx import parse_idx
from vaepipe.data.manifest import read_verified


class Images(NamedTuple):
    """Pixels `[n, 784]` and labels `[n]`, both uint8 as in the files."""

    pixels: Tensor
    labels: Tensor

    def to(self, device: torch.device) -> "Images":
        """The same images with pixels on the device and labels as int64 beside them."""
        return Images(self.pixels.to(device), self.labels.to(device, torch.int64))

    def at(self, index: Tensor) -> "Images":
        """The images of that index `[m]`."""
        # Six times as fast as t[index] on a CPU.
        return Images(*(t.index_select(0, index) for t in self))

    def first(self, n: int) -> "Images":
        """The first n images."""
        return Images(self.pixels[:n], self.labels[:n])


def duplicates(images: Images, others: Images) -> int:
    """How many of the images are, pixel by pixel, among the others."""
    known = {row.tobytes() for row in others.pixels.numpy()}
    return sum(row.tobytes() in known for row in images.pixels.numpy())


def _read(folder: Path, part: str) -> Images:
    names = f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"
    pixels, labels = (
        torch.from_numpy(parse_idx(read_verified(folder, n), str(folder / n))) for n in names
    )
    return Images(pixels.flatten(1), labels)


def training_images(folder: Path, validation: int) -> tuple[Images, Images]:
    """The training and the validation images: the last `validation` of the file are the latter.

    The rule is fixed so that everybody's validation set is the same; the test set has no part in
    training or in any choice.
    """
    images = _read(folder, "train")
    cut = len(images.labels) - validation
    return Images(*(t[:cut] for t in images)), Images(*(t[cut:] for t in images))


def test_images(folder: Path) -> Images:
    """The test images, for the final numbers only."""
    return _read(folder, "t10k")


def grey(pixels: Tensor) -> Tensor:
    """uint8 pixels as float32 in [0, 1]."""
    return pixels.to(torch.float32).div_(255)


def binarized(pixels: Tensor, *draws: torch.Generator) -> Tensor:
    """A Bernoulli draw: each pixel of value k is 1.0 with probability k / 255, else 0.0.

    Black and white are certain; the probability of a grey is right within 2^-16. Four pixels share
    a draw of 64 bits, which costs a CPU a third of drawing floats.

    Args:
        pixels: uint8, their number a multiple of 4.
        draws: where chance comes from; of several each draws for an equal part of the pixels.
    """
    words = torch.empty(pixels.numel() // 4, dtype=torch.int64, device=pixels.device)
    for part, draw in zip(words.chunk(len(draws)), draws, strict=True):
        part.random_(-(2**63), None, generator=draw)
    # Uniform in -2^15 to 2^15 - 2, so that every draw is below white's 2^15 - 1.
    drawn = words.view(torch.int16).view(pixels.shape).clamp_(max=2**15 - 2)
    return (drawn < pixels.to(torch.int16).mul_(257).sub_(2**15)).to(torch.float32)


def as_input(pixels: Tensor, binarize: str, *draws: torch.Generator) -> Tensor:
    """uint8 pixels as the model's input, `[n, 784]` float32: a fresh draw or grey values."""
    return binarized(pixels, *draws) if binarize == "dynamic" else grey(pixels)
