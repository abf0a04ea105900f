"""DVC and Snakemake as commands: what each says about the tree."""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from vaepipe.core.errors import UserError


def run(root: Path, tool: str, *words: str) -> str:
    """What a command of `dvc` or `snakemake` prints on its standard output.

    Raises:
        UserError: it failed; the text is the command's own.
    """
    done = subprocess.run(
        [sys.executable, "-m", tool, *words], cwd=root, capture_output=True, text=True
    )
    if done.returncode:
        text = (done.stderr or done.stdout).strip()
        raise UserError(f"{tool} {' '.join(words)} failed, no result was removed:\n{text}")
    return done.stdout


def dvc_status(root: Path) -> dict[str, list]:
    """What `dvc status` finds changed, by stage."""
    return json.loads(run(root, "dvc", "status", "--json"))


def snakemake_view(root: Path) -> tuple[list[str], list[str]]:
    """Files that Snakemake would make anew, and files of which it has no record."""
    _, *lines = run(root, "snakemake", "--detailed-summary").splitlines()
    rows = [line.split("\t") for line in lines]  # file, ..., command, status, plan
    outdated = [row[0] for row in rows if row[-1] != "no update"]
    # It records the command of every file that it has made.
    unknown = [row[0] for row in rows if row[5] == "-"]
    return sorted(outdated), sorted(unknown)


def some(names: Iterable[object]) -> str:
    """The first three names, and how many there are beside them."""
    words = [str(name) for name in names]
    return ", ".join(words[:3]) + (f" and {len(words) - 3} more" if len(words) > 3 else "")
