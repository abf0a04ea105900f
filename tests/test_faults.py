"""Faults, caused for real: one clear message, nothing half-written, and a rerun goes on."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import environment_of, run_in, stage_command
from vaepipe.data.dataset import test_images as read_test_images
from vaepipe.data.dataset import training_images
from vaepipe.data.manifest import FILES, MANIFEST
from vaepipe.errors import UserError


@pytest.fixture
def data(mnist_folder, tmp_path) -> Path:
    return Path(shutil.copytree(mnist_folder, tmp_path / "mnist"))


def both_parts(data: Path):
    return training_images(data, validation=10_000)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def swap(path: Path) -> None:
    """Another file of the same form and length: the images turned round."""
    content = path.read_bytes()
    path.write_bytes(content[:16] + content[16:][::-1])


@pytest.mark.parametrize("damage", [truncate, flip, swap, Path.unlink])
@pytest.mark.parametrize("file", FILES)
def test_damaged_data_are_named_and_never_read(data, damage, file, record):
    damage(data / file)
    read = both_parts if file.startswith("train") else read_test_images
    with pytest.raises(UserError, match=f"{file}.*download"):
        read(data)
    record("data files damaged", 1)


def test_a_forged_manifest_does_not_help(data):
    flip(data / FILES[0])
    manifest = data / MANIFEST
    manifest.write_text(manifest.read_text().replace("ba891046", "00000000"))
    with pytest.raises(UserError, match=MANIFEST):
        both_parts(data)


def refused(done: subprocess.CompletedProcess) -> str:
    """The message of a stage that failed without a traceback."""
    text = done.stdout + done.stderr
    assert done.returncode != 0, text
    assert "Traceback" not in text, text
    return text


def test_training_on_damaged_data_is_refused(smoke_tree, data, tmp_path):
    flip(data / FILES[0])
    words = stage_command(smoke_tree, "train", data=data, results=tmp_path / "results")
    assert FILES[0] in refused(run_in(smoke_tree, *words))
    assert not (tmp_path / "results/models").exists()


# A results folder on a small file system of its own, seen by one process and its children only.
NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec"]
FULL = """
cp -a results "$1"; mount -t tmpfs -o size=100m tmpfs results; cp -a "$1"/. results
used=$(du -sB1 results | cut -f1); find results > "$1.before"
mount -o remount,size=$((used + $2)) results
shift 2
status=0; "$@" || status=$?
echo "status $status"; find results
mount -o remount,size=100m results
"$@"; echo "then $?"
"""
READ_ONLY = 'mount --bind results results; mount -o remount,bind,ro results; "$@"'


@pytest.mark.parametrize("stage", ["train", "evaluate", "compare", "figures", "track", "report"])
def test_a_full_disk_loses_nothing(smoke_tree, tmp_path, stage, record):
    """The stage's outputs are taken away, there is no room for them, and then there is."""
    tree = Path(shutil.copytree(smoke_tree, tmp_path / "tree", symlinks=True))
    words = stage_command(tree, stage)
    before = {p: p.read_bytes() for p in sorted((tree / "results").rglob("*")) if p.is_file()}
    gone = {
        "train": ["models", "history", "timing"],
        "evaluate": ["metrics"],
        "compare": ["metrics.csv", "comparison.csv"],
        "figures": ["figures"],
        "track": ["mlflow.db", "mlflow.json", "mlartifacts"],
        "report": ["report.html"],
    }[stage]
    for name in gone:
        path = tree / "results" / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    room = {"compare": 0, "evaluate": 0}.get(stage, 20_000)
    done = subprocess.run(
        [*NAMESPACE, FULL, "sh", str(tmp_path / "aside"), str(room), *words],
        cwd=tree,
        env=environment_of(tree),
        capture_output=True,
        text=True,
    )
    first = done.stdout.split("status ")[1].split("then")[0]
    assert not first.startswith("0"), done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    assert "No space left" in done.stderr or "full" in done.stderr, done.stderr
    assert "then 0" in done.stdout, done.stdout + done.stderr
    for path in before:
        name = path.relative_to(tree)
        # MLflow's store is no file of ours: half-filled, it is filled by the rerun.
        if name.parts[1] in gone and not name.parts[1].startswith(("mlflow.db", "mlartifacts")):
            assert str(name) not in first.split(), f"{name} is there without room for it"
    record("full disk", 1)


def test_read_only_results_are_named(smoke_tree, record):
    words = stage_command(smoke_tree, "compare")
    done = subprocess.run(
        [*NAMESPACE, READ_ONLY, "sh", *words],
        cwd=smoke_tree,
        env=environment_of(smoke_tree),
        capture_output=True,
        text=True,
    )
    text = refused(done)
    assert "results/metrics.csv" in text
    assert "Read-only" in text
    record("read-only results", 1)


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
    for name in ("models/ae-z3-s0.safetensors", "history/ae-z3-s0.csv"):
        here, there = tmp_path / "results" / name, smoke_tree / "results" / name
        assert here.read_bytes() == there.read_bytes()
    record("surroundings changed", 1)


def test_the_same_bits_beside_other_work(smoke_tree, tmp_path):
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3)]
    try:
        words = stage_command(smoke_tree, "train", results=tmp_path / "results")
        assert run_in(smoke_tree, *words).returncode == 0
    finally:
        for process in busy:
            process.kill()
    name = "results/models/ae-z3-s0.safetensors"
    assert (tmp_path / name).read_bytes() == (smoke_tree / name).read_bytes()


def test_short_memory_names_the_setting(smoke_tree, record):
    words = stage_command(smoke_tree, "evaluate", chunk=10**8, importance_samples=20_000)
    model = words.index("--weights") + 1
    words[model] = words[model].replace("/ae", "/vae")
    limited = ["sh", "-c", 'ulimit -v 6000000; exec "$@"', "sh", *words]
    assert "evaluate.chunk" in refused(run_in(smoke_tree, *limited))
    record("memory too short", 1)
