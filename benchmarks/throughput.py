"""Images per second in training, and the step against its matrix products.

The same net (784-400-20), batch (128), optimiser (Adam) and grey pixels for all; one thread; data
in memory, no validation, no checkpoints. Measured is the processor time of the second epoch of
25,600 images: of this project's `train`, of a DataLoader loop in the manner of the usual examples,
and of pythae's trainer. The floor does the products of as many steps.
"""

import time

import torch

from benchmarks import peer, setting
from benchmarks.example import Loop
from benchmarks.floor import step_products
from benchmarks.setting import BATCH, HIDDEN, LATENTS, PIXELS, PRECISIONS
from benchmarks.timing import in_turns, own_process, processor_seconds, ratios, spread
from vaepipe.data.dataset import Images
from vaepipe.params import Train

STEPS = 200
TURNS = 7
GOALS = {"example": 3.0, "pythae": 1.5, "floor": 1.3}


def own_epoch(settings: Train, training: Images) -> float:
    """Processor seconds of `train` from the end of the first epoch to that of the second."""
    ends: list[float] = []
    setting.trained(
        settings,
        training,
        on_epoch=lambda rows: ends.append(time.process_time()),
        checkpoints=False,
    )
    return ends[1] - ends[0]


def products_of(precision: str) -> float:
    """Processor seconds of the bare products of all steps."""
    widths = [PIXELS, HIDDEN, 2 * LATENTS], [LATENTS, HIDDEN, PIXELS]
    once = step_products(*widths, BATCH, getattr(torch, precision))
    return processor_seconds(lambda: [once() for _ in range(STEPS)])


def measure(training: Images, turns: int = TURNS) -> dict[str, object]:
    """Images per second of each contender, milliseconds of a step, and the ratios of the goals."""
    images = training.first(STEPS * BATCH)
    loop = Loop(images)
    contenders = {
        "example": lambda: processor_seconds(loop.epoch),
        "pythae": lambda: peer.epoch_seconds(images),
    }
    with own_process() as own:
        for name in PRECISIONS:
            settings = setting.settings_of("example", epochs=2, precision=name)
            contenders[f"vaepipe {name}"] = lambda s=settings: own(own_epoch, s, images)
            contenders[f"floor {name}"] = lambda p=name: own(products_of, p)
        seconds = in_turns(contenders, turns)

    found: dict[str, object] = {
        "images_per_second": {
            name: spread(len(images.labels) / s for s in each) for name, each in seconds.items()
        },
        "step_ms": {name: spread(1e3 * s / STEPS for s in each) for name, each in seconds.items()},
        "goals": GOALS,
    }
    for name in PRECISIONS:
        ours, floor = seconds[f"vaepipe {name}"], seconds[f"floor {name}"]
        found[f"ratios {name}"] = {
            "example": spread(ratios(seconds["example"], ours)),
            "pythae": spread(ratios(seconds["pythae"], ours)),
            "floor": spread(ratios(ours, floor)),
        }
    return found
