"""Trained models in the user's hands: five functions, five commands, and what they say."""

import csv
import sys

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

import vaepipe
from vaepipe import cli
from vaepipe.core.errors import UserError
from vaepipe.core.rng import generator
from vaepipe.data.manifest import DIGITS, About
from vaepipe.models import Architecture, build, weights
from vaepipe.trained.images import prepared, write_grid

MNIST = {
    "data_set": "mnist",
    "files": {"train-images-idx3-ubyte": {"sha256": "", "bytes": 0, "shape": [1, 28, 28]}},
}
COLOUR = {
    "data_set": "folder",
    "classes": ["red", "green"],
    "files": {"train-images-idx3-ubyte": {"sha256": "", "bytes": 0, "shape": [1, 3, 8, 8]}},
}


DIGIT = np.eye(28, dtype=np.uint8) * 255


def clear() -> Image.Image:
    """An image that one sees through."""
    return Image.new("RGBA", (9, 9), (0, 0, 0, 9))


@pytest.fixture
def results(tmp_path):
    """A folder of results with untrained models of digits, and one of colour images."""
    (tmp_path / "models").mkdir()
    for name in ("ae", "vae", "cvae", "gan"):
        save(tmp_path, name, MNIST, "dynamic", Architecture(name, 2, (8,), "silu"))
    shape = Architecture(
        "vae", 2, (8,), "silu", pixels=192, classes=2, image=(3, 8, 8), likelihood="logistic"
    )
    save(tmp_path, "colour", COLOUR, "none", shape)
    return tmp_path


def save(folder, name, data, binarize, architecture) -> None:
    model = build(architecture, generator(0, "initialisation"))
    about = {"run": {"model": architecture.model}, "train": {"binarize": binarize}, "data": data}
    weights.save(folder / "models" / f"{name}.safetensors", model, about)


@pytest.fixture
def photo(tmp_path):
    """A seven in dark ink on light paper, of another size, in colour."""
    image = Image.new("RGB", (120, 160), (235, 228, 220))
    ImageDraw.Draw(image).line([(20, 30), (90, 30), (40, 140)], fill=(30, 30, 60), width=9)
    image.save(tmp_path / "seven.jpg")
    return tmp_path / "seven.jpg"


def run(monkeypatch, *words) -> None:
    monkeypatch.setattr(sys, "argv", ["vaepipe", *map(str, words)])
    cli.main()


def test_images_are_prepared_and_what_was_done_is_said(photo):
    data = About("MNIST", (1, 28, 28), DIGITS, "digit")
    pixels, notes = prepared(photo, data, invert=True)
    image = pixels.reshape(28, 28).astype(float)
    assert "inverted" in notes[0]
    assert image[0].max() == image[:, 0].max() == 0  # black paper
    rows = np.flatnonzero(image.max(1) > 127)
    assert rows[-1] - rows[0] + 1 in (19, 20)
    centre = (image.sum(1) @ np.arange(28)) / image.sum()
    assert abs(centre - 13.5) < 1.5
    _, notes = prepared(photo, data)
    assert [any(word in note for note in notes) for word in ("28 x 28", "grey", "invert it")] == [
        True,
        True,
        True,
    ]
    exact = np.random.default_rng(0).integers(0, 100, (28, 28), np.uint8)
    pixels, notes = prepared(exact, data)
    assert np.array_equal(pixels, exact.reshape(-1))
    assert notes == []


def test_the_functions_do_what_the_model_does(results):
    images = np.random.default_rng(0).integers(0, 90, (3, 28, 28), np.uint8)
    vae = vaepipe.load("vae", results)
    codes = vaepipe.encode(images, vae)
    given, made = vaepipe.reconstruct(images, vae)
    assert set(np.unique(given)) == {0.0, 1.0}  # binarised, as in training
    x = torch.from_numpy(given.reshape(3, 784))
    with torch.no_grad():
        assert np.allclose(codes, vae.model.codes(x, None), atol=1e-6)
        logits = vae.model.decode(torch.from_numpy(codes), None)
    assert np.allclose(made.reshape(3, 784), logits.sigmoid(), atol=1e-6)
    line = vaepipe.interpolate(images[0], images[1], vae, steps=5)
    one, two = (vaepipe.reconstruct([i], vae)[1][0] for i in images[:2])
    # The Bernoulli draw is of the same seed, but not for the second of two images.
    assert np.allclose(line[0], one, atol=1e-6)
    assert line.shape == (5, 28, 28)
    assert np.array_equal(vaepipe.sample(vae, 4, seed=1), vaepipe.sample(vae, 4, seed=1))
    assert not np.array_equal(vaepipe.sample(vae, 4, seed=1), vaepipe.sample(vae, 4, seed=2))
    assert not np.allclose(one, two)


def test_scores_bound_the_nll_and_more_samples_bring_them_closer(results):
    images = np.random.default_rng(0).integers(0, 90, (20, 28, 28), np.uint8)
    few, many = (vaepipe.score(images, "vae", samples=k, results=results) for k in (1, 200))
    assert many.mean() < few.mean()
    given = vaepipe.score(images, "cvae", label=3, results=results)
    free = vaepipe.score(images, "cvae", results=results)
    assert given.shape == free.shape == (20,)
    # p(x) is a mean over ten labels, so it is at least a tenth of p(x|y).
    assert (free <= given + np.log(10) + 1).all()


def test_colour_images(results):
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)
    given, made = vaepipe.reconstruct(images, "colour", results=results)
    assert np.array_equal(np.round(given * 255).astype(np.uint8), images)
    assert made.shape == (2, 8, 8, 3)
    assert np.isfinite(vaepipe.score(images, "colour", results=results)).all()
    with pytest.raises(UserError, match="no ink"):
        vaepipe.encode(images, "colour", results=results, invert=True)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda r: vaepipe.load("nothing", r), "no run 'nothing'.*ae, colour, cvae, gan, vae"),
        (lambda r: vaepipe.sample("vae", label=3, results=r), "no label"),
        (lambda r: vaepipe.sample("cvae", label="ten", results=r), "'ten' is unknown"),
        (
            lambda r: vaepipe.encode([np.zeros((9, 9), np.uint8)], "cvae", results=r, notes=[]),
            "name one of",
        ),
        (lambda r: vaepipe.encode([np.zeros((9, 9))], "vae", results=r), "float64"),
        (lambda r: vaepipe.encode([np.zeros((9, 9, 4), np.uint8)], "vae", results=r), "9, 9, 4"),
        (lambda r: vaepipe.encode([np.zeros((9, 9, 1), np.uint8)], "vae", results=r), "9, 9, 1"),
        (
            lambda r: vaepipe.encode([DIGIT, np.zeros((9, 9))], "vae", results=r, notes=[]),
            r"^images\[1\] is an array of float64",
        ),
        (lambda r: vaepipe.encode([clear()], "vae", results=r), r"images\[0\] is transparent"),
        (
            lambda r: vaepipe.encode([Image.new("I;16", (9, 9))], "vae", results=r),
            r"images\[0\] has pixels of mode I;16",
        ),
        (lambda r: vaepipe.score([], "vae", results=r, samples=0), "0 samples .* 1 to 1,000,000"),
        (lambda r: vaepipe.encode([], "vae", results=str(r)), "no image"),
        (lambda r: vaepipe.encode([], "vae", results=r), "no image"),
        (lambda r: vaepipe.encode(["no.png"], "vae", results=r), "no.png"),
        (lambda r: vaepipe.score([np.zeros((9, 9), np.uint8)], "ae", results=r), "no likelihood"),
        (lambda r: vaepipe.encode(["no.png"], "gan", results=r), "GAN, which has no encoder"),
        (lambda r: vaepipe.reconstruct(["no.png"], "gan", results=r), "it can sample"),
        (lambda r: vaepipe.interpolate("a", "b", "gan", results=r), "no codes"),
        (lambda r: vaepipe.score([], "gan", results=r), "a GAN, which has no likelihood"),
        (lambda r: vaepipe.sample("vae", 0, results=r), "1 to 100,000"),
        (lambda r: vaepipe.interpolate("a", "b", "vae", steps=1, results=r), "2 to 1,000"),
        (
            lambda r: vaepipe.encode([DIGIT, DIGIT * 0], "vae", results=r, notes=[], invert=True),
            r"images\[1\] is of one colour",
        ),
    ],
)
def test_what_is_refused(call, says, results):
    with pytest.raises(UserError, match=says):
        call(results)


@pytest.mark.parametrize(
    ("metadata", "says"),
    [({"failed": "loss is NaN"}, "training of x failed: loss is NaN"), ({}, "do not say which")],
)
def test_weights_that_are_of_no_use_are_refused(metadata, says, tmp_path):
    model = build(Architecture("vae", 2, (4,), "silu"), generator(0, "initialisation"))
    weights.save(tmp_path / "models/x.safetensors", model, metadata)
    with pytest.raises(UserError, match=says):
        vaepipe.load("x", tmp_path)


def test_the_commands(results, photo, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    of = ("--results", results, "--run")
    run(monkeypatch, "encode", photo, photo, "--invert", *of, "vae")
    rows = list(csv.reader((tmp_path / "codes.csv").read_text().splitlines()))
    assert rows[0] == ["image", "z1", "z2"]
    assert len(rows) == 3
    assert "inverted" in capsys.readouterr().err
    run(monkeypatch, "reconstruct", photo, "--invert", *of, "ae", "--out", "r.png")
    run(monkeypatch, "sample", "--n", "9", "--label", "3", *of, "cvae", "--out", "s.png")
    run(monkeypatch, "interpolate", photo, photo, *of, "vae", "--invert", "--out", "i.png")
    run(monkeypatch, "score", photo, "--invert", *of, "vae", "--out", "n.csv", "--samples", "5")
    assert float((tmp_path / "n.csv").read_text().split(",")[-1]) > 0
    assert Image.open("i.png").size == (4 * (10 * 29 - 1), 4 * 28)  # readable on a screen
    with pytest.raises(SystemExit, match=r"vaepipe: s\.jpg: allowed is a name that ends in \.png"):
        run(monkeypatch, "sample", *of, "vae", "--out", "s.jpg")


def test_a_blank_file_is_named(results, photo, tmp_path):
    Image.new("RGB", (9, 9), "white").save(tmp_path / "blank.png")
    with pytest.raises(UserError, match=r"blank\.png is of one colour"):
        vaepipe.encode([photo, tmp_path / "blank.png"], "vae", results=results, invert=True)


def test_a_grid_shows_ink_as_dark_and_photographs_as_they_are(tmp_path):
    ink = About("", (1, 4, 4), (), "")
    photos = About("", (3, 4, 4), (), "", ink=False)
    write_grid(tmp_path / "i.png", np.ones((2, 4, 4)), 2, ink)
    write_grid(tmp_path / "p.png", np.ones((2, 4, 4, 3)) * [1, 0, 0], 2, photos)
    assert Image.open(tmp_path / "i.png").getpixel((0, 0)) == 0
    assert Image.open(tmp_path / "p.png").getpixel((0, 0)) == (255, 0, 0)
