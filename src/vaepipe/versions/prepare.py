"""What DVC's first stage does with the results that it finds, before any other stage runs.

DVC deletes the outputs of a stage before it runs the stage's command, and has no hook before that.
So the check stage, which all others wait for, looks first. DVC runs it whenever its output,
`results/params.checked`, is missing: Snakemake removes that file when it begins to work.
"""

import hashlib
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from vaepipe.core.errors import UserError
from vaepipe.core.files import write_text
from vaepipe.results import Results, Run
from vaepipe.versions.commands import run, some

NAME = re.compile(r"[a-z0-9]+(-(beta|lr)[0-9.]+)?-z\d+-s\d+")
CHECKED = "The params are what src/vaepipe/params.py allows.\n"
OF_RUNS = {"models", "history", "timing", "metrics", "figures"}  # folders of files named for runs


def prepare(root: Path, results: Results, runs: list[Run]) -> None:
    """Refuse to lose trained runs, then set aside what belongs to no run of the params.

    Raises:
        UserError: DVC would delete trained runs and could not bring them back.
    """
    trained = [path for r in runs for path in (results.model(r), results.history(r))]
    if lost := not_in_cache(root, [path for path in trained if path.exists()]):
        raise UserError(
            f"{some(lost)}: not in DVC's cache, so `dvc repro` would delete what only Snakemake has"
            " made. `vaepipe handover dvc` gives the results to DVC. If they are of no use, move"
            f" {results.folder}/models and {results.folder}/history away"
        )
    set_aside(results, runs)


def not_in_cache(root: Path, files: Iterable[Path]) -> list[Path]:
    """The files whose content DVC's cache does not have: `dvc checkout` can't bring them back.

    A file lies in the cache under the MD5 of its bytes
    (https://dvc.org/doc/user-guide/project-structure/internal-files).
    """
    files = list(files)
    if not files:
        return []
    cache = root / run(root, "dvc", "cache", "dir").strip() / "files" / "md5"
    return [path for path in files if not _place(cache, path).exists()]


def _place(cache: Path, path: Path) -> Path:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    return cache / digest[:2] / digest[2:]


def mark_checked(path: Path) -> None:
    """Say that DVC may go on; the same text for all params, so that nothing is run again for it."""
    write_text(path, CHECKED)


def set_aside(results: Results, runs: list[Run]) -> None:
    """Move the results of all other runs to `aside/`, with a message.

    DVC's later stages depend on whole folders: what another matrix left in them would be part of
    this version, but of no other tree that checks it out.
    """
    names = {run.name for run in runs}
    for path in sorted(results.folder.glob("*/*")):
        folder, name = path.parent.name, path.stem
        if folder in OF_RUNS and NAME.fullmatch(name) and name not in names:
            place = results.folder / "aside" / folder / path.name
            place.parent.mkdir(parents=True, exist_ok=True)
            path.replace(place)
            print(f"set aside, of no run in the params: {place}", file=sys.stderr)
