"""A rerun that fails costs nothing that takes long to make again, under either driver."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from conftest import a_copy, environment_of, git, run_in
from vaepipe.data.manifest import FILES
from vaepipe.results import Results
from vaepipe.versions.keep import KEPT, keep, put_back

PRECIOUS = ("models/*", "history/*", "metrics/*", "classifier.*")
NO_CUDA = pytest.mark.needs("no GPU")
MODEL = "results/models/ae-z3-s0.safetensors"


def precious(tree: Path) -> dict[str, bytes]:
    """What is trained or measured, by its name."""
    found = [path for pattern in PRECIOUS for path in (tree / "results").glob(pattern)]
    assert len(found) >= 11
    return {str(path.relative_to(tree)): path.read_bytes() for path in found}


def data_of(tree: Path) -> dict[str, tuple[bytes, int]]:
    """The content and date of each file of the data set."""
    files = (path for path in (tree / "data/mnist").iterdir() if path.is_file())
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def change(tree: Path, section: str, **values: object) -> None:
    """Change settings in the tree's params.yaml."""
    params = yaml.safe_load((tree / "params.yaml").read_text())
    params[section] |= values
    (tree / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def failed(done: subprocess.CompletedProcess) -> str:
    text = done.stdout + done.stderr
    assert done.returncode != 0, text
    assert "Traceback" not in text, text
    return text


def succeeded(done: subprocess.CompletedProcess) -> str:
    text = done.stdout + done.stderr
    assert done.returncode == 0, text
    return text


def snakemake(tree: Path, *words: str) -> subprocess.CompletedProcess:
    return run_in(tree, "snakemake", "--cores", "1", *words)


def planned(tree: Path, *words: str) -> str:
    return succeeded(run_in(tree, "snakemake", "-n", *words))


# The data


def test_snakemake_does_not_fetch_right_files_from_another_source(smoke_tree):
    other = ("--config", "data={source: /nowhere}")
    assert "Nothing to be done" in planned(smoke_tree, *other)


def test_dvc_leaves_right_files_where_the_source_is_another(version, tmp_path):
    tree = a_copy(version, tmp_path / "tree")
    before = data_of(tree)
    change(tree, "data", source="/nowhere")
    text = succeeded(run_in(tree, "dvc", "repro"))
    ran = {line.split("'")[1] for line in text.splitlines() if line.startswith("Running stage")}
    assert ran == {"check", "download"}
    assert data_of(tree) == before


def fetched_by_snakemake(tree: Path, source: str) -> subprocess.CompletedProcess:
    target = ("--forcerun", "download", "--", "data/mnist/manifest.json")
    return snakemake(tree, "--config", f"data={{source: {source}}}", *target)


def fetched_by_dvc(tree: Path, source: str) -> subprocess.CompletedProcess:
    change(tree, "data", source=source)
    return run_in(tree, "dvc", "repro", "--force", "download")


BY_EITHER = pytest.mark.parametrize("fetched", [fetched_by_snakemake, fetched_by_dvc])


@BY_EITHER
def test_a_forced_fetch_leaves_right_files(version, tmp_path, fetched):
    tree = a_copy(version, tmp_path / "tree")
    before = data_of(tree)
    succeeded(fetched(tree, "/nowhere"))
    assert {k: v[0] for k, v in data_of(tree).items()} == {k: v[0] for k, v in before.items()}


@BY_EITHER
@pytest.mark.parametrize("damage", [Path.unlink, flip], ids=["missing", "corrupt"])
def test_a_fetch_that_fails_costs_no_file(version, tmp_path, fetched, damage, record):
    """Those that are right are needed, and offline could not be had again."""
    tree = a_copy(version, tmp_path / "tree")
    damage(tree / "data/mnist" / FILES[1])
    before = {name: content for name, (content, _) in data_of(tree).items()}
    assert "/nowhere" in failed(fetched(tree, "/nowhere"))
    assert {name: content for name, (content, _) in data_of(tree).items()} == before
    # With a source that delivers, the next one mends it.
    source = tmp_path / "source"
    shutil.copytree(version / "data/mnist", source)
    succeeded(fetched(tree, str(source)))
    assert {k: v[0] for k, v in data_of(tree).items()} == {
        k: v[0] for k, v in data_of(version).items()
    }
    record("fetches that fail beside files that are there", 1)


# Snakemake


@NO_CUDA
@pytest.mark.parametrize("stage", ["train", "classify", "evaluate"])
def test_snakemake_puts_back_what_a_failed_rerun_deleted(smoke_tree, tmp_path, stage, record):
    tree = a_copy(smoke_tree, tmp_path / "tree")
    before = precious(tree)
    settings = ("--config", f"{stage}={{device: cuda}}")
    text = failed(snakemake(tree, "--keep-going", *settings))
    assert "put back" in text
    assert precious(tree) == before
    assert not (tree / "results" / KEPT).exists()

    # They are not taken for what the new settings give, nor for what the old ones gave.
    jobs = {"train": 3, "classify": 1, "evaluate": 3}[stage]
    for words in (settings, ()):
        plan = planned(tree, *words)
        assert f"\n{stage} " in plan
        assert plan.count(f"rule {stage}:") == jobs
    succeeded(snakemake(tree, "--touch"))
    assert "Nothing to be done" in planned(tree)
    assert precious(tree) == before
    record("reruns that fail over results that are there", 1)


def test_snakemake_puts_back_runs_whose_data_are_gone(smoke_tree, tmp_path, record):
    tree = a_copy(smoke_tree, tmp_path / "tree")
    before = precious(tree)
    flip(tree / "data/mnist" / FILES[0])
    assert FILES[0] in failed(snakemake(tree, "--keep-going"))
    assert precious(tree) == before
    record("reruns that fail over results that are there", 1)


@NO_CUDA
def test_a_killed_snakemake_leaves_what_its_jobs_deleted(smoke_tree, tmp_path, record):
    """The links stay, and the next run puts back what it can't make."""
    tree = a_copy(smoke_tree, tmp_path / "tree")
    before = precious(tree)
    words = ["snakemake", "--cores", "1", MODEL, "--config", "train={epochs: 100000}"]
    with (tree / "driver.log").open("w") as log:
        driver = subprocess.Popen(
            words,
            cwd=tree,
            env=environment_of(tree),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        deadline = time.monotonic() + 60
        while (tree / MODEL).exists():
            assert driver.poll() is None, (tree / "driver.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        os.killpg(driver.pid, signal.SIGKILL)
        driver.wait()
    assert (tree / "results" / KEPT / "models" / Path(MODEL).name).read_bytes() == before[MODEL]

    assert run_in(tree, "snakemake", "--unlock").returncode == 0
    failed(snakemake(tree, "--config", "train={device: cuda}", "--", MODEL))
    assert precious(tree) == before
    assert not (tree / "results" / KEPT).exists()
    record("drivers killed (SIGKILL)", 1)


def test_results_that_a_rerun_delivered_are_not_replaced(tmp_path):
    results = Results(tmp_path)
    names = ("models/a", "models/b", "classifier.json", "sweep/lr-0.001/models/a")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("old")
    keep(results)
    for name in (
        *names[:2],
        names[3],
    ):
        (tmp_path / name).unlink()
    (tmp_path / "models/a").write_text("new")
    assert put_back(results) == [tmp_path / name for name in (names[1], names[3])]
    assert [(tmp_path / name).read_text() for name in names] == ["new", "old", "old", "old"]
    assert {path.name for path in tmp_path.iterdir()} == {"models", "classifier.json", "sweep"}
    assert put_back(results) == []


# DVC


@NO_CUDA
@pytest.mark.parametrize("stage", ["train", "classify", "evaluate"])
def test_a_failed_rerun_of_dvc_costs_nothing(version, tmp_path, stage, record):
    """What it deletes is in its cache; what is not in its cache it leaves where it is."""
    tree = a_copy(version, tmp_path / "tree")
    before = precious(tree)
    change(tree, stage, device="cuda")
    assert "which this machine does not have" in failed(run_in(tree, "dvc", "repro"))
    if stage != "train":
        assert precious(tree) == before
    assert stage in failed(run_in(tree, "dvc", "repro"))  # not taken for what it should make

    git(tree, "checkout", "params.yaml", "dvc.lock")
    succeeded(run_in(tree, "dvc", "checkout"))
    assert precious(tree) == before
    assert "up to date" in run_in(tree, "dvc", "status").stdout
    record("reruns that fail over results that are there", 1)


def test_dvc_does_not_delete_what_only_snakemake_has_made(smoke_tree, tmp_path):
    tree = a_copy(smoke_tree, tmp_path / "tree")
    before = precious(tree)
    change(tree, "train", epochs=2)
    text = failed(run_in(tree, "dvc", "repro"))
    assert "not in DVC's cache" in text
    assert "vaepipe handover dvc" in text
    assert precious(tree) == before


def test_dvc_looks_again_after_snakemake_has_worked(version, tmp_path):
    """Neither params nor code are others than at the hand-over, but a model is."""
    tree = a_copy(version, tmp_path / "tree")
    succeeded(snakemake(tree, "--config", "train={epochs: 2}", "--", MODEL))
    model = (tree / MODEL).read_bytes()
    assert model != (version / MODEL).read_bytes()
    assert MODEL in failed(run_in(tree, "dvc", "repro"))
    assert (tree / MODEL).read_bytes() == model
    # Once it is out of the way, DVC takes its own from the cache.
    (tree / MODEL).rename(tmp_path / "elsewhere")
    (tree / "results/history/ae-z3-s0.csv").unlink()
    succeeded(run_in(tree, "dvc", "repro", "train@ae-3-0"))
    assert (tree / MODEL).read_bytes() == (version / MODEL).read_bytes()
