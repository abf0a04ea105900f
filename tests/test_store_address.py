"""Which stores a cluster may log to."""

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from vaepipe.core.errors import UserError
from vaepipe.results import Results
from vaepipe.tracking import store
from vaepipe.tracking.address import check_for_cluster, file_system, sqlite_path

MOUNTS = [("/", "overlay"), ("/home", "nfs4"), ("/home/ann/scratch", "ext4"), ("/homes", "xfs")]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/tmp/file", "overlay"),
        ("/home/ann/file", "nfs4"),
        ("/home/ann/scratch/deep/file", "ext4"),
        ("/homes/file", "xfs"),
    ],
)
def test_the_file_system_of_a_path_is_that_of_its_deepest_mount(path, kind):
    assert file_system(Path(path), MOUNTS) == kind


def test_a_later_mount_hides_an_earlier_one():
    assert file_system(Path("/home/file"), [*MOUNTS, ("/home", "ext4")]) == "ext4"


def test_the_machines_own_file_systems_are_read(tmp_path):
    assert file_system(tmp_path)


@pytest.fixture
def on_nfs(tmp_path, monkeypatch) -> Path:
    """A folder that the machine says is on a network file system."""
    parts = [SimpleNamespace(mountpoint="/", fstype="ext4")]
    parts.append(SimpleNamespace(mountpoint=str(tmp_path), fstype="nfs4"))
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: parts)
    return tmp_path


def test_sqlite_on_a_network_file_system_is_refused(on_nfs):
    with pytest.raises(UserError) as told:
        check_for_cluster(f"sqlite:///{on_nfs}/results/mlflow.db")
    for part in ("mlflow.db", "nfs4", "MLFLOW_TRACKING_URI", "docs/scaling.md"):
        assert part in str(told.value)


def test_other_stores_and_other_disks_are_not_refused(on_nfs):
    for uri in ("http://127.0.0.1:5000", "postgresql://db.example.org/mlflow", "sqlite:////x.db"):
        check_for_cluster(uri)


@pytest.mark.parametrize("job", [True, False])
def test_only_a_job_of_a_cluster_is_refused(on_nfs, monkeypatch, job, schema):
    uri = f"sqlite:///{on_nfs}/mlflow.db"
    (on_nfs / "mlflow.db").write_bytes(schema.read_bytes())
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    if not job:
        assert store.connect(uri, "vaepipe", Results(on_nfs)).uri == uri
        return
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    with pytest.raises(UserError, match="network file system"):
        store.connect(uri, "vaepipe", Results(on_nfs))


def test_the_path_of_an_sqlite_address():
    assert sqlite_path("sqlite:///results/mlflow.db?timeout=5") == Path("results/mlflow.db")
    assert sqlite_path("sqlite:////scratch/mlflow.db") == Path("/scratch/mlflow.db")
    assert sqlite_path("postgresql://db/mlflow") is None
