"""Training on a GPU: 100 epochs of the default VAE, five seeds against one, Burda's protocol.

    python -m benchmarks.gpu [--device cpu]

Wall seconds, because the device works beside the processor, synchronised at both ends; after a
short training of the same kind, so that start-up (the device's own, compiling, and recording the
graph) is left out. Of the VAE's 100 epochs, which take the same time each, 10 are measured; one
seed and five, with `train.compiler` none and inductor, take turns. Of Burda's protocol
(784-200-200-50, batch 20, 3,280 epochs of 2,980 steps) all epochs but the first of two are
measured, and the whole is extrapolated from their rate. The floor of a step is the time of its
matrix products alone, recorded as one CUDA graph. Every measurement is printed as it is made.

Needs nothing beyond PyTorch, NumPy, PyYAML and safetensors; without a C++ compiler nothing is
measured compiled. With `--device cpu` it runs a little of everything and keeps nothing: to see that
it works.
"""

import argparse
import io
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from benchmarks import page, setting
from benchmarks.floor import step_products
from benchmarks.timing import in_turns, ratios, spread
from vaepipe.core.errors import UserError
from vaepipe.data.dataset import Images, training_images
from vaepipe.params import Train

SEEDS = tuple(range(5))
TURNS = 3
EPOCHS, MEASURED = 100, 10
BURDA_EPOCHS = 3280
BURDA_LATENTS = 50
GOALS = {"epochs_100": 5.0, "five_seeds": 1.5, "burda_minutes": 20.0}


def waited(settings: Train) -> float:
    """The time in seconds, once the device has finished its work."""
    if settings.device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


class Data(NamedTuple):
    """Training and validation images."""

    training: Images
    validation: Images


def ends_of_epochs(settings: Train, data: Data, latents: int, seeds: Sequence[int]) -> list[float]:
    """When each epoch of a training of these seeds ended."""
    ends: list[float] = []
    setting.trained(
        settings,
        data.training,
        seeds,
        latents,
        data.validation,
        on_epoch=lambda rows: ends.append(waited(settings)),
        checkpoints=False,
    )
    return ends


def seconds_of_training(settings: Train, data: Data, seeds: Sequence[int]) -> float:
    """Wall seconds of `EPOCHS` epochs, from the end of the first epoch of a shorter training on."""
    ends = ends_of_epochs(settings, data, setting.LATENTS, seeds)
    return (ends[-1] - ends[0]) * EPOCHS / (settings.epochs - 1)


def steps_per_second(settings: Train, data: Data, seeds: Sequence[int]) -> float:
    """Steps a second, each a step of all seeds, from the end of the first epoch on."""
    ends = ends_of_epochs(settings, data, BURDA_LATENTS, seeds)
    steps = math.ceil(len(data.training.labels) / settings.batch_size) * (settings.epochs - 1)
    return steps / (ends[-1] - ends[0])


def products_per_second(settings: Train, latents: int) -> float:
    """Steps a second of the bare matrix products of one seed, recorded as a CUDA graph."""
    widths = [setting.PIXELS, *settings.hidden]
    with torch.device(settings.device):
        once = step_products(
            [*widths, 2 * latents], [latents, *reversed(widths)], settings.batch_size, torch.float32
        )
    replay: Callable[[], None] = once
    if settings.device == "cuda":
        graph = torch.cuda.CUDAGraph()
        once()
        torch.cuda.synchronize()
        with torch.cuda.graph(graph):
            once()
        replay = graph.replay
    calls = 1000
    begun = waited(settings)
    for _ in range(calls):
        replay()
    return calls / (waited(settings) - begun)


def told(name: str, measure: Callable[[], float]) -> Callable[[], float]:
    """The measurement, whose value is also printed: a run that is cut off leaves what it found.

    Steps that were not recorded as a graph are not what the table is about.
    """

    def measured() -> float:
        with redirect_stderr(io.StringIO()) as said:
            value = measure()
        print(f"{name}: {value:.5g}", said.getvalue().strip(), file=sys.stderr, flush=True)
        if "without a CUDA graph" in said.getvalue():
            raise SystemExit(f"not measured: {name} was trained without a CUDA graph")
        return value

    return measured


def row(what: str, measured: dict, goal: str, met: bool | None) -> dict[str, object]:
    """A row of the table."""
    return {"what": what, "measured": measured, "goal": goal, "met": met}


def measure(
    default_data: Data,
    burda_data: Data,
    device: str = "cuda",
    epochs: int = MEASURED,
    burda_epochs: int = 2,
) -> dict[str, object]:
    """Rows of the table, and what they were measured with."""
    default = setting.settings_of(device=device, epochs=epochs)
    burda = setting.settings_of("../params/burda", device=device, epochs=burda_epochs)
    ways = {"": "none", ", compiled": "inductor"}
    work: dict[str, Callable[[], float]] = {
        "default floor": lambda: products_per_second(default, setting.LATENTS),
        "burda floor": lambda: products_per_second(burda, BURDA_LATENTS),
    }
    for way, compiler in list(ways.items()):
        once, long = (replace(one, compiler=compiler) for one in (default, burda))
        try:
            seconds_of_training(replace(once, epochs=2), default_data, SEEDS[:1])
        except UserError as error:
            print(f"not measured{way}: {error}", file=sys.stderr)
            del ways[way]
            continue
        for name, seeds in {"one": SEEDS[:1], "five": SEEDS}.items():
            work[f"default {name}{way}"] = partial(seconds_of_training, once, default_data, seeds)
            work[f"burda {name}{way}"] = partial(steps_per_second, long, burda_data, seeds)
    found = in_turns({name: told(name, one) for name, one in work.items()}, TURNS)

    default_steps = EPOCHS * math.ceil(len(default_data.training.labels) / default.batch_size)
    steps = BURDA_EPOCHS * math.ceil(len(burda_data.training.labels) / burda.batch_size)
    rows = []
    for way in ways:
        one, five = found[f"default one{way}"], found[f"default five{way}"]
        minutes = [steps / rate / 60 for rate in found[f"burda five{way}"]]
        rows += [
            row(
                f"{EPOCHS} epochs of the default VAE{way}, seconds",
                spread(one),
                f"under {GOALS['epochs_100']:g}",
                statistics.median(one) < GOALS["epochs_100"],
            ),
            row(
                f"five seeds at once{way}, one = 1",
                spread(ratios(five, one)),
                f"under {GOALS['five_seeds']:g}",
                statistics.median(ratios(five, one)) < GOALS["five_seeds"],
            ),
            row(
                f"Burda's protocol{way}, steps/s, one seed",
                spread(found[f"burda one{way}"]),
                "",
                None,
            ),
            row(f"the same, five seeds at once{way}", spread(found[f"burda five{way}"]), "", None),
            row(
                f"all {steps:,} steps for five seeds{way}, minutes",
                spread(minutes),
                f"under {GOALS['burda_minutes']:g}",
                statistics.median(minutes) < GOALS["burda_minutes"],
            ),
        ]
    rows += [
        row(
            f"matrix products alone of one seed, {EPOCHS} epochs of the default VAE, seconds",
            spread([default_steps / rate for rate in found["default floor"]]),
            "",
            None,
        ),
        row("the same of Burda's protocol, steps/s", spread(found["burda floor"]), "", None),
    ]
    name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    return {"rows": rows, "device": name, "torch": torch.__version__, "cuda": torch.version.cuda}


def data_of(folder: Path) -> tuple[Data, Data]:
    """Training and validation images of the default and of Burda's protocol."""
    each = setting.settings_of(), setting.settings_of("../params/burda")
    default, burda = (Data(*training_images(folder, one.validation)) for one in each)
    return default, burda


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--data", type=Path, default=setting.MNIST, help="folder of the data set")
    parser.add_argument("--out", type=Path, help="write the JSON there and not into the page")
    flags = parser.parse_args()
    if flags.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("not measured: there is no CUDA device")
    data = data_of(flags.data)
    if flags.device == "cpu":
        few = Data(*(images.first(400) for images in data[0]))
        print(json.dumps(measure(few, few, "cpu", epochs=3), indent=1))
    elif flags.out:
        flags.out.write_text(json.dumps(measure(*data), indent=1) + "\n")
    else:
        page.record("gpu", measure(*data))


if __name__ == "__main__":
    main()
