"""A version of the results: what one git revision, or the working tree, holds of them.

Small results lie in git, large ones in DVC's cache or remote; `dvc.api` reads both alike.
"""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from vaepipe.core.errors import UserError
from vaepipe.core.files import parse_yaml
from vaepipe.core.provenance import git
from vaepipe.figures import NAMES
from vaepipe.results import Results, Run

Read = Callable[[Path], bytes]
PLACES = Results()
COLUMNS = ("model", "latent_dim", "metric", "n", "mean", "sd", "high")


@dataclass(frozen=True)
class Version:
    """One version of the results.

    Attributes:
        name: the revision as it was asked for, or `workspace`.
        commit: short hash, date and subject; empty for the working tree.
        params: values by dotted key, such as `train.epochs`.
        comparison: the table of `vaepipe.evaluation.tables.comparison_table`.
        digests: SHA-256 by file, as in `results/digest.json`.
        packages: version by package, of the process that trained.
        figures: PNG by name; those that can't be had are left out.
    """

    name: str
    commit: str
    params: dict[str, Any]
    comparison: pd.DataFrame
    digests: dict[str, str]
    packages: dict[str, str]
    figures: dict[str, bytes]


def commit_of(root: Path, rev: str) -> str:
    """The hash of the commit that a revision or a DVC experiment's name stands for.

    Raises:
        UserError: there is none.
    """
    try:
        return git(
            root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}"
        )
    except UserError:
        found = git(root, "for-each-ref", "--format=%(objectname)", f"refs/exps/*/*/{rev}").split()
        if not found:
            raise UserError(
                f"{rev} is neither a git revision nor a DVC experiment of this repository;"
                " `git log --oneline`, `git tag` and `dvc exp list` show what there is"
            ) from None
        return found[-1]


def read_version(root: Path, rev: str | None) -> Version:
    """The version of a git revision or DVC experiment, or that of the working tree for None.

    Raises:
        UserError: the revision is unknown or holds no results.
    """
    if rev is None:
        name, commit, read = "workspace", "", _from_disk(root)
    else:
        sha = commit_of(root, rev)
        commit = git(root, "show", "--no-patch", "--format=%h, %cs: %s", sha)
        name, read = rev, _from_dvc(root, sha)
    try:
        comparison = pd.read_csv(io.BytesIO(read(PLACES.comparison_table)))
        params = parse_yaml(read(Path("params.yaml")))
    except OSError as error:
        raise UserError(
            f"{name} holds no results: {error.filename or error} is missing there. Results are"
            " part of a version once `vaepipe handover dvc` or `dvc repro` was committed to git"
        ) from error
    except (ValueError, yaml.YAMLError) as error:  # such as marks of a conflict
        reason = str(error).splitlines()[0]
        raise UserError(f"{name} holds results that can't be read: {reason}") from error
    if lacking := [column for column in COLUMNS if column not in comparison]:
        raise UserError(f"{name} holds results of another form, without {', '.join(lacking)}")
    if not isinstance(params, dict) or "matrix" not in params:
        raise UserError(f"{name} holds a params.yaml of another form, without a matrix")
    return Version(
        name,
        commit,
        _dotted(params),
        comparison,
        _optional_json(read, PLACES.digest).get("files", {}),
        _optional_json(read, PLACES.timing(_first_run(params))).get("versions", {}),
        {name: png for name in NAMES if (png := _optional(read, PLACES.figure(name)))},
    )


def earlier(root: Path) -> str | None:
    """The newest commit up to HEAD whose comparison is not the working tree's, if there is one.

    Results that were since taken out of the repository are no earlier version.
    """
    now = (root / PLACES.comparison_table).read_text(encoding="utf-8").strip()
    try:
        table = PLACES.comparison_table.as_posix()
        for sha in git(root, "log", "--format=%h", "--diff-filter=AMD", "--", table).split():
            if not git(root, "ls-tree", "--name-only", sha, "--", table):
                return None
            if git(root, "show", f"{sha}:./{table}") != now:
                return sha
    except UserError:
        return None  # not a git repository, or one without commits
    return None


def _from_disk(root: Path) -> Read:
    return lambda path: (root / path).read_bytes()


def _from_dvc(root: Path, sha: str) -> Read:
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException

    # dvc.api lets this one through for a folder that neither cache nor remote has.
    from dvc_data.index import DataIndexDirError  # noqa: TID251

    tree = DVCFileSystem(url=str(root), rev=sha)

    def read(path: Path) -> bytes:
        try:
            return tree.cat_file(path.as_posix())
        except (DvcException, DataIndexDirError) as error:
            raise OSError(str(error)) from error

    return read


def _optional(read: Read, path: Path) -> bytes | None:
    """The file, or None: older versions lack some, and a cache may lack others."""
    try:
        return read(path)
    except OSError:
        return None


def _optional_json(read: Read, path: Path) -> dict[str, Any]:
    return json.loads(_optional(read, path) or "{}")


def _first_run(params: Mapping[str, Any]) -> Run:
    matrix = params["matrix"]
    return Run(*(matrix[key][0] for key in ("models", "latent_dims", "seeds")))


def _dotted(params: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{name}.{key}": v for name, values in params.items() for key, v in values.items()}
