"""The commands `vaepipe encode`, `reconstruct`, `sample`, `interpolate` and `score`."""

import argparse
import csv
import io
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

# What takes long to import is imported by a command that runs.


def _say(images: Sequence[Path], notes: list[list[str]], binarize: str) -> None:
    """Say what was done to each image, on stderr."""
    for path, some in zip(images, notes, strict=True):
        done = "; ".join(some) or "taken as it is"
        more = "; binarised" if binarize == "dynamic" else ""
        print(f"vaepipe: {path}: {done}{more}", file=sys.stderr)


def _write_csv(path: Path, rows: list[list]) -> None:
    from vaepipe.core.files import write_text

    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_text(path, text.getvalue())
    print(f"{path}: {len(rows) - 1} rows")


def _options(flags: argparse.Namespace) -> dict:
    return {"label": flags.label, "invert": flags.invert, "seed": flags.seed}


def encode(flags: argparse.Namespace) -> None:
    """Write the codes of images as CSV, a row for each image."""
    from vaepipe.trained import actions
    from vaepipe.trained.model import load

    trained, notes = load(flags.model, flags.results), []
    codes = actions.encode(flags.images, trained, notes=notes, **_options(flags))
    _say(flags.images, notes, trained.binarize)
    header = ["image", *(f"z{k}" for k in range(1, codes.shape[1] + 1))]
    rows = [[path, *map(float, row)] for path, row in zip(flags.images, codes, strict=True)]
    _write_csv(flags.out, [header, *rows])


def reconstruct(flags: argparse.Namespace) -> None:
    """Draw images and, below them, what the model makes of their codes."""
    import numpy as np

    from vaepipe.trained import actions
    from vaepipe.trained.images import write_grid
    from vaepipe.trained.model import load

    trained, notes = load(flags.model, flags.results), []
    given, made = actions.reconstruct(flags.images, trained, notes=notes, **_options(flags))
    _say(flags.images, notes, trained.binarize)
    write_grid(flags.out, np.concatenate([given, made]), len(given), trained.data)
    print(f"{flags.out}: above the images as {trained.name} was given them, below reconstructed")


def sample(flags: argparse.Namespace) -> None:
    """Draw images decoded from the model's prior."""
    from vaepipe.trained import actions
    from vaepipe.trained.images import write_grid
    from vaepipe.trained.model import load

    trained = load(flags.model, flags.results)
    images = actions.sample(trained, flags.n, label=flags.label, seed=flags.seed)
    write_grid(flags.out, images, max(1, round(len(images) ** 0.5)), trained.data)
    has_prior = trained.model.variational or trained.model.adversarial
    prior = "" if has_prior else "; an AE has no prior, these are from N(0, I)"
    print(f"{flags.out}: {len(images)} samples of {trained.name}{prior}")


def interpolate(flags: argparse.Namespace) -> None:
    """Draw the images on the line between the codes of two images."""
    from vaepipe.trained import actions
    from vaepipe.trained.images import write_grid
    from vaepipe.trained.model import load

    trained, notes = load(flags.model, flags.results), []
    images = actions.interpolate(
        *flags.images, trained, steps=flags.steps, notes=notes, **_options(flags)
    )
    _say(flags.images, notes, trained.binarize)
    write_grid(flags.out, images, len(images), trained.data)
    print(f"{flags.out}: {len(images)} images from {flags.images[0]} to {flags.images[1]}")


def score(flags: argparse.Namespace) -> None:
    """Bound the negative log-likelihood of each image: which are unusual."""
    from vaepipe.trained import actions
    from vaepipe.trained.model import load

    trained, notes = load(flags.model, flags.results), []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        found = actions.score(
            flags.images, trained, samples=flags.samples, notes=notes, **_options(flags)
        )
    for warning in caught:
        print(f"vaepipe: {warning.message}", file=sys.stderr)
    _say(flags.images, notes, trained.binarize)
    ranked = sorted(zip(found.tolist(), flags.images, strict=True), reverse=True)
    width = max(len(str(path)) for path in flags.images)
    print(f"{'image':<{width}}  NLL bound, nats (most unusual first)")
    for value, path in ranked:
        print(f"{path!s:<{width}}  {value:.2f}")
    if flags.out:
        rows = [[path, value] for path, value in zip(flags.images, found.tolist(), strict=True)]
        _write_csv(flags.out, [["image", "nll"], *rows])


EXAMPLES = {
    encode: ["vaepipe encode mine/*.png --run vae-z20-s0 --out codes.csv"],
    reconstruct: ["vaepipe reconstruct photo.jpg --invert --out grid.png"],
    sample: ["vaepipe sample --run cvae-z20-s0 --label 3 --n 64 --out grid.png"],
    interpolate: ["vaepipe interpolate a.png b.png --out grid.png"],
    score: ["vaepipe score mine/*.png --run models:/vaepipe-vae@champion"],
}


def add(command) -> None:
    """Add the five commands; `command` makes a parser of one of the functions above."""
    for run in (encode, reconstruct, sample, interpolate, score):
        parser: argparse.ArgumentParser = command(run)
        if run is not sample:
            two = {"nargs": 2, "metavar": "IMAGE"} if run is interpolate else {"nargs": "+"}
            parser.add_argument(
                "images", type=Path, help="PNG, JPEG, BMP or WebP files of any size", **two
            )
            parser.add_argument(
                "--invert",
                action="store_true",
                help="dark ink on light paper, for a model of bright ink on black",
            )
        parser.add_argument(
            "--run",
            dest="model",
            metavar="MODEL",
            default="vae-z20-s0",
            help="a run, a file of weights, or models:/vaepipe-vae@champion (default: %(default)s)",
        )
        parser.add_argument("--label", help="for a CVAE: name or number of a class")
        parser.add_argument("--seed", type=int, default=0, help="of the random numbers")
        parser.add_argument(
            "--results",
            type=Path,
            default=Path("results"),
            help="folder of the results (default: %(default)s)",
        )
        files = {encode: "codes.csv", score: None}
        parser.add_argument(
            "--out",
            type=Path,
            default=Path(name) if (name := files.get(run, "grid.png")) else None,
            help="where it is written" + (" (default: %(default)s)" if name else ", as CSV"),
        )
        if run is sample:
            parser.add_argument(
                "--n", type=int, default=64, help="how many images (default: %(default)s)"
            )
        if run is interpolate:
            parser.add_argument(
                "--steps", type=int, default=10, help="how many images (default: %(default)s)"
            )
        if run is score:
            parser.add_argument(
                "--samples",
                type=int,
                default=100,
                help="latent samples per image (default: %(default)s)",
            )
