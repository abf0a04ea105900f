"""What the results were made with, read once by a stage, so that no later one asks git or the
machine."""

import json
import os
from pathlib import Path
from typing import Any

from safetensors import safe_open

from vaepipe.core.errors import UserError
from vaepipe.core.files import parse_yaml
from vaepipe.core.provenance import git, git_state, processor, versions
from vaepipe.results import Results
from vaepipe.versions.diff import since_earlier


def provenance(root: Path, results: Results) -> dict[str, Any]:
    """Commit, versions and processor of this process, and what differs from what is committed.

    Returns:
        `git` (commit, clean), `versions`, `processor`; `classify`, the settings of the classifier;
        `committed_params`, the params.yaml of the commit, or None; `changes`, `as_json` of what
        changed since the committed version before, or None.
    """
    return {
        "git": git_state(root),
        "versions": versions(),
        "processor": processor(),
        "classify": of_classifier(results.classifier),
        "committed_params": committed_params(root),
        "changes": since_earlier(Path(os.path.abspath(results.folder)).parent),
    }


def of_classifier(path: Path) -> dict[str, Any]:
    """The settings that the classifier was trained with; empty where its file does not say."""
    # Not by vaepipe.models.weights, which imports PyTorch.
    with safe_open(path, framework="numpy") as file:
        return json.loads(file.metadata()["vaepipe"]).get("classify", {})


def committed_params(root: Path) -> dict[str, dict[str, Any]] | None:
    """params.yaml as it was committed; None where there is no git or no such file in it."""
    try:
        return parse_yaml(git(root, "show", "HEAD:./params.yaml"))
    except UserError:
        return None
