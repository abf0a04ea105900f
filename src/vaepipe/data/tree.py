"""A folder of image files in the layout of torchvision's ImageFolder."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vaepipe.core.errors import UserError
from vaepipe.data.pictures import SUFFIXES, Picture, progress, read_pictures

SHOWN = 5  # kinds or folders that a message names
TEST_SHARE = 0.2  # of each class, where the folder has no split of its own
LAYOUT = (
    "allowed are train/<class>/<image> with test/<class>/<image>, or <class>/<image>, or images"
    " side by side without classes"
)


class Tree(NamedTuple):
    """What a folder holds.

    Attributes:
        parts: training and test images `[n, height, width, 3]` and their labels `[n]` or None.
        classes: their names by label; empty without labels.
        digests: SHA-256 by path within the folder.
    """

    parts: tuple[tuple[np.ndarray, np.ndarray | None], ...]
    classes: Sequence[str]
    digests: dict[str, str]


def read_folder(folder: Path, size: int) -> Tree:
    """Read every image of the folder; errors as those of `own.read_own`.

    Args:
        size: new width and height, 0 to keep them.
    """
    training, test = split(folder)
    paths = [*training, *test]
    with progress(str(folder.name), len(paths)) as bar:
        pictures = read_pictures([folder / path for path in paths], size, bar.update)
    _refuse_sizes(folder, paths, pictures)
    pixels = np.stack([picture.pixels for picture in pictures])
    classes = sorted({path.parts[-2] for path in paths}) if _labelled(paths) else []
    labels = np.array([classes.index(path.parts[-2]) for path in paths]) if classes else None
    n = len(training)
    parts = tuple((pixels[p], None if labels is None else labels[p]) for p in _parts(n))
    digests = {path.as_posix(): p.sha256 for path, p in zip(paths, pictures, strict=True)}
    return Tree(parts, classes, digests)


def _parts(n: int) -> tuple[slice, slice]:
    return slice(0, n), slice(n, None)


def _labelled(paths: Sequence[Path]) -> bool:
    """Whether the images lie in folders of classes: below `train` and `test`, or at the top."""
    depth = {len(path.parts) - (path.parts[0] in ("train", "test")) for path in paths}
    return depth == {2}


def split(folder: Path) -> tuple[list[Path], list[Path]]:
    """Paths of training and test images within the folder, each in a shuffled, fixed order.

    The order is that of a digest of the path. Where the folder has no `train` and `test`, the first
    fifth of each class in this order are the test images: one image's part depends on the names of
    the images of its class alone.

    Raises:
        UserError: another layout, a symlink, no images, or a class with a single image.
    """
    paths = found(folder)
    tops = {path.parts[0] for path in paths if len(path.parts) > 1}
    if {"train", "test"} <= tops:
        parts = [[p for p in paths if p.parts[0] == part] for part in ("train", "test")]
        if len(parts[0]) + len(parts[1]) < len(paths):
            odd = next(p for p in paths if p.parts[0] not in ("train", "test"))
            raise UserError(f"{folder / odd} is neither in train nor in test; {LAYOUT}")
        if {len(path.parts) for path in paths} not in ({2}, {3}):
            raise UserError(f"{folder}: images in several depths of folders; {LAYOUT}")
        return parts[0], parts[1]
    if tops & {"train", "test"}:
        raise UserError(f"{folder} has only one of train and test; {LAYOUT}")
    if {len(path.parts) for path in paths} not in ({1}, {2}):
        raise UserError(f"{folder}: images in several depths of folders; {LAYOUT}")
    return _split_by_rule(folder, paths)


def _split_by_rule(folder: Path, paths: list[Path]) -> tuple[list[Path], list[Path]]:
    by_class: dict[Path, list[Path]] = {}
    for path in paths:
        by_class.setdefault(path.parent, []).append(path)
    test = set()
    for name, own in by_class.items():
        if len(own) < 3:
            raise UserError(
                f"{folder / name} has {len(own)} image{'s' * (len(own) > 1)}, at least 3 are needed"
                " (two to train on, one to test); add some, or remove the folder"
            )
        test |= set(own[: max(1, round(TEST_SHARE * len(own)))])
    return [p for p in paths if p not in test], [p for p in paths if p in test]


def found(folder: Path) -> list[Path]:
    """The paths of all images within the folder, in the order of a digest of the path."""
    if not folder.is_dir():
        raise UserError(f"data.source: {folder} must be a folder of images")
    paths = []
    for top, folders, files in _walk(folder):
        for name in (*folders, *files):
            if (top / name).is_symlink():
                raise UserError(
                    f"{top / name} is a symlink, which is not followed; put the file itself there"
                )
        paths += [(top / name).relative_to(folder) for name in files if _is_image(name)]
    for path in paths:
        try:
            str(path).encode()
        except UnicodeEncodeError:
            raise UserError(f"{folder}: the name {str(path)!r} is no UTF-8; rename it") from None
    if not paths:
        raise UserError(f"{folder} has no images ({', '.join(SUFFIXES)}); {LAYOUT}")
    return sorted(paths, key=lambda path: hashlib.sha256(path.as_posix().encode()).digest())


def left_out(folder: Path) -> str:
    """How many files of other types the folder has, of which, and which folders have no others.

    Empty if there are none.
    """
    kinds: Counter[str] = Counter()
    without = []
    for top, folders, files in _walk(folder):
        others = [Path(name).suffix.lower() or name for name in files if not _is_image(name)]
        kinds.update(others)
        if others and len(others) == len(files) and not folders and top != folder:
            without.append(str(top.relative_to(folder)))
    if not kinds:
        return ""
    most = sorted(kinds, key=lambda kind: (-kinds[kind], kind))[:SHOWN]
    counts = ", ".join(f"{kinds[kind]:,} {kind}" for kind in most)
    text = f"{kinds.total():,} file{'s' * (kinds.total() > 1)} of other types left out: {counts}"
    text += ", ..." * (len(kinds) > SHOWN)
    if without:
        text += f"; no images are in {', '.join(sorted(without)[:SHOWN])}"
        text += ", ..." * (len(without) > SHOWN)
    return text


def _walk(folder: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """As `os.walk`, without names that begin with a dot."""
    for top, folders, files in os.walk(folder, onerror=_unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield Path(top), folders, [name for name in files if not name.startswith(".")]


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _unreadable(error: OSError) -> None:
    raise UserError(f"{error.filename} can't be read: {error.strerror}") from error


def _refuse_sizes(folder: Path, paths: Sequence[Path], pictures: Sequence[Picture]) -> None:
    height, width = pictures[0].pixels.shape[:2]
    for path, picture in zip(paths, pictures, strict=True):
        if picture.pixels.shape[:2] != (height, width):
            other = picture.pixels.shape
            raise UserError(
                f"{folder / path} is of {other[0]} x {other[1]} pixels, {paths[0]} of {height} x"
                f" {width}; set data.size, such as 32, to resize all"
            )
