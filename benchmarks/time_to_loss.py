"""Time to the test loss that the usual example's loop reaches after 10 epochs.

Both train the same net (784-400-20) on all 60,000 training images, grey, with one thread. The loop
runs once for 10 epochs; its test loss then (-ELBO with one z per image, in nats) is the target.
This project trains with its recipe (recipe.yaml: batch, warm-up and cosine, output bias from the
mean image), which was chosen by validation loss, with another seed after every second epoch of
the loop, and its test loss is computed once, at the end. Times are processor seconds of training
alone; the loop's own test after each epoch, as the usual examples do it, is given separately.
"""

from functools import partial

import torch
from torch import nn

from benchmarks import setting
from benchmarks.example import Loop
from benchmarks.timing import own_process, processor_seconds, spread
from vaepipe.data.dataset import Images
from vaepipe.params import Train
from vaepipe.training.loop import validate

EPOCHS = 10
EVERY = 2  # epochs of the loop between two runs of this project
GOALS = {"float32": 8, "bfloat16": 15}  # of the loop's time over this project's


def timed(training: Images, test: Images, settings: Train, seed: int) -> tuple[float, float]:
    """Processor seconds of a training with that seed, and its test loss."""
    models: list[nn.Module] = []
    work = partial(setting.trained, settings, training, [seed])
    seconds = processor_seconds(lambda: models.extend(work()))
    asked = test.to(torch.device("cpu"))
    return seconds, validate(models[0], asked, settings, seed, torch.device("cpu"))["loss"]


def measure(training: Images, test: Images, epochs: int = EPOCHS) -> dict[str, object]:
    """The target, and seconds, test loss and ratio of times by precision."""
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in setting.PRECISIONS}
    loop, in_steps, in_tests, reached = Loop(training), [], [], []
    with own_process() as own:
        for epoch in range(epochs):
            in_steps.append(processor_seconds(loop.epoch))
            in_tests.append(processor_seconds(lambda: reached.append(loop.test_loss(test))))
            for name in runs if epoch % EVERY == EVERY - 1 else ():
                settings = setting.settings_of("example", "recipe", precision=name)
                runs[name].append(own(timed, training, test, settings, epoch))
    target, whole = reached[-1], sum(in_steps)
    found: dict[str, object] = {
        "target_nats": round(target, 2),
        "example_seconds": round(whole, 1),
        "example_test_seconds": round(sum(in_tests), 1),
        "goals": GOALS,
    }
    for name, each in runs.items():
        seconds, losses = zip(*each, strict=True)
        found[name] = {
            "seconds": spread(seconds),
            "test_nats": spread(losses),
            "reached": sum(loss <= target for loss in losses),
            "ratio": spread(whole / s for s in seconds),
            "ratio_with_tests": spread((whole + sum(in_tests)) / s for s in seconds),
        }
    return found
