"""The main job: seconds and memory by stage, what doing nothing costs, and each stage's start-up.

`snakemake --cores 2` with the default params on a copy of the tree without results. Wall seconds by
stage come from Snakemake's own records. The processes themselves (`benchmarks.usage`) record their
processor seconds, from the first instruction on, their peak memory, and the share of the processor
time in training steps. Then both drivers are run again, with nothing to do. Start-up is the
processor and wall time of a stage's imports in a fresh process.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import yaml

from benchmarks.setting import MNIST, ROOT
from benchmarks.timing import spread

CORES = 2
TURNS = 3
GOALS = {"share_in_steps": 0.7, "seconds": 180, "no_op": 3, "start_up": 3}
HANDOVER = "import sys; from vaepipe.cli import main; sys.argv[1:] = ['handover', 'dvc']; main()"


def copied_tree(folder: Path) -> Path:
    """The files that git sees, in a repository of their own, with data from this tree's folder."""
    words = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    for name in filter(None, _git(ROOT, *words).split("\0")):
        if (ROOT / name).is_file() and not name.startswith("results/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["data"]["source"] = str(MNIST)
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    author = ["-c", "user.name=benchmark", "-c", "user.email=benchmark@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*author, "commit", "-qm", "a copy"]):
        _git(folder, *command)
    return folder


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


def environment(tree: Path, usage: Path | None = None) -> dict[str, str]:
    """This Python and the tree's own code; processes leave their usage in the folder, if any."""
    path = [str(tree / "src")]
    named = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    if usage is not None:
        usage.mkdir()
        shutil.copy(Path(__file__).with_name("usage.py"), usage / "sitecustomize.py")
        path.insert(0, str(usage))
        named["BENCHMARK_USAGE"] = str(usage)
    return os.environ | named | {"PYTHONPATH": os.pathsep.join(path)}


def run(tree: Path, words: list[str], env: dict[str, str]) -> tuple[float, float]:
    """Wall and processor seconds of a Python command in the tree, its children included."""
    before, start = os.times(), time.perf_counter()
    done = subprocess.run(
        [sys.executable, *words], cwd=tree, env=env, capture_output=True, text=True
    )
    seconds, after = time.perf_counter() - start, os.times()
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    children = after.children_user + after.children_system
    return seconds, children - before.children_user - before.children_system


def wall_seconds(tree: Path) -> dict[str, list[float]]:
    """Seconds of each job, by stage, from Snakemake's records of the outputs."""
    jobs: dict[str, dict[str, float]] = defaultdict(dict)
    for file in (tree / ".snakemake" / "metadata").iterdir():
        record = json.loads(file.read_text())
        # There is a record for every output of a job.
        job, seconds = record["shellcmd"], record["endtime"] - record["starttime"]
        jobs[record["rule"]][job] = max(seconds, jobs[record["rule"]].get(job, 0))
    return {rule: list(each.values()) for rule, each in jobs.items()}


def by_stage(tree: Path, usage: Path) -> tuple[dict[str, dict], dict[str, int]]:
    """Jobs, wall and processor seconds and peak memory of each stage; the samples of training."""
    files = sorted(usage.glob("*.json"), key=lambda file: int(file.stem))  # as they were started
    used = [json.loads(file.read_text()) for file in files]
    stages: dict[str, list[dict]] = defaultdict(list)
    samples = {"all": 0, "steps": 0}
    for one in used:
        script = next((w for w in one["command"] if "workflow/scripts/" in w), None)
        stages[Path(script).stem if script else "snakemake"].append(one)
        samples = {name: samples[name] + one["samples"][name] for name in samples}
    walls = wall_seconds(tree)
    found = {}
    for name, each in stages.items():
        found[name] = {
            "jobs": len(each),
            "wall_seconds": round(sum(walls.get(name, [])), 1) or None,
            "cpu_seconds": round(sum(one["cpu_seconds"] for one in each), 1),
            "peak_mib": round(max(one["peak_mib"] for one in each)),
        }
    return found, samples


def start_up(script: Path) -> dict[str, dict[str, float]]:
    """Wall and processor seconds from a process's first instruction to the end of its imports."""
    code = "import runpy, sys; runpy.run_path(sys.argv[1])"
    found = [run(ROOT, ["-c", code, str(script)], environment(ROOT)) for _ in range(TURNS)]
    walls, cpus = zip(*found, strict=True)
    return {"wall_seconds": spread(walls), "cpu_seconds": spread(cpus)}


def measure() -> dict[str, object]:
    """The whole; it takes as long as the main job and two minutes more."""
    with tempfile.TemporaryDirectory() as folder:
        tree = copied_tree(Path(folder) / "tree")
        usage = Path(folder) / "usage"
        job = ["-m", "snakemake", "--cores", str(CORES)]
        seconds, cpu = run(tree, job, environment(tree, usage))
        stages, samples = by_stage(tree, usage)
        plain = environment(tree)
        snakemake = [run(tree, ["-m", "snakemake", "--cores", "4"], plain) for _ in range(TURNS)]
        run(tree, ["-c", HANDOVER], plain)
        dvc = [run(tree, ["-m", "dvc", "repro"], plain) for _ in range(TURNS)]
    share = samples["steps"] / samples["all"] * stages["train"]["cpu_seconds"] / cpu
    return {
        "cores": CORES,
        "wall_seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "share_in_steps": round(share, 3),
        "stages": stages,
        "no_op_seconds": {
            "snakemake --cores 4": spread(wall for wall, _ in snakemake),
            "dvc repro": spread(wall for wall, _ in dvc),
        },
        "start_up": {p.stem: start_up(p) for p in sorted(ROOT.glob("workflow/scripts/*.py"))},
        "goals": GOALS,
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
