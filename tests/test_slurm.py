"""The pipeline on a real Slurm with two nodes, of which one dies while it trains."""

import json
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from cluster import NODES, slurm
from conftest import a_copy, environment_of, run_in, with_site
from stores import until
from vaepipe.core.files import read_json, sha256

pytestmark = pytest.mark.needs("slurm", "no GPU")

# Every training notes where it runs, which GPU it sees, and from when to when.
NOTING = """
import atexit, json, os, pathlib, sys, time
if any(word.endswith("scripts/train.py") for word in sys.orig_argv):
    model = sys.orig_argv[sys.orig_argv.index("--model") + 1]
    node, gpu = os.environ.get("SLURMD_NODENAME"), os.environ.get("CUDA_VISIBLE_DEVICES")
    note = {"model": model, "node": node, "gpu": gpu, "start": time.time(), "end": None}
    # Processes of two nodes may have the same number.
    place = pathlib.Path(os.environ["NOTES"], f"{note['start']}-{node}.json")
    place.write_text(json.dumps(note))
    atexit.register(lambda: place.write_text(json.dumps(note | {"end": time.time()})))
"""
OF_RUNS = ("models", "history", "metrics")


@pytest.fixture(scope="module")
def cluster():
    with slurm() as running:
        yield running


def notes(folder: Path) -> list[dict]:
    """What the trainings have noted; one that is being written is left out."""
    found = []
    for path in sorted(folder.iterdir()):
        if text := path.read_text():
            found.append(json.loads(text))
    return found


def with_gpus(profile: Path) -> None:
    """Have each training ask for a GPU, as the profile's comment says."""
    text = profile.read_text()
    assert text.count("    gpu: 0 # 1 where") == 1
    profile.write_text(text.replace("    gpu: 0 # 1 where", "    gpu: 1 # 1 where"))


def test_a_cluster_of_which_a_node_dies_gives_the_digests_of_one_machine(
    cluster, smoke_tree, tmp_path
):
    tree = a_copy(smoke_tree, tmp_path / "tree")
    digests = read_json(tree / "results/digest.json")["files"]
    for name in (*OF_RUNS, "timing", "checkpoints"):
        shutil.rmtree(tree / "results" / name)
    with_gpus(tree / "profiles/slurm/profile.yaml")
    placed = tmp_path / "notes"
    placed.mkdir()
    runs = [f"{model}-z3-s0" for model in ("ae", "vae", "cvae")]
    asked = [*(f"results/models/{run}.safetensors" for run in runs)]
    asked.append("results/metrics/vae-z3-s0.json")
    site = with_site(tmp_path / "site", NOTING, tree) | {"NOTES": str(placed)}
    with (tmp_path / "log").open("w") as log:
        driver = subprocess.Popen(
            ["snakemake", "--profile", "profiles/slurm", *asked],
            cwd=tree,
            env=environment_of(tree) | site,
            stdout=log,
            stderr=log,
        )
        try:
            # A training holds its lock from its first step on.
            locks = tree / "results/checkpoints"

            def trains_on(node: str) -> dict | None:
                mine = [note for note in notes(placed) if note["node"] == node]
                held = [n for n in mine if (locks / f"{n['model']}-z3-s0.lock").exists()]
                return held[0] if held else None

            until(lambda: all(trains_on(node) for node in NODES))
            killed = trains_on("n2")
            cluster.crash("n2")
            assert not (tree / f"results/models/{killed['model']}-z3-s0.safetensors").exists()
            assert driver.wait(300) == 0, (tmp_path / "log").read_text()
        finally:
            if driver.poll() is None:
                driver.terminate()
                driver.wait(60)

    made = [path for path in asked if path.startswith("results/metrics/")]
    made += [f"results/{kind}" for kind in (f"models/{run}.safetensors" for run in runs)]
    made += [f"results/history/{run}.csv" for run in runs]
    assert {path: sha256(tree / path) for path in made} == {path: digests[path] for path in made}

    trained = notes(placed)
    assert {note["node"] for note in trained} == set(NODES)
    assert [n["model"] for n in trained if n["end"] is None] == [killed["model"]]
    assert len([n for n in trained if n["model"] == killed["model"]]) == 2
    # One training at a time has a node's one device, though the node has four cores.
    assert {note["gpu"] for note in trained} == {"0"}
    ones = sorted((n["start"], n["end"]) for n in trained if n["node"] == "n1")
    assert all(end <= start for (_, end), (start, _) in pairwise(ones))
    # What came back asked for more memory.
    assert "mem_mb=2000" in (tmp_path / "log").read_text().partition("Trying to restart")[2]


# The machine says that every folder is on a network file system.
ON_NFS = """
import types, psutil
root = types.SimpleNamespace(mountpoint="/", fstype="nfs4")
psutil.disk_partitions = lambda all=False: [root]
"""


def test_sqlite_on_a_network_file_system_is_refused_before_the_first_job(
    cluster, smoke_tree, tmp_path
):
    tree = a_copy(smoke_tree, tmp_path / "tree")
    (tree / "results/report.html").unlink()
    site = with_site(tmp_path / "site", ON_NFS, tree) | {"MLFLOW_TRACKING_URI": ""}
    done = run_in(tree, "snakemake", "--profile", "profiles/slurm", **site)
    assert done.returncode == 1
    assert "SQLite on a network file system (nfs4)" in done.stderr
    assert "Traceback" not in done.stderr
    assert "has been submitted" not in done.stderr
