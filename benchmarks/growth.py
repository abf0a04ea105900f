"""Growth: time and memory against seeds, latent size, width, K and images, a process each.

    python -m benchmarks.growth [--folder FOLDER] [--images N]

Each size is one fresh process that does one piece of work and prints what it used: processor
seconds of one thread, and its peak private memory beyond what it held before. One setting changes
at a time; the others are those of example.yaml, one epoch on 10,000 images. Seeds are trained one
after the other, and at once, an epoch of each in turn. MNIST has 60,000: beyond, an IDX file of
MNIST's training images again and again, each time rolled by one more pixel, is written into a
temporary folder under `--folder`, memory-mapped, and trained on in random order for one epoch, with
a smaller net (growth.yaml). 10 million images take 7.84 GB of disk, and of memory only what the
system can spare.

Results go to results/growth.json, docs/performance.json and docs/performance.md, with a plot.
"""

import argparse
import json
import math
import os
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks import page

SIZES = {
    "seeds": [1, 2, 4, 8],
    "seeds at once": [1, 2, 4, 8, 16, 32],
    "latent size": [2, 20, 200, 2000],
    "width": [50, 200, 800, 3200],
    "K": [10, 100, 1000, 10_000],
    "images": [10_000, 100_000, 1_000_000, 10_000_000],
}
IMAGES = 10_000  # where another thing grows
EVALUATED = 50  # images whose bound is taken where K grows
# The limit of a process's memory, so that a shared machine stays usable.
MEMORY = 8 * 2**30
HEADER = 16  # bytes of an IDX file of images


def write_images(path: Path, n: int, mnist: np.ndarray) -> None:
    """An IDX file of n images `[n, 28, 28]` out of MNIST's pixels `[m, 784]`."""
    with path.open("wb") as file:
        file.write(struct.pack(">4B3I", 0, 0, 8, 3, n, 28, 28))
        for turn, start in enumerate(range(0, n, len(mnist))):
            file.write(np.roll(mnist[: n - start], turn, axis=1).tobytes())


def work(axis: str, size: int, file: Path | None) -> dict[str, float]:
    """One piece of work in this process: its seconds and the memory that it added."""
    import torch

    from benchmarks import setting
    from benchmarks.bound import bound
    from benchmarks.memory import give_back, watched
    from benchmarks.timing import processor_seconds
    from vaepipe.data.dataset import Images, test_images, training_images

    torch.set_num_threads(1)
    overlays = ["example", "growth"] if axis == "images" else ["example"]
    change = {"hidden": (size,)} if axis == "width" else {}
    settings = setting.settings_of(*overlays, epochs=1, **change)
    if file is None:
        images = training_images(setting.MNIST, 0)[0].first(IMAGES)
    else:
        mapped = np.memmap(file, np.uint8, "r+", HEADER, (size, setting.PIXELS))
        images = Images(torch.from_numpy(mapped), torch.zeros(size, dtype=torch.uint8))
    batches = [range(size)] if axis == "seeds at once" else [[0]]
    if axis == "seeds":
        batches = [[seed] for seed in range(size)]
    latents = size if axis == "latent size" else setting.LATENTS

    def train() -> object:
        models = [setting.trained(settings, images, seeds, latents)[0] for seeds in batches]
        return models[0]

    task = train
    if axis == "K":
        model, asked = train(), test_images(setting.MNIST).first(EVALUATED)
        task = lambda: bound(model, asked, size, chunk=2000)  # noqa: E731
    setting.trained(
        settings, images.first(100)
    )  # what PyTorch imports and initialises at first use
    give_back()
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    with watched() as memory:
        seconds = processor_seconds(task)
    return {
        "size": size,
        "seconds": round(seconds, 3),
        "added_memory_mib": round(memory["peak_mib"] - memory["before_mib"], 1),
    }


def in_fresh_process(axis: str, size: int, file: Path | None = None) -> dict[str, object]:
    """`work` in a process of its own; if it fails, the last line of its stderr."""
    words = [axis, str(size), *([str(file)] if file else [])]
    command = [sys.executable, "-m", "benchmarks.growth", "--work", *words]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        return {"size": size, "failed": last[:200]}
    return json.loads(done.stdout)


def exponent(rows: list[dict[str, float]], key: str) -> float | None:
    """The b of `a size^b` through the largest size and the last but two.

    Constants count least there, and memory, which the C library takes and keeps in large pieces,
    is compared over more than one piece. None where the smaller of the two is 0, as added memory
    can be.
    """
    (small, low), (large, high) = ((row["size"], row.get(key, 0)) for row in (rows[-3], rows[-1]))
    if low <= 0 or high <= 0:
        return None
    return round(math.log(high / low) / math.log(large / small), 2)


def measure(folder: Path | None, most: int) -> dict[str, object]:
    """Rows of every axis, and their exponents."""
    from benchmarks.timing import machine
    from vaepipe.data.dataset import training_images

    found = {}
    for axis, sizes in SIZES.items():
        rows = []
        for size in sizes:
            if axis != "images":
                rows.append(in_fresh_process(axis, size))
            elif size <= most:
                with tempfile.TemporaryDirectory(dir=folder) as place:
                    file = Path(place) / "images-idx3-ubyte"
                    if shutil.disk_usage(place).free < 1.2 * size * 784:
                        rows.append({"size": size, "failed": "too little disk"})
                        continue
                    mnist = training_images(page.ROOT / "data" / "mnist", 0)[0].pixels.numpy()
                    write_images(file, size, mnist)
                    rows.append(in_fresh_process(axis, size, file))
            print(axis, rows[-1], flush=True)
        whole = [row for row in rows if "failed" not in row]
        found[axis] = {"rows": rows}
        if len(whole) > 2:
            for key in ("seconds", "added_memory_mib"):
                found[axis][f"exponent_{key}"] = exponent(whole, key)
    return {"axes": found, "machine": machine()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="where the synthetic images may lie")
    parser.add_argument("--images", type=int, default=10**7, help="the largest number of images")
    parser.add_argument("--work", nargs="+", help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.work:
        axis, size, *file = flags.work
        print(json.dumps(work(axis, int(size), Path(file[0]) if file else None)))
        return
    page.record("growth", measure(flags.folder, flags.images))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
