"""Snakemake and DVC never work on one tree at once."""

import atexit
import sys
from contextlib import ExitStack
from pathlib import Path

from vaepipe.core.errors import UserError
from vaepipe.results import Results


def lock_out_dvc(root: Path) -> None:
    """Keep DVC from this tree until this process ends, and have it look first when it comes next.

    Raises:
        UserError: a DVC command is at work; the text names it and says how to go on.
    """
    if (root / ".dvc").is_dir():
        _claim(root)
        Results(root / "results").params_checked.unlink(missing_ok=True)  # see `prepare`


def _claim(root: Path) -> None:
    """Claim all data and results in DVC's own lock.

    DVC holds the repository's lock except while a stage's command runs, and then that stage's
    files in `.dvc/tmp/rwlock`: who gets both can be sure that no DVC command runs. A claim in
    `rwlock` names its process, and DVC drops the claim of one that is no more.

    DVC has no public way to take these locks: its documentation names the two files, its commands
    and `dvc.api` don't hold them for others. A lock of our own would not do, because DVC deletes a
    stage's outputs before the stage's command could ask for it.
    """
    from dvc.fs import localfs  # noqa: TID251 - private, see above, like the four below
    from dvc.lock import LockError  # noqa: TID251
    from dvc.repo import Repo  # noqa: TID251
    from dvc.rwlock import rwlock  # noqa: TID251
    from dvc.scm import SCMError  # noqa: TID251

    claim = ExitStack()
    name = f"{' '.join(sys.argv)} [Snakemake; when it has ended: vaepipe handover dvc]"
    claimed = [str(root.absolute() / folder) for folder in ("data", "results")]
    try:
        with Repo(str(root)) as repo, repo.lock:
            hardlink = repo.config["core"].get("hardlink_lock", False)
            claim.enter_context(rwlock(repo.tmp_dir, localfs, name, [], claimed, hardlink))
    except LockError as error:
        lines = [line.strip() for line in str(error).splitlines() if "(PID" in line]
        holder = ", ".join(dict.fromkeys(lines)) or f"(PID {_lock_owner(root)})"
        raise UserError(
            f"DVC is at work on this tree: {holder}. Wait until it has ended, or end it;"
            " then `vaepipe handover snakemake` lets Snakemake go on from its results"
        ) from error
    except SCMError:
        return  # outside git, where DVC does not work
    except OSError as error:
        raise UserError(f"DVC's lock can't be taken: {error}") from error
    atexit.register(claim.close)


def _lock_owner(root: Path) -> str:
    return (root / ".dvc/tmp/lock").read_text(encoding="utf-8").strip() or "unknown"
