"""Where runs are logged, and whether that store may be used from a cluster.

Light to import: the Snakefile asks before the first job, so that hours of training don't end with a
store that can't be used.
"""

import os
from collections.abc import Iterable
from pathlib import Path

import psutil

from vaepipe.core.errors import UserError
from vaepipe.results import Results

LOG_AGAIN = (
    "run `make track` to log the results; those of a preset by `make track CONFIG=params/NAME.yaml`"
)
# As /proc/mounts names them. SQLite's locks don't hold there between machines:
# https://sqlite.org/faq.html#q5
NETWORK_FILE_SYSTEMS = {
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "fuse.ceph-fuse",
    "fuse.glusterfs",
    "fuse.sshfs",
    "gfs2",
    "glusterfs",
    "gpfs",
    "lustre",
    "nfs",
    "nfs4",
    "orangefs",
    "panfs",
    "smb3",
    "smbfs",
    "wekafs",
}


def store_uri(results: Results) -> str:
    """Where runs are logged: MLFLOW_TRACKING_URI, or an sqlite file among the results."""
    default = f"sqlite:///{results.mlflow / 'mlflow.db'}"
    return os.environ.get("MLFLOW_TRACKING_URI") or default


def sqlite_path(uri: str) -> Path | None:
    """The file of an SQLite store; None if the store is another."""
    if not uri.startswith("sqlite:"):
        return None
    return Path(uri.removeprefix("sqlite:///").partition("?")[0])


def file_system(path: Path, mounts: Iterable[tuple[str, str]] | None = None) -> str:
    """The type of the file system that a path is or would be on, such as `ext4`; "" if unknown.

    Args:
        mounts: folder and type of each mounted file system; by default the machine's.
    """
    if mounts is None:
        mounts = [(part.mountpoint, part.fstype) for part in psutil.disk_partitions(all=True)]
    whole = path.resolve()
    holding = [(Path(folder), kind) for folder, kind in mounts if whole.is_relative_to(folder)]
    # A later mount on the same folder hides an earlier one.
    deepest = max((len(folder.parts) for folder, _ in holding), default=0)
    return next((kind for folder, kind in reversed(holding) if len(folder.parts) == deepest), "")


def check_for_cluster(uri: str) -> None:
    """Refuse a store that several machines can't write to.

    Raises:
        UserError: it is an SQLite file on a network file system.
    """
    path = sqlite_path(uri)
    if path is None:
        return
    kind = file_system(path)
    if kind in NETWORK_FILE_SYSTEMS:
        raise UserError(
            f"MLflow's store {path} is SQLite on a network file system ({kind}), where its locks do"
            " not hold between the nodes of a cluster and the file can be damaged. Set"
            " MLFLOW_TRACKING_URI to a server (docs/scaling.md), or to an SQLite file on a local"
            " disk of the machine that runs Snakemake: sqlite:////scratch/mlflow.db"
        )
