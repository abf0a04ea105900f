"""Two drivers on one tree: Snakemake and DVC never run at once, and each goes on from the other.

No stage needs this module.
"""

import atexit
import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from vaepipe import params
from vaepipe.core.errors import UserError
from vaepipe.results import Results, runs_of, set_aside

# MLflow's store is no part of a version, so what names its runs is made anew in every tree.
LOCAL_STAGES = ("track",)


def lock_out_dvc(root: Path) -> None:
    """Claim all data and results in DVC's own lock until this process ends, however it ends.

    DVC holds the repository's lock except while a stage's command runs, and then that stage's
    files in `.dvc/tmp/rwlock`: who gets both can be sure that no DVC command runs. A claim in
    `rwlock` names its process, and DVC drops the claim of one that is no more.

    Raises:
        UserError: a DVC command is at work; the text names it and says how to go on.
    """
    if not (root / ".dvc").is_dir():
        return
    from dvc.fs import localfs
    from dvc.lock import LockError
    from dvc.repo import Repo
    from dvc.rwlock import rwlock
    from dvc.scm import SCMError

    claim = ExitStack()
    name = f"{' '.join(sys.argv)} [Snakemake; when it has ended: vaepipe handover dvc]"
    claimed = [str(root.absolute() / folder) for folder in ("data", "results")]
    try:
        with Repo(str(root)) as repo, repo.lock:
            hardlink = repo.config["core"].get("hardlink_lock", False)
            claim.enter_context(rwlock(repo.tmp_dir, localfs, name, [], claimed, hardlink))
    except SCMError:
        return  # outside git, where DVC does not work
    except LockError as error:
        lines = [line.strip() for line in str(error).splitlines() if "(PID" in line]
        holder = ", ".join(dict.fromkeys(lines)) or f"(PID {_lock_owner(root)})"
        raise UserError(
            f"DVC is at work on this tree: {holder}. Wait until it has ended, or end it;"
            " then `vaepipe handover snakemake` lets Snakemake go on from its results"
        ) from error
    except OSError as error:
        raise UserError(f"DVC's lock can't be taken: {error}") from error
    atexit.register(claim.close)


def _lock_owner(root: Path) -> str:
    return (root / ".dvc/tmp/lock").read_text(encoding="utf-8").strip() or "unknown"


def hand_to_dvc(root: Path) -> str:
    """After Snakemake: let DVC take the results as its own, without running anything.

    Returns:
        What was done, for people.

    Raises:
        UserError: the results are not, all of them, those that Snakemake made of params.yaml.
    """
    settings = params.check_file(root / "params.yaml")
    outdated, foreign = snakemake_view(root)
    if outdated:
        raise UserError(
            "these are not the results of params.yaml: Snakemake would make"
            f" {_some(outdated)} anew. Run `snakemake --cores 4` first. If they were made with a"
            " preset (--configfile params/NAME.yaml), `vaepipe preset NAME` writes it into"
            " params.yaml"
        )
    if foreign:
        raise UserError(
            f"Snakemake has no record of how {_some(foreign)} came about, so nobody knows whether"
            " params.yaml belongs to it. `dvc status` says whether DVC made it"
        )
    set_aside(Results(root / "results"), runs_of(settings.matrix))
    # The one stage that Snakemake does not have.
    _dvc(root, "repro", "--single-item", "--force", "check")
    _dvc(root, "commit", "--force")
    if changed := dvc_status(root):
        raise UserError(f"DVC still finds changes in {_some(changed)}: see `dvc status`")
    return "DVC has the results of params.yaml: commit dvc.lock and results/ to git"


def hand_to_snakemake(root: Path) -> str:
    """After `dvc repro`, `dvc checkout` or `dvc pull`: let Snakemake take the results as its own.

    Only the stages that name runs in MLflow's store are run again where their results are missing.

    Returns:
        What was done, for people.

    Raises:
        UserError: the results are not, all of them, those of dvc.lock and params.yaml.
    """
    settings = params.check_file(root / "params.yaml")
    set_aside(Results(root / "results"), runs_of(settings.matrix))
    changed = dvc_status(root)
    if any(stage not in LOCAL_STAGES for stage in changed):
        raise UserError(_why_not_clean(changed))
    if changed:
        _dvc(root, "repro", "--single-item", *LOCAL_STAGES)
    _run(root, "snakemake", "--touch", "--forceall", "--cores", "1", "--quiet", "all")
    outdated, _ = snakemake_view(root)
    if outdated:
        raise UserError(f"Snakemake would still make {_some(outdated)} anew: see `snakemake -n`")
    return "Snakemake has the results of params.yaml: `snakemake -n` has nothing to do"


def pull(root: Path) -> str:
    """Fetch the version that git has checked out from DVC's remote; Snakemake can go on from it.

    Returns:
        What was done, for people.

    Raises:
        UserError: the remote can't be read or lacks files, which are named; nothing was changed.
    """
    try:
        _dvc(root, "fetch")
    except UserError as error:
        raise UserError(f"DVC's remote can't be read; nothing was changed here. {error}") from error
    # DVC itself is content with a remote that lacks files.
    known = json.loads(_dvc(root, "data", "status", "--json")).get("not_in_cache", [])
    if missing := [name for name in known if not (root / name).exists()]:
        raise UserError(
            f"neither DVC's cache nor its remote has {_some(missing)}; nothing was changed here."
            " `dvc remote list` shows the remote; `dvc push` where the version was made sends what"
            " is missing, `dvc repro` makes it anew"
        )
    _dvc(root, "checkout")
    return hand_to_snakemake(root)


def snakemake_view(root: Path) -> tuple[list[str], list[str]]:
    """Files that Snakemake would make anew, and files of which it has no record."""
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import OutputSettings, Quietness, ResourceSettings

    outdated: list[str] = []
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        flow = api.workflow(ResourceSettings(cores=1), snakefile=root / "Snakefile", workdir=root)
        flow.dag().execute_workflow(executor="dryrun", updated_files=outdated)
        workflow = flow._workflow
        unknown = [
            str(path)
            for job in workflow.dag.jobs
            for path in job.output
            if workflow.persistence.metadata(path) is None
        ]
    return sorted(map(str, outdated)), sorted(unknown)


def dvc_status(root: Path) -> dict[str, list]:
    """What `dvc status` finds changed, by stage."""
    return json.loads(_dvc(root, "status", "--json"))


def _why_not_clean(changed: dict[str, list]) -> str:
    """What keeps the tree from being the version that dvc.lock names, and the way out."""
    entries = [entry for stage in changed.values() for entry in stage]
    files: dict[str, Any] = {}
    for entry in entries:
        if isinstance(entry, dict):
            files |= entry.get("changed deps", {}) | entry.get("changed outs", {})
    advice = []
    if "changed command" in entries or "params.yaml" in files:
        advice.append(
            "dvc.lock was written with other params than params.yaml holds: `dvc repro` makes their"
            " results, `git checkout -- params.yaml dvc.lock` goes back to the committed version"
        )
    if missing := [name for name, state in files.items() if state in ("deleted", "not in cache")]:
        advice.append(
            f"{_some(missing)} missing: `dvc checkout` takes them from the cache, `vaepipe pull`"
            " from a remote, `dvc repro` makes them anew"
        )
    if differ := [name for name, state in files.items() if state == "modified"]:
        advice.append(f"{_some(differ)} modified: `dvc repro` makes what depends on them anew")
    return f"DVC finds changes in {_some(changed)}; nothing was touched. " + "; ".join(
        advice or ["see `dvc status`"]
    )


def _some(names) -> str:
    names = list(names)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _dvc(root: Path, *words: str) -> str:
    return _run(root, "dvc", *words)


def _run(root: Path, tool: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", tool, *words], cwd=root, capture_output=True, text=True
    )
    if done.returncode:
        text = (done.stderr or done.stdout).strip()
        raise UserError(f"{tool} {' '.join(words)} failed, no result was removed:\n{text}")
    return done.stdout
