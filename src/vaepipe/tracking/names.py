"""The names that a run has in MLflow and the digests by which it is known."""

import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import uuid4

from mlflow.entities import Metric

from vaepipe.figures import COLOURS, colour
from vaepipe.models.names import split
from vaepipe.results import Results, Run

# Part of every digest: other names, tags or times make another run of the same results.
LAYOUT = "2"
COLOUR = "mlflow.runColor"  # the tag that MLflow's charts draw a run by
DIGITS = 32  # hexadecimal digits of a digest; MLflow takes no more than 36 for a data set's


def digest(parts: Iterable[str]) -> str:
    """One digest over texts, in their order."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:DIGITS]


def training_digest(metadata: Mapping[str, Any]) -> str:
    """What is known of a run before it is trained: its cell, its settings and its data."""
    return digest([json.dumps({k: metadata[k] for k in ("run", "train", "data")}, sort_keys=True)])


def data_digest(manifest: Mapping[str, Any]) -> str:
    """A digest over the names and digests of a data set's files."""
    return digest([json.dumps(manifest, sort_keys=True)])


def minimises_squared_error(metadata: Mapping[str, Any]) -> bool:
    """Whether the run's loss is the squared error, which is not in nats."""
    kind = split(metadata["run"]["model"])[0]
    return kind == "ae" and metadata["train"].get("reconstruction") == "squared_error"


def run_tags(
    run: Run, manifest: Mapping[str, Any], models: Sequence[str] | None = None
) -> dict[str, str]:
    """What a run is told apart by, as tags.

    Args:
        models: all of the matrix, on which the colour of some depends; where they are not known,
            those are grey.
    """
    return {
        "kind": "run",
        **{k: str(v) for k, v in vars(run).items()},
        "data_set": manifest["data_set"],
        "data_digest": data_digest(manifest),
        COLOUR: colour(run.model, models) if models else COLOURS.get(run.model, "#777777"),
    }


def run_params(run: Run, train: Mapping[str, Any]) -> dict[str, str]:
    """The cell of the matrix, and the settings of section `train` as `train.epochs` and so on."""
    settings = {f"train.{k}": list(v) if isinstance(v, tuple) else v for k, v in train.items()}
    return {k: str(v) for k, v in (vars(run) | settings).items()}


def history_points(rows: Iterable[Mapping[str, float]]) -> list[Metric]:
    """A value per epoch and column: `train_loss` of epoch 3 is `train/loss` at step 3."""
    now = int(time.time() * 1000)
    return [
        Metric(slashed(name), float(value), now, int(row["epoch"]))
        for row in rows
        for name, value in row.items()
        if name != "epoch"
    ]


def slashed(column: str) -> str:
    """`validation_loss` as `validation/loss`, `learning_rate` as `train/learning_rate`.

    The slash gives a metric its section in MLflow's charts. `validation_kl_1`, the KL of the first
    latent, is `kl/latent_01`, in a section of its own.
    """
    if column.startswith("validation_kl_"):
        return f"kl/latent_{int(column.removeprefix('validation_kl_')):02d}"
    part, _, rest = column.partition("_")
    return f"{part}/{rest}" if part in ("train", "validation") else f"train/{column}"


def metric_name(name: str) -> str:
    """`neg_elbo` of the test set as `test/neg_elbo`, its standard error as `sem/neg_elbo`."""
    return f"sem/{name.removesuffix('_sem')}" if name.endswith("_sem") else f"test/{name}"


def writer(results: Results) -> str:
    """A random name of this results folder: `track` completes or deletes only its own runs."""
    path = results.folder / "mlflow.writer"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.{os.getpid()}")
        aside.write_text(uuid4().hex)
        with suppress(FileExistsError):
            os.link(aside, path)  # unlike a rename, it leaves a name that another process gave
        aside.unlink()
    return path.read_text().strip()
