"""What the results were made with, read once by a stage, so that no later one asks git or the
machine."""

from pathlib import Path
from typing import Any

import yaml

from vaepipe.core.errors import UserError
from vaepipe.core.provenance import git, git_state, processor, versions
from vaepipe.results import Results
from vaepipe.versions.diff import since_earlier


def provenance(root: Path, results: Results) -> dict[str, Any]:
    """Commit, versions and processor of this process, and what differs from what is committed.

    Returns:
        `git` (commit, clean), `versions`, `processor`; `committed_params`, the params.yaml of the
        commit, or None; `changes`, `as_json` of what changed since the committed version before,
        or None.
    """
    return {
        "git": git_state(root),
        "versions": versions(),
        "processor": processor(),
        "committed_params": committed_params(root),
        "changes": since_earlier(results.folder.resolve().parent),
    }


def committed_params(root: Path) -> dict[str, dict[str, Any]] | None:
    """params.yaml as it was committed; None where there is no git or no such file in it."""
    try:
        return yaml.safe_load(git(root, "show", "HEAD:./params.yaml"))
    except UserError:
        return None
