"""Two drivers on one tree: each goes on from the results of the other.

No stage needs this module.
"""

import json
from pathlib import Path
from typing import Any

from vaepipe import params
from vaepipe.core.errors import UserError
from vaepipe.results import Results, runs_of
from vaepipe.versions.commands import dvc_status, run, snakemake_view, some
from vaepipe.versions.prepare import mark_checked, set_aside

# MLflow's store is no part of a version, so what names its runs is made anew in every tree.
LOCAL_STAGES = ("track",)


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
            f" {some(outdated)} anew. Run `snakemake --cores 4` first. If they were made with a"
            " preset (--configfile params/NAME.yaml), `vaepipe preset NAME` writes it into"
            " params.yaml"
        )
    if foreign:
        raise UserError(
            f"Snakemake has no record of how {some(foreign)} was made, so it is not known whether"
            " params.yaml belongs to it. `dvc status` says whether DVC made it"
        )
    results = Results(root / "results")
    set_aside(results, runs_of(settings.matrix))
    # The output of the one stage that Snakemake does not have.
    mark_checked(results.params_checked)
    run(root, "dvc", "commit", "--force")
    if changed := dvc_status(root):
        raise UserError(f"DVC still finds changes in {some(changed)}: see `dvc status`")
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
    before = dvc_status(root)
    if any("changed command" in stage for stage in before.values()):
        raise UserError(_why_not_clean(before))
    set_aside(Results(root / "results"), runs_of(settings.matrix))
    changed = dvc_status(root)
    if any(stage not in LOCAL_STAGES for stage in changed):
        raise UserError(_why_not_clean(changed))
    if changed:
        run(root, "dvc", "repro", "--single-item", *LOCAL_STAGES)
    # Without hooks: they are for a run that makes something.
    words = ("--touch", "--forceall", "--no-hooks", "--cores", "1", "--quiet", "all")
    run(root, "snakemake", *words)
    outdated, _ = snakemake_view(root)
    if outdated:
        raise UserError(f"Snakemake would still make {some(outdated)} anew: see `snakemake -n`")
    return "Snakemake has the results of params.yaml: `snakemake -n` has nothing to do"


def pull(root: Path) -> str:
    """Fetch the version that git has checked out from DVC's remote; Snakemake can go on from it.

    Returns:
        What was done, for people.

    Raises:
        UserError: the remote can't be read or lacks files, which are named; nothing was changed.
    """
    try:
        run(root, "dvc", "fetch")
    except UserError as error:
        raise UserError(f"DVC's remote can't be read; nothing was changed here. {error}") from error
    # DVC itself is content with a remote that lacks files.
    known = json.loads(run(root, "dvc", "data", "status", "--json")).get("not_in_cache", [])
    if missing := [name for name in known if not (root / name).exists()]:
        raise UserError(
            f"neither DVC's cache nor its remote has {some(missing)}; nothing was changed here."
            " `dvc remote list` shows the remote; `dvc push` where the version was made sends what"
            " is missing, `dvc repro` makes it anew"
        )
    run(root, "dvc", "checkout")
    return hand_to_snakemake(root)


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
            f"{some(missing)} missing: `dvc checkout` takes them from the cache, `vaepipe pull`"
            " from a remote, `dvc repro` makes them anew"
        )
    if differ := [name for name, state in files.items() if state == "modified"]:
        advice.append(f"{some(differ)} modified: `dvc repro` makes what depends on them anew")
    return f"DVC finds changes in {some(changed)}; nothing was touched. " + "; ".join(
        advice or ["see `dvc status`"]
    )
