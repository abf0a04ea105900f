"""The user's own images: what is taken, what is refused, and that no run depends on luck."""

import bz2
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import struct
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vaepipe.core.errors import UserError
from vaepipe.data import dataset, named, pictures
from vaepipe.data.idx import format_idx, parse_idx
from vaepipe.data.manifest import FILES, MANIFEST, about, verify
from vaepipe.data.sources import fetch
from vaepipe.data.state import keep_state, state_of_source
from vaepipe.data.torchvision_compat import import_datasets
from vaepipe.params import Data

CLASSES = ("circle", "square", "triangle")


def picture(seed: int, size: tuple[int, int] = (8, 8), mode: str = "RGB") -> Image.Image:
    shape = (*size[::-1], 3) if mode == "RGB" else size[::-1]
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, np.uint8))


def photos(folder: Path, counts=(10, 6, 5), top: str = "") -> Path:
    """A folder of colour images, a class each, unequal."""
    for k, (name, n) in enumerate(zip(CLASSES, counts, strict=True)):
        (folder / top / name).mkdir(parents=True)
        for i in range(n):
            picture(100 * k + i).save(folder / top / name / f"{i}.png")
    return folder


def raw(folder: Path) -> list[np.ndarray]:
    return [parse_idx((folder / file).read_bytes(), file) for file in FILES]


def refused(tmp_path: Path, source: Path | str, name: str = "folder", **how) -> str:
    """The one line that a source is refused with; nothing may have been written."""
    with pytest.raises(UserError) as error:
        fetch(name, tmp_path / "made", str(source), **how)
    assert not (tmp_path / "made").exists()
    text = str(error.value)
    assert "\n" not in text
    return text


def test_a_folder_of_one_level_is_split_by_a_fixed_rule(tmp_path):
    source = photos(tmp_path / "photos")
    fetch("folder", tmp_path / "made", str(source))
    manifest = verify(tmp_path / "made")
    of = about(manifest)
    assert of.classes == CLASSES
    assert of.image == (3, 8, 8)
    images, labels, test, test_labels = raw(tmp_path / "made")
    assert np.bincount(labels).tolist() == [8, 5, 4]
    assert np.bincount(test_labels).tolist() == [2, 1, 1]
    # Every image is there once, as it was.
    kept = {i.transpose(1, 2, 0).tobytes() for i in np.concatenate([images, test])}
    assert kept == {np.asarray(Image.open(p)).tobytes() for p in source.rglob("*.png")}
    # An image more leaves the others where they are, up to one that crosses the border.
    before = {i.tobytes() for i in test}
    picture(999).save(source / "circle" / "more.png")
    fetch("folder", tmp_path / "made", str(source))
    after = {i.tobytes() for i in raw(tmp_path / "made")[2]}
    assert len(before ^ after) <= 2
    # The classes are mixed, so that the last images, kept for validation, are of several.
    assert len(set(labels[-6:].tolist())) > 1


def test_a_folder_with_a_split_of_its_own(tmp_path):
    source = photos(photos(tmp_path / "photos", (4, 3, 2), "train"), (2, 1, 3), "test")
    fetch("folder", tmp_path / "made", str(source))
    _, labels, _, test_labels = raw(tmp_path / "made")
    assert np.bincount(labels).tolist() == [4, 3, 2]
    assert np.bincount(test_labels).tolist() == [2, 1, 3]


def test_images_without_labels(tmp_path):
    source = tmp_path / "photos"
    source.mkdir()
    for i in range(20):
        picture(i, mode="L").save(source / f"{i}.png")
    fetch("folder", tmp_path / "made", str(source))
    of = about(verify(tmp_path / "made"))
    assert (of.classes, of.image) == ((), (1, 8, 8))
    assert [len(a) for a in raw(tmp_path / "made")] == [16, 16, 4, 4]


def test_grey_colour_and_size(tmp_path):
    source = photos(tmp_path / "photos")
    fetch("folder", tmp_path / "made", str(source), size=12, colour="grey")
    assert about(verify(tmp_path / "made")).image == (1, 12, 12)
    pixels = np.asarray(picture(1))
    assert (
        np.abs(
            pictures.luminance(pixels).astype(int) - np.asarray(picture(1).convert("L")).astype(int)
        ).max()
        <= 1
    )


def test_the_same_images_are_left_alone_and_changed_ones_are_noticed(tmp_path):
    source, made = photos(tmp_path / "photos"), tmp_path / "made"
    state = state_of_source(Data("folder", str(source), 0, "auto"))
    (source / ".DS_Store").touch()
    source.rename(tmp_path / "elsewhere")
    assert state_of_source(Data("folder", str(tmp_path / "elsewhere"), 0, "auto")) == state
    (tmp_path / "elsewhere").rename(source)
    first = fetch("folder", made, str(source))
    date = (made / FILES[0]).stat().st_mtime_ns
    assert fetch("folder", made, str(source)) == first
    assert (made / FILES[0]).stat().st_mtime_ns == date
    picture(5).save(source / "circle" / "0.png")
    assert state_of_source(Data("folder", str(source), 0, "auto")) != state
    assert fetch("folder", made, str(source)) != first
    # Every file's digest is kept, as `sha256sum -c` reads it.
    lines = (made / "source.sha256").read_text().splitlines()
    assert len(lines) == 21
    digest, name = lines[0].split("  ")
    assert hashlib.sha256((source / name).read_bytes()).hexdigest() == digest
    data = Data("folder", str(source), 0, "auto")
    made.rename(tmp_path / "folder")
    made.symlink_to("folder")
    keep_state(data, made)
    state = state_of_source(data, tmp_path)
    source.rename(tmp_path / "away")
    assert state_of_source(data, tmp_path) == state != ""
    assert state_of_source(replace(data, size=4), tmp_path) == ""
    assert fetch("folder", made, str(source))["data_set"] == "folder"
    with pytest.raises(UserError, match=r"of data.size 0 and data.colour auto, not of data.size 4"):
        fetch("folder", made, str(source), size=4)


def test_the_state_of_a_source_with_a_name_that_is_no_utf8(tmp_path):
    """Snakemake asks for it before any job, in which the name is refused, could run."""
    source = photos(tmp_path / "photos")
    data = Data("folder", str(source), 0, "auto")
    state = state_of_source(data)
    no_utf8(source)
    assert state_of_source(data) not in ("", state)


def test_files_that_are_left_out_are_counted_and_a_class_of_them_is_named(tmp_path, capfd):
    source = photos(tmp_path / "photos")
    fetch("folder", tmp_path / "made", str(source))
    assert "left out" not in capfd.readouterr().err
    (source / "hexagon").mkdir()
    for name in ("hexagon/0.GIF", "hexagon/1.gif", "circle/note.txt", "README", ".hidden"):
        (source / name).touch()
    fetch("folder", tmp_path / "made", str(source))
    says = "4 files of other types left out: 2 .gif, 1 .txt, 1 README; no images are in hexagon"
    assert f"vaepipe: folder: {says}\n" in capfd.readouterr().err
    for k in range(9):
        (source / "circle" / f"a.kind{k}").touch()
        (source / f"none{k}").mkdir()
        (source / f"none{k}" / "0.gif").touch()
    fetch("folder", tmp_path / "made", str(source))
    [line] = [line for line in capfd.readouterr().err.splitlines() if "left out" in line]
    assert "22 files" in line
    assert line.count(", ...") == 2
    assert len(line) < 250


def test_damage_to_converted_images_is_noticed(tmp_path):
    source, made = photos(tmp_path / "photos"), tmp_path / "made"
    fetch("folder", made, str(source))
    (made / FILES[0]).write_bytes(b"\0" + (made / FILES[0]).read_bytes()[1:-1] + b"x")
    with pytest.raises(UserError, match="checksum differs"):
        verify(made)
    fetch("folder", made, str(source))
    verify(made)


# Bad input: one line that names the file and what to do


def broken(folder):
    path = folder / "square" / "3.png"
    path.write_bytes(path.read_bytes()[:60])
    return "3.png", "replace or remove"


def mixed_sizes(folder):
    picture(0, (9, 8)).save(folder / "square" / "3.png")
    return "9", "set data.size"


def alpha(folder):
    image = picture(0).convert("RGBA")
    image.putpixel((0, 0), (0, 0, 0, 9))
    image.save(folder / "square" / "3.png")
    return "3.png", "transparent"


def sixteen_bits(folder):
    deep = np.zeros((8, 8), np.uint16)
    Image.fromarray(deep).save(folder / "square" / "3.png")
    return "3.png", "8 bits a channel"


def huge(folder):
    """A header that promises 100 megapixels, and no pixels behind it."""
    head = struct.pack(">2I5B", 10_000, 10_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    body = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk
    body += struct.pack(">I", zlib.crc32(chunk)) + struct.pack(">I", 0) + b"IDAT"
    (folder / "square" / "3.png").write_bytes(body + struct.pack(">I", zlib.crc32(b"IDAT")))
    return "3.png has 100 megapixels", "smaller"


def link(folder):
    (folder / "square" / "3.png").unlink()
    (folder / "square" / "3.png").symlink_to("/etc/hostname")
    return "3.png", "symlink"


def linked_folder(folder):
    (folder / "hexagon").symlink_to(folder.parent)
    return "hexagon", "symlink"


def no_utf8(folder):
    name = os.fsdecode(b"caf\xe9.png")
    (folder / "square" / "3.png").rename(folder / "square" / name)
    return r"'square/caf\udce9.png' is no UTF-8", "rename it"


def no_utf8_of_a_class(folder):
    (folder / "square").rename(folder / os.fsdecode(b"carr\xe9"))
    return r"carr\udce9", "rename it"


def no_image(folder):
    (folder / "square" / "3.png").write_text("<html>")
    return "3.png: not a PNG", "replace or remove"


def single(folder):
    for path in (folder / "square").glob("[1-9].png"):
        path.unlink()
    return "square has 1 image", "add some"


def one_class(folder):
    for name in CLASSES[1:]:
        for path in (folder / name).iterdir():
            path.unlink()
        (folder / name).rmdir()
    return "1 classes", "2 to 1,000"


def odd_depth(folder):
    (folder / "square" / "deep").mkdir()
    picture(0).save(folder / "square" / "deep" / "0.png")
    return "several depths", "allowed are"


def only_train(folder):
    (folder / "circle").rename(folder / "train")
    return "only one of train and test", "allowed are"


def neither_train_nor_test(folder):
    for part in ("train", "test"):
        photos(folder / part)
    return "is neither in train nor in test", "allowed are"


def empty(folder):
    for path in folder.rglob("*.png"):
        path.unlink()
    return "has no images", "allowed are"


def split_in_two_depths(folder):
    for part in ("train", "test"):
        photos(folder / part)
    for path in (folder / "test").rglob("*.png"):
        path.rename(folder / "test" / f"{path.parent.name}{path.name}")
    for name in CLASSES:
        shutil.rmtree(folder / name)
        (folder / "test" / name).rmdir()
    return "several depths", "allowed are"


def few(folder):
    for path in folder.rglob("[3-9].png"):
        path.unlink()
    shutil.rmtree(folder / "square")
    return "4 training images, at least 5 are needed", "add some"


BAD = [broken, mixed_sizes, alpha, sixteen_bits, huge, link, linked_folder, no_image, single]
BAD += [one_class, odd_depth, only_train, split_in_two_depths, few]
BAD += [neither_train_nor_test, empty, no_utf8, no_utf8_of_a_class]


@pytest.mark.parametrize("damage", BAD, ids=lambda f: f.__name__)
def test_a_bad_folder_is_refused_in_one_line(damage, tmp_path):
    source = photos(tmp_path / "photos")
    what, remedy = damage(source)
    text = refused(tmp_path, source)
    assert what in text
    assert remedy in text


@pytest.mark.parametrize(("kind", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_sixteen_bits_in_several_channels_are_refused(kind, channels, tmp_path):
    """Pillow opens them as 8 bits. `kind` is the colour type of PNG: RGB, grey with alpha, RGBA."""
    source = photos(tmp_path / "photos")
    parts = {
        b"IHDR": struct.pack(">2I5B", 8, 8, 16, kind, 0, 0, 0),
        b"IDAT": zlib.compress(8 * (b"\0" + b"\xff" * 8 * channels * 2)),
        b"IEND": b"",
    }
    body = b"\x89PNG\r\n\x1a\n"
    for name, part in parts.items():
        body += struct.pack(">I", len(part)) + name + part
        body += struct.pack(">I", zlib.crc32(name + part))
    (source / "square" / "3.png").write_bytes(body)
    text = refused(tmp_path, source)
    assert "3.png has pixels of 16 bits; save it with 8 bits a channel" in text


def test_opaque_alpha_and_palettes_are_taken(tmp_path):
    source = photos(tmp_path / "photos")
    picture(0).convert("RGBA").save(source / "circle" / "0.png")
    picture(1).convert("P").save(source / "circle" / "1.png")
    fetch("folder", tmp_path / "made", str(source))


def test_large_images_need_a_size(tmp_path):
    source = photos(tmp_path / "photos")
    picture(0, (100, 80)).save(source / "circle" / "0.png")
    assert "set data.size" in refused(tmp_path, source)
    fetch("folder", tmp_path / "made", str(source), size=16)


@pytest.mark.parametrize("source", ["auto", "no/such/folder", "http://127.0.0.1/photos"])
def test_no_source(source, tmp_path):
    assert "data.source" in refused(tmp_path, source)


def test_several_processes_give_what_one_gives(tmp_path, monkeypatch):
    source = photos(tmp_path / "photos")
    monkeypatch.setattr(pictures, "TOGETHER", 4)
    monkeypatch.setattr(pictures, "cores", lambda: 2)
    fetch("folder", tmp_path / "several", str(source))
    monkeypatch.setattr(pictures, "cores", lambda: 1)
    fetch("folder", tmp_path / "one", str(source))
    assert raw(tmp_path / "several")[0].tobytes() == raw(tmp_path / "one")[0].tobytes()
    broken(source)
    monkeypatch.setattr(pictures, "cores", lambda: 2)
    assert "3.png" in refused(tmp_path, source)


# .npz and IDX


def arrays(**changed) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    made = {
        "train_images": rng.integers(0, 256, (30, 10, 12, 3), np.uint8),
        "train_labels": (np.arange(30) % 3)[:, None].astype(np.uint8),
        "test_images": rng.integers(0, 256, (9, 10, 12, 3), np.uint8),
        "test_labels": (np.arange(9) % 3)[:, None].astype(np.uint8),
    } | changed
    return {name: value for name, value in made.items() if value is not None}


def npz(path: Path, **changed) -> Path:
    np.savez_compressed(path, **arrays(**changed))
    return path


def test_an_npz_file_with_names_of_its_classes(tmp_path):
    (tmp_path / "classes.txt").write_text("red\ngreen\nblue\n")
    more = {"val_images": np.full((2, 10, 12, 3), 7, np.uint8), "val_labels": np.array([0, 1])}
    fetch("npz", tmp_path / "made", str(npz(tmp_path / "a.npz", **more)))
    of = about(verify(tmp_path / "made"))
    assert (of.image, of.classes) == ((3, 10, 12), ("red", "green", "blue"))
    images, labels, *_ = raw(tmp_path / "made")
    # Its validation images are the last training images.
    assert (images[-2:] == 7).all()
    assert labels[-2:].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"train_images": None}, "has no array train_images"),
        ({"train_images": np.array([{}] * 3, object)}, "Python objects"),
        ({"train_labels": np.array([[1, 0]] * 30)}, "one whole number"),
        ({"train_images": np.zeros((30, 10, 12), np.float32)}, "float32"),
        ({"train_images": np.zeros((30, 10, 12, 4), np.uint8)}, r"\[30, 10, 12, 4\]"),
        ({"train_images": np.zeros((30, 80, 80), np.uint8)}, "set data.size"),
        ({"train_labels": np.arange(12)}, "12 labels of 30 training images"),
        ({"train_labels": np.arange(30) * 0, "test_labels": np.arange(9) * 0}, "1 classes"),
        (
            {
                "train_labels": np.minimum(np.arange(30), 1),
                "test_labels": np.minimum(np.arange(9), 1),
            },
            "class 0 has 1 training image,",
        ),
        ({"train_labels": None}, "training images have no labels"),
        ({"train_labels": np.array(1)}, "one whole number"),
        ({"train_labels": np.full(30, 2**63, np.uint64)}, "holds 9223372036854775808, allowed"),
        ({"val_images": np.zeros((2, 10, 11, 3), np.uint8)}, r"val_images .*\[10, 11, 3\] each"),
        (
            {"test_images": np.zeros((3, 10, 12, 3), np.uint8), "test_labels": np.arange(3)},
            "3 test images, at least 4",
        ),
    ],
    ids=lambda value: str(value)[:30] if isinstance(value, str) else "",
)
def test_a_bad_npz_file_is_refused_in_one_line(changed, says, tmp_path):
    text = refused(tmp_path, npz(tmp_path / "a.npz", **changed), "npz")
    assert re.search(says, text), text


def test_labels_of_two_types_are_whole_numbers(tmp_path):
    """NumPy makes numbers with a point of int64 beside uint64."""
    changed = {
        "train_labels": np.arange(30) % 3,
        "val_images": np.zeros((2, 10, 12, 3), np.uint8),
        "val_labels": np.array([0, 1], np.uint64),
        "test_labels": np.arange(9, dtype=np.uint64) % 3,
    }
    fetch("npz", tmp_path / "made", str(npz(tmp_path / "a.npz", **changed)))
    assert about(verify(tmp_path / "made")).classes == ("0", "1", "2")
    assert raw(tmp_path / "made")[1][-2:].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (b"red\n\ngreen\nred\n", r"line 4 is 'red', as is line 1; .* each once"),
        (b"red\ngr\x00een\nblue", r"line 2 is 'gr\\x00een'; allowed is one printable name"),
        (b"red\ngreen", r"of the training images is 2, but .* 2 classes"),
        (b"r\xe9d\ngreen\nblue", r"can't be read: 'utf-8'"),
    ],
)
def test_names_of_classes_that_are_refused(names, says, tmp_path):
    (tmp_path / "classes.txt").write_bytes(names)
    text = refused(tmp_path, npz(tmp_path / "a.npz"), "npz")
    assert re.search(says, text), text


def test_a_label_below_0_that_has_no_name_is_named(tmp_path):
    (tmp_path / "classes.txt").write_text("red\ngreen\nblue\n")
    source = npz(tmp_path / "a.npz", test_labels=np.array([0, 1, 2, -1, 0, 1, 2, 0, 1]))
    assert "a label of the test images is -1," in refused(tmp_path, source, "npz")


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path):
    (tmp_path / "classes.txt").write_text("red\ngreen\nblue\n", encoding="utf-8-sig")
    fetch("npz", tmp_path / "made", str(npz(tmp_path / "a.npz")))
    assert about(verify(tmp_path / "made")).classes == ("red", "green", "blue")


def test_a_zip_bomb_is_refused_by_its_headers(tmp_path, monkeypatch):
    path = npz(tmp_path / "a.npz")
    monkeypatch.setattr("vaepipe.data.npz.MOST_BYTES", 10_000)
    monkeypatch.setattr("vaepipe.data.npz._array", lambda *a: pytest.fail("was decompressed"))
    assert "GiB of memory" in refused(tmp_path, path, "npz")


def test_an_archive_whose_sizes_lie_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for name, array in arrays().items():
            body = io.BytesIO()
            np.lib.format.write_array(body, array)
            more = b"\0" * 1000 if name == "train_images" else b""
            archive.writestr(f"{name}.npy", body.getvalue() + more)
    assert "header promises" in refused(tmp_path, tmp_path / "a.npz", "npz")
    (tmp_path / "a.npz").write_text("no zip")
    assert "can't be read" in refused(tmp_path, tmp_path / "a.npz", "npz")


def test_idx_files_of_the_user(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    rng = np.random.default_rng(0)
    values = (
        rng.integers(0, 256, (700, 6, 6), np.uint8),
        (np.arange(700) % 300).astype(np.int16),
        rng.integers(0, 256, (4, 6, 6), np.uint8),
        np.arange(4).astype(np.int16),
    )
    for file, array in zip(FILES, values, strict=True):
        (source / f"{file}.gz").write_bytes(gzip.compress(format_idx(array)))
    fetch("idx", tmp_path / "made", str(source))
    of = about(verify(tmp_path / "made"))
    assert len(of.classes) == 300
    assert raw(tmp_path / "made")[1].max() == 299
    for in_order in (np.sort(values[1]), np.sort(values[1])[::-1]):
        (source / f"{FILES[1]}.gz").write_bytes(gzip.compress(format_idx(in_order)))
        text = refused(tmp_path / "x", source, "idx")
        assert f"{FILES[1]}: the images are sorted by class" in text
        assert "shuffle images and labels together" in text
    (source / f"{FILES[1]}.gz").write_bytes(gzip.compress(format_idx(values[1])))
    (source / f"{FILES[3]}.gz").unlink()
    assert "test images have no labels" in refused(tmp_path / "x", source, "idx")


def test_validation_must_leave_images_to_train_on(tmp_path):
    fetch("npz", tmp_path / "made", str(npz(tmp_path / "a.npz")))
    training, validation = dataset.training_images(tmp_path / "made", 10)
    assert (len(training.labels), len(validation.labels)) == (20, 10)
    assert training.pixels.shape == (20, 360)
    assert len(dataset.test_images(tmp_path / "made").labels) == 9
    with pytest.raises(UserError, match=r"train.validation is 30 of 30"):
        dataset.training_images(tmp_path / "made", 30)


def test_own_settings_belong_to_own_images(tmp_path):
    with pytest.raises(UserError, match=r"data.size and data.colour are for your own images"):
        fetch("mnist", tmp_path / "made", size=32)


def test_a_manifest_without_its_images_shape_is_none(tmp_path):
    fetch("npz", tmp_path / "made", str(npz(tmp_path / "a.npz")))
    manifest = json.loads((tmp_path / "made" / MANIFEST).read_text())
    del manifest["files"][FILES[0]]["shape"]
    (tmp_path / "made" / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="not the manifest"):
        verify(tmp_path / "made")


@pytest.mark.parametrize("shape", [(3, 25), (2, 30), (1, 1)])
def test_binarised_pixels_of_any_number(shape):
    rng = torch.Generator().manual_seed(0)
    pixels = torch.full(shape, 255, dtype=torch.uint8)
    pixels[0, 0] = 0
    assert torch.equal(dataset.binarized(pixels, rng), (pixels == 255).float())
    grey = torch.full((1001, 25), 51, dtype=torch.uint8)
    assert abs(dataset.binarized(grey, rng).mean() - 0.2) < 0.01


# EMNIST, QMNIST and USPS, from small archives of the same form


def zipped_emnist() -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for part, n in (("train", 5), ("test", 3)):
            images = np.arange(n * 784, dtype=np.int64).astype(np.uint8).reshape(n, 28, 28)
            labels = np.arange(1, n + 1, dtype=np.uint8)
            for name, array in (("images-idx3", images), ("labels-idx1", labels)):
                packed = gzip.compress(format_idx(array))
                archive.writestr(f"gzip/emnist-letters-{part}-{name}-ubyte.gz", packed)
    return body.getvalue()


def qmnist_files() -> list[bytes]:
    found = []
    for n in (4, 2):
        table = np.tile(np.arange(8, dtype=">i4"), (n, 1))
        table[:, 0] = np.arange(n)
        found.append(gzip.compress(format_idx(np.full((n, 28, 28), n, np.uint8))))
        found.append(gzip.compress(struct.pack(">3I", 0x0C02, n, 8) + table.tobytes()))
    return found


def usps_file(n: int) -> bytes:
    rows = [
        f"{k + 1} " + " ".join(f"{i + 1}:{-1 if i else 1}" for i in range(256)) for k in range(n)
    ]
    return bz2.compress("\n".join(rows).encode())


@pytest.mark.parametrize("name", ["emnist_letters", "qmnist", "usps"])
def test_data_sets_that_torchvision_knows(name, tmp_path, monkeypatch):
    datasets = import_datasets()
    source = tmp_path / "source"
    source.mkdir()
    if name == "emnist_letters":
        bodies, kind = [zipped_emnist()], datasets.EMNIST
        monkeypatch.setattr(kind, "md5", hashlib.md5(bodies[0]).hexdigest())
    elif name == "qmnist":
        bodies, kind = qmnist_files(), datasets.QMNIST
        urls = [one[0] for part in ("train", "test") for one in kind.resources[part]]
        pairs = [(u, hashlib.md5(b).hexdigest()) for u, b in zip(urls, bodies, strict=True)]
        monkeypatch.setattr(kind, "resources", {"train": pairs[:2], "test": pairs[2:]})
    else:
        bodies, kind = [usps_file(4), usps_file(2)], datasets.USPS
        split = {
            part: [kind.split_list[part][0], "", hashlib.md5(body).hexdigest()]
            for part, body in zip(("train", "test"), bodies, strict=True)
        }
        monkeypatch.setattr(kind, "split_list", split)
    names = [url.rpartition("/")[2] for url, _ in named.archives(name, kind)]
    for file, body in zip(names, bodies, strict=True):
        (source / file).write_bytes(body)
    fetch(name, tmp_path / "made", str(source))
    images, labels, _, test_labels = raw(tmp_path / "made")
    assert labels.tolist() == list(range(len(labels)))
    assert test_labels.tolist() == list(range(len(test_labels)))
    if name == "emnist_letters":  # rows and columns are exchanged in the archive
        assert images[0, 0, 1] == 28
    if name == "usps":
        assert images.shape[1:] == (16, 16)
        assert (images[0, 0, 0], images[0, 0, 1]) == (255, 0)
    (source / names[0]).write_bytes(bodies[0] + b"x")
    with pytest.raises(UserError, match=f"{names[0]}: checksum differs"):
        fetch(name, tmp_path / "other", str(source))
