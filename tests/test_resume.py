"""A run that is killed goes on and ends with the same bits, wherever it was killed."""

import json
import random
import shutil
import signal
import subprocess
import time

import pytest
from safetensors import safe_open

from conftest import STRENGTH, environment_of, run_in, stage_command
from stores import until

# Some kills come at a random moment, some in the middle of writing a file, which is too short a
# moment for chance to find: this module, loaded by the child itself, ends it at its n-th rename,
# just before or just after.
KILLER = """
import os, signal
left = [int(os.environ["KILL_AT_WRITE"])]
rename = os.replace
def replace(*words, **named):
    left[0] -= 1
    if left[0] == 0 and os.environ["KILL_WHEN"] == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    rename(*words, **named)
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
os.replace = replace
"""
KILLS = {"vae": 4 * STRENGTH, "gan": 2 * STRENGTH}
EPOCHS = 6


@pytest.fixture(scope="module")
def command(smoke_tree):
    """Trains one run for a few seconds; the results folder is put in its place by the tests."""

    def with_results(folder, model="vae"):
        words = stage_command(smoke_tree, "train", results=folder, epochs=EPOCHS)
        words[words.index("ae")] = model
        return words

    return with_results


def outputs(folder, model) -> dict[str, bytes]:
    names = (f"models/{model}-z3-s0.safetensors", f"history/{model}-z3-s0.csv")
    return {name: (folder / name).read_bytes() for name in names}


def epochs_done(checkpoint) -> int:
    """How many epochs a checkpoint holds; none if it is not there."""
    if not checkpoint.exists():
        return 0
    with safe_open(checkpoint, framework="pt") as file:
        return len(json.loads(file.metadata()["vaepipe"])["histories"][0])


def killed_by(words, tree, environment, seconds: float | None) -> tuple[bool, float]:
    """Start a run and kill it after so many seconds, or let the run do it; was it, after how long?

    A run that ends before it is killed has to have ended well.
    """
    begun = time.monotonic()
    child = subprocess.Popen(
        words, cwd=tree, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        child.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        child.kill()
    assert child.wait() in (0, -signal.SIGKILL)
    return child.returncode == -signal.SIGKILL, time.monotonic() - begun


@pytest.mark.parametrize("model", KILLS)
def test_a_run_killed_at_random_moments_ends_with_the_same_bits(
    smoke_tree, command, tmp_path, record, model
):
    begun = time.monotonic()
    whole = run_in(smoke_tree, *command(tmp_path / "whole", model))
    assert whole.returncode == 0, whole.stderr
    seconds = time.monotonic() - begun

    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(KILLER)
    dice = random.Random(0)
    words = command(tmp_path / "cut", model)
    killed = {"at a random moment": 0, "while writing": 0}
    # A moment or a write that comes after the run's end kills nothing: draw again, among moments
    # of the shortest run seen, because a run that goes on from a checkpoint has less left to do.
    # The last kill has to leave a checkpoint with epochs left to do, to see that they are the same.
    checkpoint = tmp_path / f"cut/checkpoints/{model}-z3-s0.safetensors"
    while sum(killed.values()) < KILLS[model] or epochs_done(checkpoint) not in range(1, EPOCHS):
        environment = environment_of(smoke_tree)
        if killed["at a random moment"] > killed["while writing"]:
            environment["PYTHONPATH"] += f":{site}"
            environment["KILL_AT_WRITE"] = str(dice.randint(1, 8))
            environment["KILL_WHEN"] = dice.choice(["before", "after"])
            hit, _ = killed_by(words, smoke_tree, environment, None)
            killed["while writing"] += hit
        else:
            moment = dice.uniform(0.2, 1.0) * seconds
            hit, took = killed_by(words, smoke_tree, environment, moment)
            killed["at a random moment"] += hit
            seconds = seconds if hit else min(seconds, took)
        assert hit or outputs(tmp_path / "cut", model) == outputs(tmp_path / "whole", model)
    last = run_in(smoke_tree, *words)
    assert last.returncode == 0, last.stderr
    assert f"epoch {EPOCHS} of {EPOCHS}" in last.stderr
    assert "epoch 1 of" not in last.stderr
    assert outputs(tmp_path / "cut", model) == outputs(tmp_path / "whole", model)
    assert not list((tmp_path / "cut").rglob(".*"))
    for where, times in killed.items():
        record(f"trainings killed (SIGKILL) {where}", times)


@pytest.mark.parametrize(
    ("file", "kept"),
    [
        ("workflow/report/page.rst", True),
        ("src/vaepipe/report/page.py", True),
        ("src/vaepipe/figures/style.py", True),
        ("src/vaepipe/evaluation/likelihood.py", True),
        ("src/vaepipe/training/loop.py", False),
        ("src/vaepipe/models/objectives.py", False),
        ("src/vaepipe/data/dataset.py", False),
        ("workflow/scripts/train.py", False),
    ],
)
def test_a_checkpoint_outlives_changes_of_code_that_training_does_not_depend_on(
    half_trained, command, tmp_path, file, kept
):
    tree = tmp_path / "tree"
    shutil.copytree(half_trained, tree, symlinks=True)
    with (tree / file).open("a") as text:
        text.write("\n")
    done = run_in(tree, *command("cut"))
    assert done.returncode == 0, done.stderr
    assert ("set aside" in done.stderr) == (not kept)
    assert ("epoch 1 of" in done.stderr) == (not kept)


@pytest.fixture(scope="module")
def half_trained(smoke_tree, command, tmp_path_factory):
    """A tree without results but a checkpoint, with epochs left to do, in the folder `cut`."""
    folder = tmp_path_factory.mktemp("half")
    tree = folder / "tree"
    shutil.copytree(smoke_tree, tree, symlinks=True, ignore=shutil.ignore_patterns("results"))
    (folder / "site").mkdir()
    (folder / "site/sitecustomize.py").write_text(KILLER)
    environment = environment_of(tree) | {"KILL_AT_WRITE": "1", "KILL_WHEN": "after"}
    environment["PYTHONPATH"] += f":{folder / 'site'}"
    hit, _ = killed_by(command("cut"), tree, environment, None)
    assert hit
    assert epochs_done(tree / "cut/checkpoints/vae-z3-s0.safetensors") in range(1, EPOCHS)
    return tree


def test_a_killed_driver_is_followed_by_one_that_finishes(smoke_tree, tmp_path, record):
    tree = tmp_path / "tree"
    shutil.copytree(smoke_tree, tree, symlinks=True)
    name = "results/models/ae-z3-s0.safetensors"
    (tree / name).unlink()
    environment = environment_of(tree)
    words = ["snakemake", "--cores", "1", name, "--config", "train={epochs: 12}"]
    lock = tree / "results/checkpoints/ae-z3-s0.lock"
    lock.unlink()
    for turn in range(STRENGTH):
        driver = subprocess.Popen(
            words, cwd=tree, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        if turn == 0:  # a training makes its lock before its first step
            until(lambda: lock.exists() or driver.poll() is not None)  # noqa: B023
        else:
            time.sleep(3.0 + turn)
        driver.kill()
        hit = driver.wait() == -signal.SIGKILL
        # Later ones may have ended before: what the first had started still trains the run.
        assert hit or turn > 0
        if hit:
            record("drivers killed (SIGKILL)", 1)
        refused = run_in(tree, *words)
        if refused.returncode == 0:
            break
        if "is being trained by process" not in refused.stdout + refused.stderr:
            assert "unlock" in refused.stdout + refused.stderr
            assert run_in(tree, "snakemake", "--unlock").returncode == 0
    # What the killed driver started may still be training: that run is refused until it ends.
    for _ in range(20):
        done = run_in(tree, *words)
        if done.returncode == 0:
            break
        assert "is being trained by process" in done.stdout + done.stderr, done.stderr
        time.sleep(1)
    assert done.returncode == 0
    fresh = tmp_path / "results"
    assert run_in(tree, *stage_command(tree, "train", results=fresh, epochs="12")).returncode == 0
    assert (tmp_path / name).read_bytes() == (tree / name).read_bytes()
