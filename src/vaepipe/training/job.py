"""The train stage: from runs and settings to weights, histories and timings on disk."""

import csv
import io
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from vaepipe.core.device import explain_out_of_memory, prepare
from vaepipe.core.files import locked, write_json, write_text
from vaepipe.core.progress import progress
from vaepipe.core.provenance import Stopwatch, device_name, versions
from vaepipe.data.dataset import training_images
from vaepipe.data.manifest import about, read_manifest
from vaepipe.models import names, weights
from vaepipe.params import Train
from vaepipe.results import Results, Run, name_of
from vaepipe.training.checkpoint import Checkpoint, fingerprint
from vaepipe.training.live import streaming
from vaepipe.training.loop import NotFinite, train
from vaepipe.training.state import Row, start

# The columns where a run failed in its first epoch.
NO_EPOCH = ["epoch", "learning_rate", "train_loss", "validation_loss"]

Trained = list[tuple[nn.Module, list[Row]]]


def train_runs(
    runs: Sequence[Run], settings: Train, data: Path, results: Results, code: Mapping[str, str]
) -> None:
    """Train runs that differ in their seeds alone, and write the files of each.

    They are trained an epoch of each and then the next, on a GPU side by side, or with
    `seeds_at_once: in_turn` one after the other; either way with the bits of runs that are trained
    by themselves. If the loss of one of several runs at once is not finite, each is trained by
    itself. A single run whose loss is not finite leaves its state before that epoch, marked as
    failed, so that the report counts it and the pipeline goes on with the other runs.

    Checkpoints are removed when all runs are done: if the job is killed, a driver removes what it
    wrote for each of them.

    Args:
        data: folder of the data set.
        code: SHA-256 by path of the code that training depends on, for the checkpoint.

    Raises:
        UserError: another process is training one of the runs, or the data, the device or the
            memory are not what training needs.
    """
    with ExitStack() as stack:
        for run in runs:
            lock = results.checkpoint(run).with_suffix(".lock")
            stack.enter_context(locked(lock, f"{run.name} is being trained"))
        groups = [[run] for run in runs] if settings.seeds_at_once == "in_turn" else [runs]
        try:
            done = [_train_at_once(group, settings, data, results, code) for group in groups]
        except NotFinite as error:
            print(f"vaepipe: {error}; training each by itself", file=sys.stderr)
            results.checkpoint(*runs).unlink(missing_ok=True)
            done = [_train_at_once([run], settings, data, results, code) for run in runs]
        for checkpoint in done:
            if checkpoint:
                checkpoint.unlink(missing_ok=True)


def own_settings(model: str, settings: Train) -> Train:
    """What a model is trained with: a GAN has its own rate and batch, a name may hold a rate."""
    kind, own = names.split(model)
    if kind == "gan":
        settings = replace(
            settings,
            learning_rate=settings.gan_learning_rate,
            batch_size=settings.gan_batch_size,
        )
    return replace(settings, **own)


def _train_at_once(
    runs: Sequence[Run], settings: Train, data: Path, results: Results, code: Mapping[str, str]
) -> Path | None:
    """`train_runs` without the lock and the retry; raises `NotFinite` if there are several runs.

    Returns:
        The checkpoint, unless it is that of a failed run, which stays.
    """
    given, settings = settings, own_settings(runs[0].model, settings)
    watch = Stopwatch()
    manifest = read_manifest(data)
    device = prepare(settings.device, settings.threads)
    checkpoint = Checkpoint(
        results.checkpoint(*runs), fingerprint(runs, settings, manifest, code, device), watch
    )
    images = training_images(data, settings.validation)
    of = about(manifest)
    metadata = [{"run": vars(r), "train": vars(settings), "data": manifest} for r in runs]
    if given != settings:
        # What the params said where this model has a setting of its own.
        own = {k: v for k, v in vars(given).items() if v != getattr(settings, k)}
        metadata = [one | {"replaced": own} for one in metadata]
    try:
        with ExitStack() as stack:
            batch = "gan_batch_size" if names.split(runs[0].model)[0] == "gan" else "batch_size"
            stack.enter_context(explain_out_of_memory(f"train.{batch}", settings.batch_size))
            show = stack.enter_context(progress(name_of(runs), settings.epochs))
            senders = [stack.enter_context(streaming(results, one)) for one in metadata]

            def on_epoch(rows: list[Row]) -> None:
                show({name: sum(row[name] for row in rows) / len(rows) for name in rows[0]})
                for send, row in zip(senders, rows, strict=True):
                    send(row)

            trained = train(runs, settings, *images, device, checkpoint, on_epoch, of)
    except NotFinite as error:
        if len(runs) > 1:
            raise
        print(f"vaepipe: {error}", file=sys.stderr)
        states = start(runs, settings, images[0].pixels, device, checkpoint, of)
        trained = [(state.model, state.history) for state in states]
        metadata[0]["failed"] = str(error)
    cost = watch.read() | {"device": device_name(device), "versions": versions()}
    _write(runs, trained, metadata, cost, results)
    return None if "failed" in metadata[0] else checkpoint.path


def _write(
    runs: Sequence[Run],
    trained: Trained,
    metadata: Sequence[Mapping[str, Any]],
    cost: dict[str, Any],
    results: Results,
) -> None:
    for run, one, (model, history) in zip(runs, metadata, trained, strict=True):
        weights.save(results.model(run), model, one)
        write_text(results.history(run), history_csv(history))
        write_json(results.timing(run), share_of_cost(cost, len(runs)))


def share_of_cost(cost: Mapping[str, Any], runs: int) -> dict[str, Any]:
    """What one of several runs that were trained at once cost: an equal share of the seconds.

    Args:
        cost: of all of them: `seconds` and `cpu_seconds`, and what is not shared, such as memory.
    """
    seconds = {name: round(cost[name] / runs, 3) for name in ("seconds", "cpu_seconds")}
    return {**cost, **seconds, "seeds_at_once": runs}


def history_csv(history: list[Row]) -> str:
    """A history as CSV: a header, a row per epoch, and no row where no epoch was finished.

    By the csv module, because importing pandas takes half a second.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, history[0] if history else NO_EPOCH, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return text.getvalue()
