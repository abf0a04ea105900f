"""What many runs cost to plan, schedule, track and report: python -m benchmarks.scaling

Copies the tree, sets tiny nets, one epoch and few made-up images of 8 x 8 pixels, and runs
Snakemake on it stage by stage; every number is the wall time of one call of Snakemake, its start
included. With `--cluster` the runs go to a Slurm of two nodes on the loopback address, which needs
root (see tests/cluster.py). Results are printed as a line of JSON for each size.

With `--smoke SEEDS`, instead: the smoke preset with so many seeds by one call of Snakemake, its
wall seconds, and the processor seconds of each stage; those of `snakemake` are the driver's own.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import yaml

from benchmarks import main_job
from benchmarks.timing import machine
from vaepipe.core.files import read_yaml

ROOT = Path(__file__).parents[1]
TINY = {
    "data": {"name": "npz"},
    "train": {
        "hidden": [8],
        "epochs": 1,
        "batch_size": 100,
        "validation": 100,
        "seeds_at_once": "all",
    },
    "classify": {"epochs": 1},
    "evaluate": {
        "importance_samples": 1,
        "chunk": 10_000,
        "training_images": 100,
        "generated_images": 100,
    },
    "figures": {"points": 100, "digits": 10, "dpi": 50},
}
# What each call of Snakemake is to make, one after the other.
STEPS = {
    "runs": "evaluate",
    "tables": "compare",
    "figures": "figures",
    "report": "report",
    "track": "track",
}


def matrix(runs: int, seeds: int) -> dict[str, list]:
    """A matrix of two models with that many runs: so many seeds, and as many latent sizes."""
    seeds = min(seeds, max(runs // 2, 1))
    sizes = runs // (2 * seeds)
    if 2 * seeds * sizes != runs:
        raise SystemExit(f"--runs is {runs}, allowed is a multiple of {2 * seeds} (twice --seeds)")
    return {
        "models": ["ae", "vae"],
        "latent_dims": list(range(1, sizes + 1)),
        "seeds": list(range(seeds)),
    }


def made_images(path: Path) -> Path:
    """An .npz file of squares in four places, with noise: 600 training and 200 test images."""
    rng, arrays = np.random.default_rng(0), {}
    for part, n in (("train", 600), ("test", 200)):
        labels = np.arange(n) % 4
        images = rng.integers(0, 100, (n, 8, 8), np.uint8)
        for image, label in zip(images, labels, strict=True):
            top, left = 4 * (label // 2), 4 * (label % 2)
            image[top : top + 4, left : left + 4] += 150
        arrays |= {f"{part}_images": images, f"{part}_labels": labels.astype(np.uint8)}
    np.savez_compressed(path, **arrays)
    return path


def copied(folder: Path, runs: int, seeds: int) -> Path:
    """The tree's files as git knows them, with the params of so many tiny runs."""
    subprocess.run(["git", "clone", "-q", "--shared", str(ROOT), str(folder)], check=True)
    params = read_yaml(folder / "params.yaml")
    for section, values in (TINY | {"matrix": matrix(runs, seeds)}).items():
        params[section] |= values
    params["data"]["source"] = str(made_images(folder.with_name("images.npz")))
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    return folder


def seconds(tree: Path, *words: str) -> float:
    """Wall time of one call of Snakemake in the tree."""
    environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "MLFLOW_TRACKING_URI": ""}
    start = time.perf_counter()
    done = subprocess.run(
        ["snakemake", *words], cwd=tree, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    return round(time.perf_counter() - start, 1)


def measure(runs: int, seeds: int, cores: int, cluster: bool) -> dict[str, object]:
    """Seconds of planning and of each step, the report's size, and how many jobs there were."""
    where = ["--profile", "profiles/slurm"] if cluster else ["--cores", str(cores)]
    with TemporaryDirectory() as folder:
        tree = copied(Path(folder) / "tree", runs, seeds)
        seconds(tree, "--cores", "1", "results/classifier.safetensors")
        found: dict[str, object] = {"runs": runs, "seeds": seeds, "plan": seconds(tree, "-n", "-q")}
        for step, rule in STEPS.items():
            found[step] = seconds(tree, *where, "--until", rule)
            print(f"{runs} runs: {step} {found[step]} s", file=sys.stderr, flush=True)
        found["plan_of_nothing"] = seconds(tree, "-n", "-q")
        found["report_mib"] = round((tree / "results/report.html").stat().st_size / 2**20, 1)
        return found


def measure_smoke(seeds: int, cores: int) -> dict[str, object]:
    """Seconds of planning, of the smoke preset with so many seeds, and of nothing left to do."""
    with TemporaryDirectory() as folder:
        tree = main_job.copied_tree(Path(folder) / "tree")
        asked = ["--configfile", "params/smoke.yaml", "--config"]
        asked += [f"matrix={{seeds: {[*range(seeds)]}}}"]
        plain, usage = main_job.environment(tree), Path(folder) / "usage"
        job = ["-m", "snakemake", "--cores", str(cores), *asked]
        plan, _ = main_job.run(tree, ["-m", "snakemake", "-n", "-q", *asked], plain)
        wall, cpu = main_job.run(tree, job, main_job.environment(tree, usage))
        stages, _ = main_job.by_stage(tree, usage)
        nothing, _ = main_job.run(tree, job, plain)
        return {
            "smoke_with_seeds": seeds,
            "runs": len([*(tree / "results/metrics").glob("*.json")]),
            "plan": round(plan, 1),
            "wall_seconds": round(wall, 1),
            "cpu_seconds": round(cpu, 1),
            "share_of_driver": round(stages["snakemake"]["cpu_seconds"] / cpu, 4),
            "nothing_to_do": round(nothing, 1),
            "stages": stages,
            "report_mib": round((tree / "results/report.html").stat().st_size / 2**20, 1),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, nargs="+", default=[10, 100], help="even numbers")
    parser.add_argument("--seeds", type=int, default=10, help="of a cell, which one job takes")
    parser.add_argument("--cores", type=int, default=2, help="where there is no cluster")
    parser.add_argument("--cluster", action="store_true", help="on a Slurm of two nodes")
    parser.add_argument(
        "--smoke", type=int, metavar="SEEDS", help="the smoke preset, so many seeds"
    )
    flags = parser.parse_args()
    if flags.smoke and flags.cluster:
        parser.error("--smoke runs on this machine: leave out --cluster")
    if flags.smoke:
        print(json.dumps(machine() | measure_smoke(flags.smoke, flags.cores), indent=2))
        return
    if flags.cluster:
        sys.path.insert(0, str(ROOT / "tests"))
        from cluster import slurm
    print(json.dumps(machine() | {"where": "slurm" if flags.cluster else f"{flags.cores} cores"}))
    with slurm() if flags.cluster else nullcontext():
        for runs in flags.runs:
            print(json.dumps(measure(runs, flags.seeds, flags.cores, flags.cluster)), flush=True)


if __name__ == "__main__":
    main()
