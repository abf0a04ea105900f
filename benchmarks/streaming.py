"""What it costs training to stream its metrics: python benchmarks/streaming.py --rounds 5

A VAE of the default params is trained in as many processes as there are cores, so that no core is
left over for the process that sends metrics to MLflow's server. Each round does this without a
server and with each kind of server, in random order. Reported is the ratio to the same round's
training without a server: of the wall time of a training process and of its processor time. Of the
process beside it, the processor time as a share of the training's, which other work on the machine
disturbs least. Medians over the rounds, and the range; the last column is the share of all epochs
that was at the server when training ended.

The servers run on the same machine: what they take of its cores is part of the ratio.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer

from mlflow import MlflowClient

from vaepipe.params import check_file

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests"))

from stores import Server, silent, slow  # noqa: E402

PARAMS = ROOT / "params.yaml"
CORES = os.cpu_count()
KINDS = ("none", "good", "slow", "silent", "killed")
SLOW = 3.0  # seconds before each piece of an answer of the slow server
EXPERIMENT = "streaming"


def command(seed: int, results: Path) -> list[str]:
    """One training of the default params, as a stage is run."""
    words = [sys.executable, str(ROOT / "workflow/scripts/train.py"), "--model", "vae"]
    words += ["--latent_dim", "20", "--seed", str(seed), "--results", str(results)]
    for name, value in asdict(check_file(PARAMS).train).items():
        words += [f"--{name}", *map(str, value if isinstance(value, tuple) else [value])]
    return [*words, "--data", str(ROOT / "data/mnist")]


def cost(child: subprocess.Popen, start: float) -> dict[str, float]:
    """Seconds that a process took until it ended."""
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    wall = time.monotonic() - start
    words = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
    own, children = (sum(map(int, words[i : i + 2])) / os.sysconf("SC_CLK_TCK") for i in (11, 13))
    if child.wait():
        raise SystemExit(f"a training ended with status {child.returncode}")
    return {"wall": wall, "own": own, "all": own + children}


def trained(url: str) -> dict[str, float]:
    """Train in as many processes as there are cores; the mean of what one costs."""
    environment = os.environ | {"MLFLOW_TRACKING_URI": url, "MLFLOW_EXPERIMENT_NAME": EXPERIMENT}
    quiet = {"env": environment, "stderr": subprocess.DEVNULL}
    with TemporaryDirectory() as folder, ThreadPoolExecutor() as pool:
        start = time.monotonic()
        words = [command(seed, Path(folder, str(seed))) for seed in range(CORES)]
        children = [subprocess.Popen(w, **quiet) for w in words]
        costs = list(pool.map(lambda child: cost(child, start), children))
    return {name: statistics.mean(c[name] for c in costs) for name in costs[0]}


@contextmanager
def serving(kind: str, folder: Path, killed_after: float) -> Iterator[tuple[str, str]]:
    """The URL of a server of this kind, and the store behind it."""
    if kind in ("none", "silent"):
        with silent() as url:
            yield ("" if kind == "none" else url), ""
        return
    server = Server(folder)
    kill = Timer(killed_after, server.kill)
    with slow(server.port, SLOW) as url:
        if kind == "killed":
            kill.start()
        yield (url if kind == "slow" else server.url), server.uri
    if kind == "killed":
        kill.join()
    server.close()


def arrived(uri: str) -> float:
    """Of all epochs of all runs, the share that is in the store."""
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    runs = client.search_runs([experiment.experiment_id]) if experiment else []
    points = [client.get_metric_history(run.info.run_id, "train/loss") for run in runs]
    return sum(map(len, points)) / check_file(PARAMS).train.epochs / CORES


def measured(kind: str, killed_after: float) -> dict[str, float]:
    """What training costs with a server of this kind."""
    with TemporaryDirectory() as folder, serving(kind, Path(folder), killed_after) as (url, uri):
        costs = trained(url)
        return costs | ({"arrived": arrived(uri)} if uri else {})


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def table(rounds: list[dict[str, dict[str, float]]]) -> str:
    """The results of all rounds, in Markdown."""
    lines = [
        "| server | wall time | processor time | process beside it | arrived |",
        "| --- " * 5 + "|",
    ]
    for kind in KINDS[1:]:
        pairs = [(one[kind], one["none"]) for one in rounds]
        cells = [spread([a[name] / b[name] for a, b in pairs]) for name in ("wall", "own")]
        cells.append(spread([a["all"] / a["own"] - 1 for a, _ in pairs]))
        arrived = statistics.median(a.get("arrived", 0.0) for a, _ in pairs)
        lines.append(" | ".join(["| " + kind, *cells, f"{arrived:.0%} |"]))
    seconds = [spread([one["none"][name] for one in rounds]) for name in ("wall", "own")]
    return "\n".join([*lines, "", "Without a server: {} s, {} s of a processor.".format(*seconds)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="where all that was measured is written, as JSON")
    flags = parser.parse_args()

    half = trained("")["wall"] / 2  # also warms up
    rounds = []
    for number in range(flags.rounds):
        kinds = random.Random(number).sample(KINDS, len(KINDS))
        rounds.append({kind: measured(kind, half) for kind in kinds})
        print(json.dumps(rounds[-1]), file=sys.stderr, flush=True)
    if flags.out:
        flags.out.write_text(json.dumps(rounds, indent=2) + "\n")

    print(table(rounds))


if __name__ == "__main__":
    main()
