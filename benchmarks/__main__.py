"""`make bench`: all but growth, on two quiet cores, and then the page.

It takes a quarter of an hour, and forty minutes where the processor has no bfloat16 products.
Named parts alone are measured and printed, and nothing is kept.
"""

import argparse
import json

import torch

from benchmarks import bound, gpu, main_job, page, setting, throughput, time_to_loss
from benchmarks.timing import machine
from vaepipe.data.dataset import test_images, training_images
from vaepipe.data.sources import fetch

PARTS = {
    "throughput": lambda training, test: throughput.measure(training),
    "time_to_loss": time_to_loss.measure,
    "bound": bound.measure,
    "main_job": lambda training, test: main_job.measure(),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = f"of {', '.join(PARTS)}: these alone"
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="PART", help=names)
    asked = parser.parse_args().parts
    torch.set_num_threads(1)
    fetch("mnist", setting.MNIST)
    # All 60,000 training images, as the usual example takes.
    training, test = training_images(setting.MNIST, 0)[0], test_images(setting.MNIST)
    found: dict[str, object] = {}
    for name in asked or PARTS:
        print(f"measuring {name} ...", flush=True)
        found[name] = PARTS[name](training, test)
    if asked:
        print(json.dumps(found, indent=1))
        return
    page.record("bench", found | {"machine": machine()})
    if torch.cuda.is_available():
        page.record("gpu", gpu.measure(*gpu.data_of(setting.MNIST)))
    else:
        print("not measured: training on a GPU (benchmarks/gpu.py), there is no CUDA device")


if __name__ == "__main__":
    main()
