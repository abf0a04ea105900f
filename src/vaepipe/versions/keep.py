"""What takes hours to make again survives a rerun that fails.

Snakemake deletes the outputs of a job before it starts, and again when it fails. So all that is
trained or measured is linked into `results/kept/` before the first job; after the last one, what is
gone is put back, and the links are removed. After a SIGKILL the links stay, and the next run that
ends puts back what is still gone. The links take no space of their own on the disk.

Why not Snakemake's own `update(...)`: it puts the old files back when the job fails, but records
them as made with the new params, so that the next run takes them for up to date.
"""

import os
import shutil
from pathlib import Path

from vaepipe.core.errors import UserError
from vaepipe.results import Results

KEPT = "kept"
OF_RUNS = ("models/*", "history/*", "timing/*", "metrics/*")
PRECIOUS = (*OF_RUNS, *(f"sweep/*/{pattern}" for pattern in OF_RUNS), "classifier.*")
# Older than every input, so that Snakemake makes the file again.
OUTDATED = (1, 1)


def keep(results: Results) -> None:
    """Link what a job may delete into `kept/`.

    Raises:
        UserError: the folder can't be written.
    """
    try:
        for pattern in PRECIOUS:
            for path in results.folder.glob(pattern):
                if path.is_file() and not path.name.startswith("."):
                    link(path, results.folder / KEPT / path.relative_to(results.folder))
    except OSError as error:
        raise UserError(f"{error.filename} can't be written: {error.strerror}") from error


def put_back(results: Results) -> list[Path]:
    """Move back what is gone, dated so that it counts as outdated, and remove `kept/`.

    Returns:
        The files that were put back.

    Raises:
        UserError: a folder can't be written; the files stay in `kept/`.
    """
    kept = results.folder / KEPT
    files = sorted(path for path in kept.rglob("*") if path.is_file())
    gone = {path: results.folder / path.relative_to(kept) for path in files}
    gone = {path: place for path, place in gone.items() if not place.exists()}
    try:
        for path, place in gone.items():
            place.parent.mkdir(parents=True, exist_ok=True)
            os.utime(path, OUTDATED)
            path.replace(place)
    except OSError as error:
        raise UserError(f"{error.filename} can't be put back: {error.strerror}") from error
    shutil.rmtree(kept, ignore_errors=True)
    return list(gone.values())


def link(path: Path, to: Path) -> None:
    """Give a file a second name, or a copy where the file system has no such names."""
    to.parent.mkdir(parents=True, exist_ok=True)
    to.unlink(missing_ok=True)
    try:
        os.link(path, to)
    except OSError:
        shutil.copy2(path, to)
