"""The same params give the same bits, whoever runs them, where, when and beside what."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from conftest import ROOT, a_copy, git, run_in, stage_command, with_site
from needs import AS_OTHER_USER, OTHER_USER
from vaepipe.core.files import future_dated, read_json, undo_future_dates

MODEL, HISTORY = "models/ae-z3-s0.safetensors", "history/ae-z3-s0.csv"


def assert_same(results: Path, tree: Path) -> None:
    """The first run of the tree is in the results folder, bit for bit."""
    for name in (MODEL, HISTORY):
        assert (results / name).read_bytes() == (tree / "results" / name).read_bytes()


def test_a_clone_on_one_core(smoke_tree, tmp_path, record):
    """The smoke tree, which had four cores and lies elsewhere, cloned by git and run on one."""
    clone = tmp_path / "another folder" / "clone"
    git(smoke_tree, "clone", "--quiet", str(smoke_tree), str(clone))
    assert not (clone / "results").exists()
    done = run_in(clone, "snakemake", "--cores", "1", "results/digest.json")
    assert done.returncode == 0, done.stdout + done.stderr
    ours, theirs = (read_json(tree / "results/digest.json") for tree in (clone, smoke_tree))
    assert ours == theirs
    record("whole pipelines rerun on another number of cores, in a clone", 1)


@pytest.mark.parametrize(
    "environment",
    [
        {"TZ": "Pacific/Kiritimati", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
        {"HOME": "/proc", "XDG_CACHE_HOME": "/proc", "MPLCONFIGDIR": "/proc/none"},
        {"PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "3", "PYTHONUTF8": "0", "LC_ALL": "C"},
    ],
    ids=lambda e: next(iter(e)),
)
def test_surroundings_do_not_change_bits(smoke_tree, tmp_path, environment, record):
    words = stage_command(smoke_tree, "train", results=tmp_path / "results")
    done = run_in(smoke_tree, *words, **environment)
    assert done.returncode == 0, done.stderr
    assert_same(tmp_path / "results", smoke_tree)
    record("time zone, locale, hash seed or HOME changed", 1)


def test_threads_and_algorithms_are_not_left_to_the_surroundings():
    """Another number of threads may give other bits, or may not: so it is looked at itself."""
    code = "import torch; from vaepipe.core.device import prepare; prepare('cpu', 1);"
    code += "print(torch.get_num_threads(), torch.are_deterministic_algorithms_enabled())"
    done = run_in(ROOT, sys.executable, "-c", code, OMP_NUM_THREADS="2", MKL_NUM_THREADS="2")
    assert done.stdout.split() == ["1", "True"], done.stderr


def test_snakemake_starts_where_home_can_not_be_written(smoke_tree):
    home = {"HOME": "/proc", "XDG_CACHE_HOME": "/proc"}
    done = run_in(smoke_tree, "snakemake", "-n", **home)
    assert done.returncode == 0, done.stderr


def test_the_same_bits_beside_other_work(smoke_tree, tmp_path, record):
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3)]
    try:
        words = stage_command(smoke_tree, "train", results=tmp_path / "results")
        assert run_in(smoke_tree, *words).returncode == 0
    finally:
        for process in busy:
            process.kill()
    assert_same(tmp_path / "results", smoke_tree)
    record("runs beside other work", 1)


# Every process sees a clock that jumps by a day to and fro.
JUMPING_CLOCK = """
import random, time
true, dice = time.time, random.Random()
time.time = lambda: true() + dice.choice([-86400, 86400])
time.time_ns = lambda: int(time.time() * 1e9)
"""


def test_a_clock_that_jumps_and_files_from_the_future(smoke_tree, tmp_path, record):
    tree = a_copy(smoke_tree, tmp_path / "tree")
    (tree / "results" / MODEL).unlink()
    for file in (tree / "data/mnist").iterdir():
        os.utime(file, (2**31 - 1, 2**31 - 1))
    environment = with_site(tmp_path / "site", JUMPING_CLOCK, tree)
    done = run_in(tree, "snakemake", "--cores", "1", f"results/{MODEL}", **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "dated later than now" in done.stderr
    assert_same(tree / "results", smoke_tree)
    record("clock jumps", 1)


def test_reading_the_snakefile_writes_nothing(smoke_tree, tmp_path):
    """`snakemake -n` says that files are of the future; a run that starts dates them anew."""
    tree = a_copy(smoke_tree, tmp_path / "tree")
    ahead = tree / "src/vaepipe/flags.py"
    os.utime(ahead, (2**31 - 1, 2**31 - 1))

    def dates() -> dict[Path, int]:
        tops = ("data", "results", "src", "workflow", "params.yaml", "Snakefile", ".dvc")
        files = [f for top in tops for f in [tree / top, *(tree / top).rglob("*")]]
        return {f: f.stat().st_mtime_ns for f in files if "__pycache__" not in f.parts}

    before = dates()
    done = run_in(tree, "snakemake", "-n", PYTHONDONTWRITEBYTECODE="1")
    assert done.returncode == 0, done.stderr
    assert "1 files, such as src/vaepipe/flags.py, are dated later than now" in done.stderr
    assert dates() == before

    (tree / "results/metrics.csv").unlink()
    assert run_in(tree, "snakemake", "--cores", "1", "results/metrics.csv").returncode == 0
    assert ahead.stat().st_mtime < time.time() + 60


def test_files_from_the_future_keep_their_order(tmp_path):
    """Otherwise a result that is older than what it was made of would look up to date."""
    hour = 3600 * 10**9
    now = time.time_ns()
    hours = {"a": 3, "past": -1, "c": 1, "b": 2}
    for name, ahead in hours.items():
        (tmp_path / name).touch()
        os.utime(tmp_path / name, ns=(now, now + ahead * hour))
    assert [path.name for path in future_dated([tmp_path])] == ["c", "b", "a"]
    undo_future_dates([tmp_path])
    assert future_dated([tmp_path]) == []
    dates = {path.stat().st_mtime_ns: path.name for path in tmp_path.iterdir()}
    assert [dates[date] for date in sorted(dates)] == ["past", "c", "b", "a"]
    assert min(dates) == now - hour
    assert max(dates) < now + hour


@pytest.fixture
def their_folder():
    """A folder of the second user, which pytest's own can't hold: they are the first user's."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.chown(folder, OTHER_USER, OTHER_USER)
        yield Path(folder)


@pytest.mark.needs("second user")
def test_another_user_gets_the_same_bits_elsewhere_and_a_message_here(
    smoke_tree, their_folder, record
):
    words = stage_command(smoke_tree, "train", results=their_folder)
    done = run_in(smoke_tree, *AS_OTHER_USER, *words)
    assert done.returncode == 0, done.stderr
    assert (their_folder / MODEL).stat().st_uid == OTHER_USER
    assert_same(their_folder, smoke_tree)
    for stage, file in (("train", "results/checkpoints"), ("compare", "results/metrics.csv")):
        done = run_in(smoke_tree, *AS_OTHER_USER, *stage_command(smoke_tree, stage))
        assert done.returncode == 1
        assert done.stderr.startswith(f"vaepipe: {file}"), done.stderr
        assert done.stderr.endswith("can't be written: Permission denied\n")
    record("second users", 1)
