"""`make bench`: all but growth, in a quarter of an hour on two quiet cores, and then the page."""

import argparse

import torch

from benchmarks import bound, gpu, main_job, page, setting, throughput, time_to_loss
from benchmarks.timing import machine
from vaepipe.data.dataset import test_images, training_images
from vaepipe.data.sources import fetch


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.parse_args()
    torch.set_num_threads(1)
    fetch("mnist", setting.MNIST)
    # All 60,000 images, as the usual example takes; a single one stands for a validation set.
    training, test = training_images(setting.MNIST, 0)[0], test_images(setting.MNIST)
    parts = {
        "throughput": lambda: throughput.measure(training),
        "time_to_loss": lambda: time_to_loss.measure(training, test),
        "bound": lambda: bound.measure(training, test),
        "main_job": main_job.measure,
    }
    found: dict[str, object] = {}
    for name, measure in parts.items():
        print(f"measuring {name} ...", flush=True)
        found[name] = measure()
    page.record("bench", found | {"machine": machine()})
    if torch.cuda.is_available():
        page.record("gpu", gpu.measure(*gpu.data_of(setting.MNIST)))
    else:
        print("not measured: training on a GPU (benchmarks/gpu.py), there is no CUDA device")


if __name__ == "__main__":
    main()
