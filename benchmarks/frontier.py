"""Likelihood against training time: `python -m benchmarks.frontier [--seeds 0 1 2] [NAME ...]`.

Every point of frontier.yaml is a VAE trained on one thread on the training images without the
validation images, and measured once on all test images: -ELBO, and NLL by the importance-weighted
bound with K = 1,000. What is measured is added to docs/frontier.json; the table of
docs/literature.md and docs/images/frontier.png are made anew from it.
"""

import argparse
import math
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import torch

from benchmarks import page, setting
from benchmarks.timing import machine
from vaepipe import params
from vaepipe.core.device import prepare
from vaepipe.core.files import read_json, read_yaml, write_json, write_text
from vaepipe.core.rng import generator
from vaepipe.data.dataset import as_input, test_images, training_images
from vaepipe.data.sources import fetch
from vaepipe.evaluation.likelihood import likelihood_metrics
from vaepipe.results import Run
from vaepipe.training import checkpoint
from vaepipe.training.loop import train

FILE = Path(__file__).with_name("frontier.yaml")
SOURCE = setting.ROOT / "docs" / "frontier.json"
PAGE = setting.ROOT / "docs" / "literature.md"
PLOT = setting.ROOT / "docs" / "images" / "frontier.png"
SAMPLES = 1000


def measure(name: str, point: Mapping[str, object], seed: int, samples: int) -> dict[str, object]:
    """Train and measure one VAE: processor seconds, validation -ELBO, test -ELBO and NLL, nats."""
    whole = read_yaml(setting.ROOT / "params.yaml")
    whole["train"] |= point["train"]
    settings = params.check(whole)
    how = replace(settings.train, device="cpu", threads=1)
    device = prepare("cpu", 1)
    images = training_images(setting.MNIST, how.validation)
    saved = checkpoint.Checkpoint(Path("none"), "frontier")
    saved.written = math.inf  # no checkpoints
    run = Run("vae", point["latent_dim"], seed)
    rows = []
    begin = time.process_time()

    def told(row: list[dict]) -> None:
        rows.append(row[0])
        print(f"{name} seed {seed}: {row[0]['epoch']} of {how.epochs} epochs, validation"
              f" {row[0]['validation_loss']:.2f} nats, {time.process_time() - begin:.0f} s",
              flush=True)  # fmt: skip

    [(model, _)] = train([run], how, *images, device, saved, told)
    seconds = time.process_time() - begin
    test = test_images(setting.MNIST)
    x = as_input(test.pixels, "dynamic", generator(settings.evaluate.seed, "evaluation"))
    asked = replace(settings.evaluate, importance_samples=samples)
    with torch.no_grad():
        found = likelihood_metrics(model, x, test.labels, asked, generator(0, "frontier"))
    return {
        "name": name,
        "family": point["family"],
        "seed": seed,
        "epochs": how.epochs,
        "seconds": round(seconds, 1),
        "validation": round(rows[-1]["validation_loss"], 3),
        "neg_elbo": round(found["neg_elbo"].mean().item(), 3),
        "nll": round(found["nll"].mean().item(), 3),
        "samples": samples,
        "machine": machine(),
    }


def keep(row: dict[str, object]) -> None:
    """Add one measurement to docs/frontier.json; an older one of the same name and seed goes."""
    kept = read_json(SOURCE)["runs"] if SOURCE.exists() else []
    kept = [old for old in kept if (old["name"], old["seed"]) != (row["name"], row["seed"])]
    write_json(SOURCE, {"runs": [*kept, row]})


def render() -> None:
    """The table and the plot, from docs/frontier.json."""
    from benchmarks.plot import frontier

    runs = read_json(SOURCE)["runs"]
    text = PAGE.read_text(encoding="utf-8")
    write_text(PAGE, page.rendered(text, {"frontier": {"runs": runs}}))
    frontier(runs, PLOT)


def main() -> None:
    points = read_yaml(FILE)
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.frontier",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(points)}")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--processes", type=int, default=1, help="trainings side by side")
    parser.add_argument("--samples", type=int, default=SAMPLES, help="K of the NLL")
    asked = parser.parse_args()
    names = asked.names or [*points]
    if unknown := set(names) - set(points):
        parser.error(f"no point is called {', '.join(unknown)}; there are: {', '.join(points)}")
    fetch("mnist", setting.MNIST)
    jobs = [(n, points[n], seed, asked.samples) for seed in asked.seeds for n in names]
    with ProcessPoolExecutor(asked.processes, get_context("spawn")) as pool:
        for row in pool.map(measure, *zip(*jobs, strict=True)):
            print({key: value for key, value in row.items() if key != "machine"}, flush=True)
            keep(row)
    render()


if __name__ == "__main__":
    main()
