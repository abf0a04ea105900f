"""Faults, caused for real: one clear message, nothing half-written, and a rerun goes on."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path
from subprocess import PIPE

import pandas as pd
import pytest

from conftest import a_copy, environment_of, run_in, stage_command, with_site
from corrupt import flip_a_bit, reverse, truncate
from needs import IN_MOUNT_NAMESPACE
from vaepipe import params
from vaepipe.core.errors import UserError
from vaepipe.core.files import read_json
from vaepipe.data.dataset import test_images as read_test_images
from vaepipe.data.dataset import training_images
from vaepipe.data.manifest import FILES, MANIFEST
from vaepipe.models import weights
from vaepipe.results import Results, Run


@pytest.fixture
def data(mnist_folder, tmp_path) -> Path:
    return Path(shutil.copytree(mnist_folder, tmp_path / "mnist"))


def both_parts(data: Path):
    return training_images(data, validation=10_000)


@pytest.mark.parametrize("damage", [truncate, flip_a_bit, reverse, Path.unlink])
@pytest.mark.parametrize("file", FILES)
def test_damaged_data_are_named_and_never_read(data, damage, file, record):
    damage(data / file)
    read = both_parts if file.startswith("train") else read_test_images
    with pytest.raises(UserError, match=f"{file}.*download"):
        read(data)
    record("data files damaged", 1)


def test_a_forged_manifest_does_not_help(data, record):
    flip_a_bit(data / FILES[0])
    manifest = data / MANIFEST
    manifest.write_text(manifest.read_text().replace("ba891046", "00000000"))
    with pytest.raises(UserError, match=MANIFEST):
        both_parts(data)
    record("data files damaged", 1)


def refused(done: subprocess.CompletedProcess) -> str:
    """The message of a stage that failed without a traceback."""
    text = done.stdout + done.stderr
    assert done.returncode != 0, text
    assert "Traceback" not in text, text
    return text


def test_training_on_damaged_data_is_refused(smoke_tree, data, tmp_path):
    flip_a_bit(data / FILES[0])
    words = stage_command(smoke_tree, "train", data=data, results=tmp_path / "results")
    assert FILES[0] in refused(run_in(smoke_tree, *words))
    assert not (tmp_path / "results/models").exists()


# A results folder on a small file system of its own, seen by one process and its children only.
NAMESPACE = [*IN_MOUNT_NAMESPACE, "sh", "-ec"]
FULL = """
cp -a results "$1"; mount -t tmpfs -o size=100m tmpfs results; cp -a "$1"/. results
used=$(du -sB1 results | cut -f1)
mount -o remount,size=$((used + $2)) results
shift 2
status=0; "$@" || status=$?
echo "status $status"; find results
mount -o remount,size=100m results
"$@"; echo "then $?"
"""
READ_ONLY = 'mount --bind results results; mount -o remount,bind,ro results; "$@"'


@pytest.mark.needs("mount namespace")
@pytest.mark.parametrize(
    ("stage", "room", "refused"),
    [
        ("train", 20_000, "results/checkpoints"),
        ("train", 1_150_000, "results/models"),  # enough for a checkpoint
        ("evaluate", 0, "results/metrics"),
        ("compare", 0, "results/metrics.csv"),
        ("figures", 20_000, "results/figures"),
        ("track", 20_000, "results/mlflow.db"),
        ("report", 20_000, "results/report.html"),
    ],
)
def test_a_full_disk_loses_nothing(smoke_tree, tmp_path, stage, room, refused, record):
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
    assert refused in done.stderr
    assert "then 0" in done.stdout, done.stdout + done.stderr
    for path in before:
        name = path.relative_to(tree)
        # MLflow's store is no file of ours: half-filled, it is filled by the rerun.
        if name.parts[1] in gone and not name.parts[1].startswith(("mlflow.db", "mlartifacts")):
            assert str(name) not in first.split(), f"{name} is there without room for it"
    record("disks full", 1)


@pytest.mark.needs("mount namespace")
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
    record("read-only folders", 1)


# Run by the Python of every process: one that trains takes a data file away as it ends.
TAKEN = """
import atexit, pathlib, sys
if sys.argv and sys.argv[0].endswith("train.py"):
    atexit.register(pathlib.Path("data/mnist/train-labels-idx1-ubyte").unlink)
"""


def test_data_removed_while_the_pipeline_runs_are_named_and_fetched_again(
    smoke_tree, tmp_path, record
):
    tree = a_copy(smoke_tree, tmp_path / "tree")
    names = [f"results/models/{model}-z3-s0.safetensors" for model in ("ae", "vae")]
    for name in names:
        (tree / name).unlink()
    words = ["snakemake", "--cores", "1", "--latency-wait", "1", *names]
    done = run_in(tree, *words, **with_site(tmp_path / "site", TAKEN, tree))
    assert "data/mnist/train-labels-idx1-ubyte (missing" in refused(done)
    [missing] = [name for name in names if not (tree / name).exists()]
    assert run_in(tree, "snakemake", "--cores", "1", missing).returncode == 0
    assert (tree / missing).read_bytes() == (smoke_tree / missing).read_bytes()
    record("data files removed while the pipeline runs", 1)


@contextmanager
def held(database: Path):
    """Another process is writing to the database."""
    code = "import sqlite3, sys; d = sqlite3.connect(sys.argv[1]); d.execute('BEGIN EXCLUSIVE')"
    words = [sys.executable, "-c", f"{code}; print(flush=True); sys.stdin.read()", str(database)]
    with subprocess.Popen(words, stdin=PIPE, stdout=PIPE) as process:
        process.stdout.readline()
        yield
        process.stdin.close()


@contextmanager
def written_over(database: Path):
    """It is no database any more; its backup is put back afterwards."""
    whole = database.read_bytes()
    database.write_bytes(b"\0not a database" * 1000)
    yield
    database.write_bytes(whole)


@contextmanager
def of_a_newer_mlflow(database: Path):
    """Its schema has a version that the installed MLflow does not know."""

    def set_version(version: str) -> str:
        with closing(sqlite3.connect(database)) as connection, connection:
            [(before,)] = connection.execute("SELECT version_num FROM alembic_version")
            connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
        return before

    own = set_version("f" * 12)
    yield
    set_version(own)


@pytest.mark.parametrize("fault", [held, written_over, of_a_newer_mlflow])
def test_a_store_that_fails_costs_no_result(smoke_tree, tmp_path, fault, record):
    tree = a_copy(smoke_tree, tmp_path / "tree")
    digests = tree / "results/digest.json"
    for name in ("mlflow.json", "digest.json"):
        (tree / "results" / name).unlink()
    with fault(tree / "results/mlflow.db"):
        text = refused(run_in(tree, *stage_command(tree, "track")))
        assert "vaepipe: MLflow's store sqlite:///results/mlflow.db can't be used" in text
        assert "All results are kept" in text
        assert not (tree / "results/mlflow.json").exists()
        assert run_in(tree, *stage_command(tree, "provenance")).returncode == 0
        assert digests.read_text() == (smoke_tree / "results/digest.json").read_text()
    assert run_in(tree, *stage_command(tree, "track")).returncode == 0
    there = (read_json(t / "results/mlflow.json")["runs"] for t in (tree, smoke_tree))
    assert next(there) == next(there)
    record("MLflow databases locked, corrupt or of another version", 1)


def test_a_run_whose_loss_is_not_finite_is_shown_and_the_others_are_compared(
    smoke_tree, tmp_path, record
):
    """It says where, its last good weights are kept, and the page counts it as failed."""
    tree = a_copy(smoke_tree, tmp_path / "tree")
    results = Results(tree / "results")
    run, *others = (Run(model, 3, 0) for model in ("ae", "vae", "cvae"))
    words = stage_command(tree, "train", learning_rate="1e9", activation="relu")
    done = run_in(tree, *words)
    assert done.returncode == 0, done.stderr
    for part in ("model ae", "3 latents", "seed 0", "epoch 1", "step", "learning_rate"):
        assert part in done.stderr
    assert "Traceback" not in done.stderr
    model, note = weights.load(results.model(run))
    assert "not finite" in note["failed"]
    assert all(p.isfinite().all() for p in model.parameters())

    for stage in ("evaluate", "compare", "figures", "report"):
        done = run_in(tree, *stage_command(tree, stage))
        assert done.returncode == 0, done.stderr
    page = (tree / "results/report.html").read_text()
    assert "ae-z3-s0 failed and is not part of any mean" in page
    table, compared = (
        pd.read_csv(p).set_index("model") for p in (results.metrics_table, results.comparison_table)
    )
    assert pd.isna(table.loc["ae", "reconstruction_cross_entropy"])
    assert set(compared.index) == {other.model for other in others}
    record("losses made not finite", 1)


def test_short_memory_names_the_setting(smoke_tree, tmp_path, record):
    """No half is left, and the chunk of params.yaml is not too large for the same memory."""
    out, enough = tmp_path / "metrics.json", params.check_file(smoke_tree / "params.yaml")

    def evaluated(**changed: int) -> subprocess.CompletedProcess:
        words = stage_command(smoke_tree, "evaluate", out=out, device="cpu", **changed)
        model = words.index("--weights") + 1
        words[model] = words[model].replace("/ae", "/vae")
        return run_in(smoke_tree, "sh", "-c", 'ulimit -v 6000000; exec "$@"', "sh", *words)

    assert "evaluate.chunk" in refused(evaluated(chunk=10**8, importance_samples=20_000))
    assert not out.exists()
    assert evaluated(chunk=enough.evaluate.chunk).returncode == 0
    there = smoke_tree / "results/metrics/vae-z3-s0.json"
    assert read_json(out)["metrics"] == pytest.approx(read_json(there)["metrics"])
    record("memory too short", 1)
