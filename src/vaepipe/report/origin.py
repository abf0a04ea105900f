"""How the results came about: settings against the defaults, code, data, machine, commands."""

import json
from dataclasses import fields
from pathlib import Path
from shlex import quote
from typing import Any

from vaepipe.params import Evaluate, Figures, Matrix


def settings_used(
    matrix: Matrix, figures: Figures, note: dict[str, Any], protocol: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """The settings by section, as the stages recorded them and not as params.yaml says now.

    Args:
        note: what stands beside a run's weights.
        protocol: how the runs were measured.
    """
    return {
        "matrix": vars(matrix),
        "data": {"name": note["data"]["data_set"]},
        "train": note["train"],
        "evaluate": {f.name: protocol[f.name] for f in fields(Evaluate) if f.name in protocol}
        | {"seed": protocol["evaluation_seed"]},
        "figures": vars(figures),
    }


def changed(
    used: dict[str, dict[str, Any]], default: dict[str, dict[str, Any]] | None
) -> dict[str, dict[str, Any]]:
    """The settings whose value is not the default's, by section; empty without defaults."""
    if default is None:
        return {}
    found = {
        section: {
            key: value
            for key, value in values.items()
            if _plain(value) != default.get(section, {}).get(key)
        }
        for section, values in used.items()
    }
    return {section: values for section, values in found.items() if values}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def commands(changes: dict[str, dict[str, Any]], commit: str | None) -> list[str]:
    """The command lines that make these results again from the commit, for either driver."""
    snakemake, dvc = "snakemake --cores 4", "dvc repro"
    if changes:
        words = [f"{s}={json.dumps(values, default=list)}" for s, values in changes.items()]
        snakemake += " --config " + " ".join(map(quote, words))
        sets = [
            f"{s}.{key}={json.dumps(_plain(value))}"
            for s, values in changes.items()
            for key, value in values.items()
        ]
        dvc = "dvc exp run " + " ".join(f"-S {quote(word)}" for word in sets)
    return [*([f"git checkout {commit}"] if commit else []), snakemake, f"{dvc}"]


def machines(timing: dict) -> dict[str, list[str]]:
    """The devices and processor counts that trained, each with the runs it trained.

    Args:
        timing: what the train stage recorded, by run.
    """
    found: dict[str, list[str]] = {}
    for run, about in timing.items():
        found.setdefault(f"{about['device']}, {about['cores']} cores", []).append(run.name)
    return found


def captions(folder: Path, names: list[str]) -> dict[str, tuple[str, str]]:
    """Heading and text of each figure, out of the captions that Snakemake's report shows as well.

    The first sentence of a caption is its heading.
    """
    texts = {name: " ".join((folder / f"{name}.rst").read_text().split()) for name in names}
    return {
        name: tuple(map(str.strip, (text + " ").split(". ", 1))) for name, text in texts.items()
    }
