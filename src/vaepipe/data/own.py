"""The user's own images: a folder of image files, an .npz file or four IDX files, as arrays."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from vaepipe.core.errors import UserError
from vaepipe.data.idx import CHANNELS, LARGEST, SMALLEST, format_idx, parse_idx
from vaepipe.data.manifest import FILES, sha256
from vaepipe.data.npz import MOST_BYTES, read_npz
from vaepipe.data.pictures import is_grey, luminance, resized
from vaepipe.data.transfer import AbsentError, SourceError, read_file, unpack
from vaepipe.data.tree import read_folder

MOST_CLASSES = 1000
NAMES = "classes.txt"
# As many as the metrics of the codes need: five neighbours, and blocks of two for the MMD.
FEWEST = {"training": 5, "test": 4}
# What data.source must be, for messages.
WHERE = {
    "folder": "a folder of images",
    "npz": "an .npz file",
    "idx": f"a folder with {', '.join(FILES)}",
}


@dataclass
class Part:
    """Training or test images `[n, height, width, channels]` uint8, and labels `[n]` or None."""

    images: np.ndarray
    labels: np.ndarray | None


@dataclass
class Own:
    """The images as they were found.

    Attributes:
        classes: their names by label; empty where they are to be made from the labels.
        digests: SHA-256 of every file that was read, by its path within the source.
    """

    training: Part
    test: Part
    classes: Sequence[str] = ()
    digests: dict[str, str] = field(default_factory=dict)


def read_own(name: str, source: Path, size: int, colour: str) -> tuple[dict[str, bytes], dict, str]:
    """The user's images as the four raw IDX files by name, what the manifest says more, and a list
    of the digests of all files read, as `sha256sum` writes it.

    Args:
        name: `folder`, `npz` or `idx`.
        size: new width and height, 0 to keep them.
        colour: `auto`: grey if all images are; or `grey`, or `colour`.

    Raises:
        UserError: naming the first file that can't be taken, and the remedy.
    """
    found = {"folder": _folder, "npz": _npz, "idx": _idx}[name](source, size)
    labels, classes = named_labels(found, source)
    parts = [found.training, found.test]
    grey = colour == "grey" or (colour == "auto" and all(_is_grey(p.images) for p in parts))
    images = [_converted(part.images, size, grey, source) for part in parts]
    if len({i.shape[1:] for i in images}) > 1:
        raise UserError(f"{source}: training and test images differ in size; set data.size")
    kind = np.uint8 if len(classes) <= 256 else np.int16
    arrays = [images[0], labels[0].astype(kind), images[1], labels[1].astype(kind)]
    files = {file: format_idx(array) for file, array in zip(FILES, arrays, strict=True)}
    listing = listed(found.digests)
    made_from = {
        "files": len(found.digests),
        "sha256": hashlib.sha256(listing.encode()).hexdigest(),
        "size": size,
        "colour": colour,
    }
    return files, {"classes": list(classes), "source": made_from}, listing


def listed(digests: dict[str, str]) -> str:
    """Digests by path as `sha256sum` writes them."""
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(digests.items()))


def _is_grey(images: np.ndarray) -> bool:
    return images.shape[-1] == 1 or is_grey(images)


def _converted(images: np.ndarray, size: int, grey: bool, source: Path) -> np.ndarray:
    """Images as they are kept: `[n, height, width]` of grey, `[n, 3, height, width]` of colour."""
    if size and images.shape[1:3] != (size, size):
        squeezed = images[..., 0] if images.shape[-1] == 1 else images
        small = (np.asarray(resized(Image.fromarray(i), (size, size))) for i in squeezed)
        images = np.stack(list(small)).reshape(len(images), size, size, -1)
    height, width = images.shape[1:3]
    if not all(SMALLEST <= side <= LARGEST for side in (height, width)):
        raise UserError(
            f"{source}: images of {height} x {width}, allowed is {SMALLEST} x {SMALLEST} to"
            f" {LARGEST} x {LARGEST}; set data.size, such as 32"
        )
    if grey:
        return images[..., 0] if images.shape[-1] == 1 else luminance(images)
    if images.shape[-1] == 1:
        images = images.repeat(3, axis=-1)
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def named_labels(found: Own, source: Path) -> tuple[list[np.ndarray], Sequence[str]]:
    """Labels 0, 1, ... of both parts, and the names of the classes; zeros and none if unlabelled.

    Raises:
        UserError: too few images, labels of one part only, too few or too many classes, a class
            with one training image, or one that only the test images have.
    """
    parts = {"training": found.training, "test": found.test}
    for where, part in parts.items():
        if not len(part.images):
            raise UserError(f"{source}: no {where} images")
    if all(part.labels is None for part in parts.values()):
        _refuse_few(parts, source)
        return [np.zeros(len(part.images), np.int64) for part in parts.values()], ()
    for where, part in parts.items():
        if part.labels is None:
            raise UserError(f"{source}: the {where} images have no labels, the others have")
        if len(part.labels) != len(part.images):
            raise UserError(
                f"{source}: {len(part.labels):,} labels of {len(part.images):,} {where} images"
            )
    names = list(found.classes) or _numbers(found.training.labels, found.test.labels)
    numbers = {int(n): k for k, n in enumerate(names)} if not found.classes else None
    labels = []
    for where, part in parts.items():
        if numbers is not None:
            part.labels = np.array([numbers[int(one)] for one in part.labels])
        elif (unnamed := (part.labels < 0) | (part.labels >= len(names))).any():
            raise UserError(
                f"{source}: a label of the {where} images is {part.labels[unnamed][0]}, but there"
                f" are names for {len(names)} classes, counted from 0"
            )
        labels.append(part.labels)
    if not 2 <= len(names) <= MOST_CLASSES:
        raise UserError(
            f"{source}: {len(names):,} classes, allowed are 2 to {MOST_CLASSES:,}; without labels"
            " put the images side by side in one folder, or leave the labels out"
        )
    counts = np.bincount(labels[0], minlength=len(names))
    few = int(counts.argmin())
    if counts[few] < 2:
        raise UserError(
            f"{source}: class {names[few]} has {counts[few]} training image"
            f"{'' if counts[few] == 1 else 's'}, at least 2 are needed; add some, or remove the"
            " class"
        )
    _refuse_few(parts, source)
    return labels, names


def _refuse_few(parts: dict[str, Part], source: Path) -> None:
    for where, part in parts.items():
        if (n := len(part.images)) < FEWEST[where]:
            raise UserError(
                f"{source}: {n} {where} image{'s' * (n != 1)}, at least {FEWEST[where]} are needed;"
                " add some"
            )


def _numbers(*labels: np.ndarray) -> list[str]:
    return [str(one) for one in np.unique(np.concatenate(labels))]


def _names(source: Path, digests: dict[str, str]) -> list[str]:
    """The names of the classes in `classes.txt`, one a line, if there is one."""
    path = source / NAMES
    if not path.exists():
        return []
    try:
        body = path.read_bytes()
        lines = body.decode("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise UserError(f"{path} can't be read: {error}") from error
    names: dict[str, int] = {}
    for number, name in enumerate(map(str.strip, lines), 1):
        if name in names or not name.isprintable():
            raise UserError(
                f"{path}: line {number} is {name!r}"
                + (f", as is line {names[name]}" if name in names else "")
                + "; allowed is one printable name a line, each once"
            )
        if name:
            names[name] = number
    digests[NAMES] = sha256(body)
    return list(names)


def _folder(source: Path, size: int) -> Own:
    tree = read_folder(source, size)
    parts = [Part(*part) for part in tree.parts]
    return Own(*parts, tree.classes, tree.digests)


def _npz(source: Path, size: int) -> Own:
    arrays, digest = read_npz(source, size)
    digests = {source.name: digest}
    parts = []
    for part in ("train", "test"):
        images = arrays[f"{part}_images"]
        labels = arrays.get(f"{part}_labels")
        images = images[..., None] if images.ndim == 3 else images
        if part == "train":
            # By a fixed rule, so that the last images, kept for validation, are of all classes.
            order = np.random.default_rng(0).permutation(len(images))
            if labels is not None and len(labels) == len(images):
                labels = labels[order]
            images = images[order]
            if "val_images" in arrays:
                more = arrays["val_images"]
                more = more[..., None] if more.ndim == 3 else more
                if more.shape[1:] != images.shape[1:]:
                    raise UserError(
                        f"{source}: val_images are of shape {list(more.shape[1:])} each,"
                        f" train_images of {list(images.shape[1:])}"
                    )
                images = np.concatenate([images, more])
                if labels is not None and "val_labels" in arrays:
                    labels = np.concatenate([labels, arrays["val_labels"]])
        parts.append(Part(images, labels))
    return Own(*parts, _names(source.parent, digests), digests)


def _idx(source: Path, size: int) -> Own:
    if not source.is_dir():
        raise UserError(f"data.source: {source} must be a folder with {', '.join(FILES)}")
    digests: dict[str, str] = {}
    arrays = {}
    for file in FILES:
        body = _raw(source, file)
        if body is None:
            if "images" in file:
                raise UserError(f"{source / file}: no such file, raw or .gz")
            continue
        digests[file] = sha256(body)
        arrays[file] = parse_idx(body, str(source / file))
    parts = []
    for images, labels in (FILES[:2], FILES[2:]):
        if arrays[images].ndim == 1 or (labels in arrays and arrays[labels].ndim != 1):
            raise UserError(f"{source}: {images} must hold images, {labels} labels")
        pixels = arrays[images]
        pixels = pixels.transpose(0, 2, 3, 1) if pixels.ndim == 4 else pixels[..., None]
        assert pixels.shape[-1] in CHANNELS
        parts.append(Part(pixels, arrays.get(labels)))
    _refuse_one_class_after_another(parts[0].labels, source / FILES[1])
    return Own(*parts, _names(source, digests), digests)


def _refuse_one_class_after_another(labels: np.ndarray | None, path: Path) -> None:
    """The last images, kept for validation, would be of few classes, and so would the first."""
    if labels is None:
        return
    classes = len(np.unique(labels))
    if classes > 1 and np.count_nonzero(labels[1:] != labels[:-1]) == classes - 1:
        raise UserError(
            f"{path}: the images are sorted by class, and their order is kept; shuffle images and"
            " labels together, so that the last ones, for validation, are of all classes"
        )


def _raw(source: Path, file: str) -> bytes | None:
    for name in (file, f"{file}.gz"):
        try:
            return unpack(read_file(source / name), MOST_BYTES)
        except AbsentError:
            continue
        except SourceError as error:
            raise UserError(f"{source / name}: {error}") from error
    return None
