"""The data sets by name, and the manifest that says which files a folder must hold.

The folder of a data set holds four raw IDX files and `manifest.json`: the data set's name, and each
file's sha256, length in bytes and shape. Of the user's own images it also says the names of the
classes and what the images were made from.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vaepipe.core.errors import UserError
from vaepipe.data.idx import SIDE, parse_idx

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
MANIFEST = "manifest.json"


DIGITS = tuple("0123456789")
# The letters of EMNIST's balanced classes: those whose lower case looks like the upper one are one.
BALANCED = (*DIGITS, *"ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt")


@dataclass(frozen=True)
class DataSet:
    """A data set by name.

    Attributes:
        title: its name in texts.
        classes: their names, in the order of the labels; empty where the data say them.
        noun: what one of the classes is.
        sha256: of the raw files, where it is known.
        torchvision: the class with its mirrors and checksums, if there is one.
    """

    title: str
    classes: tuple[str, ...] = ()
    noun: str = "class"
    sha256: dict[str, str] | None = None
    torchvision: str | None = None


MNIST_SHA256 = (
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
)
GARMENTS = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker")
KANA = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
DATA_SETS = {
    "mnist": DataSet(
        "MNIST", DIGITS, "digit", dict(zip(FILES, MNIST_SHA256, strict=True)), "MNIST"
    ),
    "fashion_mnist": DataSet(
        "Fashion-MNIST", (*GARMENTS, "bag", "ankle boot"), "garment", torchvision="FashionMNIST"
    ),
    "kmnist": DataSet("KMNIST", KANA, "character", torchvision="KMNIST"),
    "emnist_balanced": DataSet("EMNIST Balanced", BALANCED, "character", torchvision="EMNIST"),
    "emnist_letters": DataSet(
        "EMNIST Letters", tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), "letter", torchvision="EMNIST"
    ),
    "qmnist": DataSet("QMNIST", DIGITS, "digit", torchvision="QMNIST"),
    "usps": DataSet("USPS", DIGITS, "digit", torchvision="USPS"),
    "folder": DataSet("own images"),
    "npz": DataSet("own images"),
    "idx": DataSet("own images"),
}
OWN = ("folder", "npz", "idx")  # the user's own images, from data.source


@dataclass(frozen=True)
class About:
    """What a data set's images are.

    Attributes:
        title: the data set's name in texts.
        image: channels, height and width.
        classes: their names by label; empty where the images have no labels.
        noun: what one of the classes is, such as digit.
        ink: whether bright pixels are ink on black paper, drawn as dark ink on white.
    """

    title: str
    image: tuple[int, int, int]
    classes: tuple[str, ...]
    noun: str
    ink: bool = True


MNIST = About("MNIST", (1, SIDE, SIDE), DIGITS, "digit")


def about(manifest: Mapping[str, Any]) -> About:
    """What the images of a manifest are."""
    known = DATA_SETS[manifest["data_set"]]
    shape = manifest["files"][FILES[0]]["shape"]
    image = (shape[1] if len(shape) == 4 else 1, *shape[-2:])
    classes = manifest.get("classes", known.classes)
    ink = manifest["data_set"] not in OWN
    return About(known.title, image, tuple(classes), known.noun, ink)


MAPPED = 2**30  # larger files, in bytes, are mapped into memory; MNIST's largest has 47 million
ADVICE = "run the download stage again"


def verify(folder: Path, name: str | None = None) -> dict:
    """Check the files of `folder` against its manifest, and return the manifest.

    Raises:
        UserError: naming each file that is missing or not the one that was downloaded; or the
            folder holds another data set than `name`.
    """
    try:
        return check(Path(folder), name)
    except UserError as error:
        raise UserError(f"{error}; {ADVICE}") from error


def read_verified(folder: Path, file: str) -> bytes | np.ndarray:
    """The content of one file of a data set's folder, checked against its manifest.

    The bytes that are checked are the bytes that are returned, so that a file that changes in
    between can't be trained on. A file larger than `MAPPED` is not read but mapped into memory, as
    uint8 `[bytes]`; what is written to the array stays in this process.

    Raises:
        UserError: naming the file, if it is missing or its digest differs.
    """
    digest = read_manifest(folder)["files"][file]["sha256"]
    path = folder / file
    try:
        large = path.stat().st_size > MAPPED
        data = np.memmap(path, np.uint8, "c") if large else path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; {ADVICE}") from error
    if sha256(data) != digest:
        raise UserError(f"{path}: checksum differs ({len(data):,} bytes); {ADVICE}")
    return data


def check(folder: Path, name: str | None) -> dict:
    """`verify` whose message does not say what to do."""
    manifest = read_manifest(folder, name)
    digests = {file: manifest["files"][file]["sha256"] for file in FILES}
    if found := faults(folder, digests):
        raise UserError("; ".join(found))
    return manifest


def read_manifest(folder: Path, name: str | None = None) -> dict:
    """The manifest of a data set's folder, checked against `name` and digests that are known.

    Raises:
        UserError: the manifest is missing, damaged, or of another data set.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        known = DATA_SETS[manifest["data_set"]].sha256
        digests = {file: manifest["files"][file]["sha256"] for file in FILES}
        about(manifest)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise UserError(f"{path}: not the manifest of a data set") from error
    if name not in (None, manifest["data_set"]):
        raise UserError(f"{folder}: holds {manifest['data_set']}, not {name}")
    if known and digests != known:
        raise UserError(f"{path}: does not name the files of {manifest['data_set']}")
    return manifest


def faults(folder: Path, digests: dict[str, str]) -> list[str]:
    """What is wrong with the files of `folder`: a phrase for each without its digest."""
    found = []
    for file, digest in digests.items():
        path = folder / file
        try:
            data = path.read_bytes()
        except OSError as error:
            found.append(f"{path}: {error.strerror}")
            continue
        if sha256(data) != digest:
            found.append(f"{path}: checksum differs ({len(data):,} bytes)")
    return found


def describe(name: str, files: dict[str, bytes], more: Mapping[str, Any] | None = None) -> dict:
    """The manifest of the data set `name` for its raw files by name.

    Args:
        more: of the user's own images, `classes` and `source`.
    """
    entries = {
        file: {
            "sha256": sha256(files[file]),
            "bytes": len(files[file]),
            "shape": list(parse_idx(files[file], file).shape),
        }
        for file in FILES
    }
    return {"data_set": name, "files": entries, **(more or {})}


def to_text(manifest: dict) -> bytes:
    """The content of `manifest.json`."""
    return (json.dumps(manifest, indent=2) + "\n").encode()


def summary(manifest: Mapping[str, Any]) -> str:
    """How many images there are, of which kind, size and classes, in a line."""
    counts = " + ".join(f"{manifest['files'][file]['shape'][0]:,}" for file in FILES[::2])
    of = about(manifest)
    kind = "grey" if of.image[0] == 1 else "colour"
    classes = f"{len(of.classes)} classes" if of.classes else "no labels"
    return f"{counts} {kind} images of {of.image[1]} x {of.image[2]}, {classes}"


def sha256(data: bytes | np.ndarray) -> str:
    return hashlib.sha256(data).hexdigest()
