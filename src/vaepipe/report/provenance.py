"""Provenance of the results: settings and their defaults, machines, and commands to reproduce."""

import json
from collections import Counter
from dataclasses import fields
from shlex import quote
from typing import Any

from vaepipe.params import Evaluate, Figures, Matrix
from vaepipe.report.words import Text, joined, say
from vaepipe.results import Run

# Stands for data.source in commands: where the user's own images are is no part of what they are.
SOURCE = "PATH_OF_YOUR_IMAGES"


def settings_used(
    matrix: Matrix,
    figures: Figures,
    metadata: dict[str, Any],
    protocol: dict[str, Any],
    classify: dict[str, Any],
) -> dict[str, dict[str, Any]]:
    """The settings by section, as the stages recorded them and not as params.yaml says now.

    Args:
        metadata: what stands beside a run's weights.
        protocol: how the runs were measured.
        classify: how the classifier was trained.
    """
    data = {"name": metadata["data"]["data_set"]}
    if own := metadata["data"].get("source"):
        data |= {"source": SOURCE, "size": own["size"], "colour": own["colour"]}
    return {
        "matrix": vars(matrix),
        "data": data,
        "train": metadata["train"],
        "classify": classify,
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
    differing = {
        section: {
            key: value
            for key, value in values.items()
            if _plain(value) != default.get(section, {}).get(key)
        }
        for section, values in used.items()
    }
    return {section: values for section, values in differing.items() if values}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def commands(changes: dict[str, dict[str, Any]], commit: str | None) -> list[str]:
    """The command lines that reproduce these results from the commit, one for each driver."""
    snakemake, dvc = "snakemake --cores 4", "dvc repro"
    if changes:
        overlays = [f"{s}={json.dumps(values, default=list)}" for s, values in changes.items()]
        snakemake += " --config " + " ".join(map(quote, overlays))
        sets = [
            f"{s}.{key}={json.dumps(_plain(value))}"
            for s, values in changes.items()
            for key, value in values.items()
        ]
        dvc = "dvc exp run " + " ".join(f"-S {quote(one)}" for one in sets)
    return [*([f"git checkout {commit}"] if commit else []), snakemake, dvc]


def machines(timing: dict[Run, dict[str, Any]]) -> Text:
    """The devices and processor cores that trained, each with the number of runs trained there.

    Args:
        timing: what the train stage recorded, by run.
    """
    runs = Counter((record["device"], record["cores"]) for record in timing.values())
    places = [
        say("provenance.trained_on", device=device, cores=cores, n=n)
        for (device, cores), n in runs.items()
    ]
    return joined(places, "; ", "；")
