"""How the default recipe was chosen: `python -m benchmarks.recipes [--seeds 0 1 2] [NAME ...]`.

Every recipe of recipes.yaml trains AE, VAE and CVAE with 3 and 20 latents on the training images
without the validation images. The rule: the lowest sum, over these six cells, of the validation
loss (the mean over the seeds, in nats per image), among the recipes with which the classifier
recognises the digit asked for in at least 90 % of the CVAE's images. The test images have no part
in it. Prints a Markdown table, and writes all numbers to results/recipes.json.
"""

import argparse
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from statistics import mean

import torch

from benchmarks import setting
from benchmarks.timing import machine
from vaepipe import params
from vaepipe.core.device import prepare
from vaepipe.core.files import read_yaml, write_json
from vaepipe.core.rng import generator
from vaepipe.data.dataset import training_images
from vaepipe.data.sources import fetch
from vaepipe.evaluation import classifier as classifiers
from vaepipe.evaluation.generation import generated
from vaepipe.models import networks
from vaepipe.results import Run
from vaepipe.training.loop import train

FILE = Path(__file__).with_name("recipes.yaml")
CELLS = tuple(product(("ae", "vae", "cvae"), (3, 20)))
ASKED = 2000  # generated images
# What a recipe may change besides the settings: a constant of the code, as it is without it.
LABEL_SCALE = networks.LABEL_SCALE


def measure(name: str, changes: Mapping[str, object], run: Run) -> dict[str, object]:
    """Train one run by one recipe: validation loss in nats, processor seconds, and for a CVAE the
    share of its images that are recognised as the digit asked for, in per cent.
    """
    changes = dict(changes)
    networks.LABEL_SCALE = changes.pop("label_scale", LABEL_SCALE)
    whole = read_yaml(setting.ROOT / "params.yaml")
    whole["train"] |= changes
    settings = replace(params.check(whole).train, device="cpu", threads=1)
    device = prepare("cpu", 1)
    images = training_images(setting.MNIST, settings.validation)
    before = time.process_time()
    [(model, history)] = train([run], settings, *images, device)
    found = {
        "recipe": name,
        "run": run.name,
        "validation_loss": history[-1]["validation_loss"],
        "seconds": time.process_time() - before,
    }
    if model.conditional:
        found["conditional_accuracy"] = recognised(model)
    return found


@torch.no_grad()
def recognised(model: torch.nn.Module) -> float:
    """Share of generated images that the classifier recognises as the digit asked for, in %."""
    device = torch.device("cpu")
    classifier = classifiers.load(setting.ROOT / "results/classifier.safetensors", device)
    images, digits = generated(model, ASKED, ASKED, generator(0, "recipes"), device)
    return 100 * (classifier.predict(images)[1] == digits).double().mean().item()


def table(found: list[dict], names: list[str]) -> str:
    """A row per recipe: mean loss of each cell, their sum, the CVAE's accuracy, seconds."""
    heads = [f"{model.upper()} {dim}" for model, dim in CELLS]
    heads += ["sum", "digit asked for, 20 latents, %", "seconds a run"]
    lines = ["| recipe | " + " | ".join(heads) + " |", "| --- " * (len(heads) + 1) + "|"]
    for name in names:
        rows = [row for row in found if row["recipe"] == name]
        of = {
            cell: [row for row in rows if row["run"].startswith(f"{cell[0]}-z{cell[1]}-")]
            for cell in CELLS
        }
        losses = [mean(row["validation_loss"] for row in of[cell]) for cell in CELLS]
        accuracy = mean(row["conditional_accuracy"] for row in of["cvae", 20])
        seconds = mean(row["seconds"] for row in rows)
        values = [f"{v:.2f}" for v in (*losses, sum(losses))]
        values += [f"{accuracy:.1f}", f"{seconds:.1f}"]
        lines.append(f"| {name} | " + " | ".join(values) + " |")
    return "\n".join(lines)


def main() -> None:
    recipes = read_yaml(FILE)
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.recipes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(recipes)}")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--processes", type=int, default=2, help="trainings side by side")
    asked = parser.parse_args()
    names = asked.names or [*recipes]
    if unknown := set(names) - set(recipes):
        parser.error(f"no recipe is called {', '.join(unknown)}; there are: {', '.join(recipes)}")
    fetch("mnist", setting.MNIST)
    file = setting.ROOT / "results/classifier.safetensors"
    if not file.exists():
        parser.error(
            "results/classifier.safetensors is missing: snakemake --cores 2 "
            + str(file.relative_to(setting.ROOT))
        )
    jobs = [
        (name, recipes[name], Run(model, dim, seed))
        for name in names
        for seed in asked.seeds
        for model, dim in CELLS
    ]
    found = []
    with ProcessPoolExecutor(asked.processes, get_context("spawn")) as pool:
        for row in pool.map(measure, *zip(*jobs, strict=True)):
            found.append(row)
            print(row, flush=True)
    write_json(setting.ROOT / "results/recipes.json", {"runs": found, "machine": machine()})
    print(table(found, names))


if __name__ == "__main__":
    main()
