"""Likelihood against training time: `python -m benchmarks.frontier [--seeds 0 1 2] [NAME ...]`.

Every point of frontier.yaml is a VAE trained on one thread on the training images without the
validation images, and measured once on all test images: -ELBO, and NLL by the importance-weighted
bound with K = 1,000. Training, whose processor seconds count, is on the processor; the bound, which
takes longer, is measured on a GPU where there is one. Weights stay in results/frontier/, so that
the two can be done apart. What is measured is added to docs/frontier.json; the table of
docs/literature.md, docs/images/frontier.png and frontier-samples.png are made anew from it.
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import torch

from benchmarks import page, setting
from benchmarks.timing import machine
from vaepipe import params
from vaepipe.core.device import prepare
from vaepipe.core.errors import UserError, exit_on_user_error
from vaepipe.core.files import read_json, read_yaml, write_json, write_text
from vaepipe.core.rng import generator
from vaepipe.data.dataset import as_input, test_images, training_images
from vaepipe.data.sources import fetch
from vaepipe.evaluation.likelihood import likelihood_metrics
from vaepipe.models import weights
from vaepipe.results import Run
from vaepipe.training.loop import train

FILE = Path(__file__).with_name("frontier.yaml")
SOURCE = setting.ROOT / "docs" / "frontier.json"
PAGE = setting.ROOT / "docs" / "literature.md"
PLOT = setting.ROOT / "docs" / "images" / "frontier.png"
SAMPLED = setting.ROOT / "docs" / "images" / "frontier-samples.png"
WEIGHTS = setting.ROOT / "results" / "frontier"
SAMPLES = 1000
DRAWN = ("conv-12", "autoregressive-4", "autoregressive-20")  # in the figure of samples
IMAGES = 14  # of each of its rows


def train_point(name: str, point: Mapping[str, object], seed: int, path: Path) -> None:
    """Train one VAE on one thread, and write its weights with what training took.

    A training that is there already is left as it is.
    """
    if path.exists():
        return
    whole = read_yaml(setting.ROOT / "params.yaml")
    whole["train"] |= point["train"]
    how = replace(params.check(whole).train, device="cpu", threads=1)
    device = prepare("cpu", 1)
    images = training_images(setting.MNIST, how.validation)
    rows = []
    begin = time.process_time()

    def told(row: list[dict]) -> None:
        rows.append(row[0])
        print(f"{name} seed {seed}: {row[0]['epoch']} of {how.epochs} epochs, validation"
              f" {row[0]['validation_loss']:.2f} nats, {time.process_time() - begin:.0f} s",
              flush=True)  # fmt: skip

    run = Run("vae", point["latent_dim"], seed)
    [(model, _)] = train([run], how, *images, device, on_epoch=told)
    cost = {
        "epochs": how.epochs,
        "seconds": round(time.process_time() - begin, 1),
        "validation": round(rows[-1]["validation_loss"], 3),
        "machine": machine(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    weights.save(path, model, {"cost": cost, "train": point["train"]})


def measure(
    name: str,
    point: Mapping[str, object],
    seed: int,
    path: Path,
    samples: int,
    where: str,
    chunk: int,
) -> dict[str, object]:
    """Measure a trained VAE on a device: test -ELBO, rate and NLL, nats; and what training took.

    Args:
        chunk: decoded images in memory at once.

    Raises:
        UserError: the weights are of other settings than the point's.
    """
    model, metadata = weights.load(path)
    if metadata["train"] != point["train"]:
        raise UserError(f"{path} was trained with other settings: delete it, or name another --to")
    settings = params.check(read_yaml(setting.ROOT / "params.yaml")).evaluate
    device = prepare(where, 1)
    test = test_images(setting.MNIST)
    x = as_input(test.pixels, "dynamic", generator(settings.seed, "evaluation")).to(device)
    asked = replace(settings, importance_samples=samples, chunk=chunk)
    with torch.no_grad():
        found = likelihood_metrics(
            model.to(device), x, test.labels.to(device), asked, generator(0, "frontier", device)
        )
    return {
        "name": name,
        "family": point["family"],
        "seed": seed,
        **metadata["cost"],
        "neg_elbo": round(found["neg_elbo"].mean().item(), 3),
        "rate": round(found["rate"].mean().item(), 3),
        "nll": round(found["nll"].mean().item(), 3),
        "samples": samples,
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


@torch.no_grad()
def draw_samples(names: Sequence[str], folder: Path, to: Path) -> None:
    """Test images with each pixel drawn, and draws from p(z) p(x|z) of some points' seed 0.

    Pixels of 0 and 1 all, also of models whose pixels are independent given z, which elsewhere are
    shown as means.
    """
    from vaepipe.figures.style import image_rows

    test = test_images(setting.MNIST).first(IMAGES)
    rows = {"test images": as_input(test.pixels, "dynamic", generator(0, "evaluation"))}
    for name in names:
        model, _ = weights.load(folder / f"{name}-s0.safetensors")
        rng = generator(0, "samples")
        z = model.prior.from_normal(
            torch.randn(IMAGES, model.architecture.latent_dim, generator=rng)
        )
        kind, _, epochs = name.rpartition("-")
        images = model.images(z, test.labels).bernoulli(generator=rng)
        rows[f"{kind},\n{epochs} epochs"] = images
    image_rows(rows).savefig(to, dpi=150, bbox_inches="tight")


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
    parser.add_argument("--to", type=Path, default=WEIGHTS, help="folder of the weights")
    parser.add_argument("--train-only", action="store_true", help="measure nothing yet")
    parser.add_argument(
        "--device", default="auto", help="where the NLL is measured: auto, cuda, cpu"
    )
    parser.add_argument(
        "--chunk", type=int, default=1000, help="decoded images in memory at once; more on a GPU"
    )
    asked = parser.parse_args()
    names = asked.names or [*points]
    if unknown := set(names) - set(points):
        parser.error(f"no point is called {', '.join(unknown)}; there are: {', '.join(points)}")
    fetch("mnist", setting.MNIST)
    jobs = [(n, points[n], seed, asked.to / f"{n}-s{seed}.safetensors") for seed in asked.seeds
            for n in names]  # fmt: skip
    with ProcessPoolExecutor(asked.processes, get_context("spawn")) as pool:
        list(pool.map(train_point, *zip(*jobs, strict=True)))
    if asked.train_only:
        return
    for job in jobs:
        row = measure(*job, asked.samples, asked.device, asked.chunk)
        print({key: value for key, value in row.items() if key != "machine"}, flush=True)
        keep(row)
    render()
    # The weights of all points that the figure shows are there after a whole run alone.
    if all((asked.to / f"{name}-s0.safetensors").exists() for name in DRAWN):
        draw_samples(DRAWN, asked.to, SAMPLED)


if __name__ == "__main__":
    with exit_on_user_error():
        main()
