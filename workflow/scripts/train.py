"""Train one run, or several seeds at once; write weights, histories and what they cost."""

import argparse
import csv
import io
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from vaepipe import arguments, checkpoint, params, weights
from vaepipe.data.dataset import training_images
from vaepipe.data.manifest import read_manifest
from vaepipe.devices import memory_for, prepare
from vaepipe.errors import one_message
from vaepipe.files import locked, write_json, write_text
from vaepipe.progress import progress
from vaepipe.provenance import Stopwatch, device_name, versions
from vaepipe.runs import Results, Run, name_of
from vaepipe.tracking.live import streaming
from vaepipe.training import NotFinite, Row, start, train

# The columns of a history without a row: of a run that failed in its first epoch.
NO_EPOCH = ["epoch", "learning_rate", "train_loss", "validation_loss"]


def table(history: list[Row]) -> str:
    """A history as CSV; pandas would take half a second to load for it."""
    text = io.StringIO()
    writer = csv.DictWriter(text, history[0] if history else NO_EPOCH, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return text.getvalue()


@dataclass
class Job:
    """What the flags ask for."""

    settings: params.Train
    data: Path
    results: Results

    def __call__(self, runs: Sequence[Run]) -> None:
        """Train the runs at once and write their files."""
        settings, results = self.settings, self.results
        watch = Stopwatch()
        manifest = read_manifest(self.data)
        device = prepare(settings.device, settings.threads)
        fingerprint = checkpoint.fingerprint(runs, settings, manifest)
        saved = checkpoint.Place(results.checkpoint(*runs), fingerprint, watch)
        images = training_images(self.data, settings.validation)
        abouts = [{"run": vars(r), "train": vars(settings), "data": manifest} for r in runs]
        failed = False
        try:
            with ExitStack() as stack:
                stack.enter_context(memory_for("train.batch_size", settings.batch_size))
                show = stack.enter_context(progress(name_of(runs), settings.epochs))
                senders = [stack.enter_context(streaming(results, about)) for about in abouts]

                def on_epoch(rows: list[Row]) -> None:
                    show({name: sum(row[name] for row in rows) / len(rows) for name in rows[0]})
                    for send, row in zip(senders, rows, strict=True):
                        send(row)

                trained = train(runs, settings, *images, device, saved, on_epoch)
        except NotFinite as error:
            if len(runs) > 1:
                # One of them failed: by themselves, the others come to their end.
                print(f"vaepipe: {error}; training each by itself", file=sys.stderr)
                saved.path.unlink(missing_ok=True)
                for run in runs:
                    self([run])
                return
            # A result like any other: the report counts the run as failed, the others go on.
            print(f"vaepipe: {error}", file=sys.stderr)
            state = start(runs, settings, images[0], device, saved)
            trained = list(zip(state.ensemble.unstacked(), state.histories, strict=True))
            abouts[0]["failed"] = str(error)
            failed = True
        cost = watch.read() | {"device": device_name(device), "versions": versions()}
        # What was spent on several at once is shared out.
        cost |= {name: round(cost[name] / len(runs), 3) for name in ("seconds", "cpu_seconds")}
        for run, about, (model, history) in zip(runs, abouts, trained, strict=True):
            weights.save(results.model(run), model, about)
            write_text(results.history(run), table(history))
            write_json(results.timing(run), cost | {"seeds_at_once": len(runs)})
        if not failed:
            saved.path.unlink(missing_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    arguments.add_runs(parser)
    arguments.add_section(parser, params.Train)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--results", type=Path, required=True, help="folder of all results")
    flags = parser.parse_args()
    runs, settings = arguments.runs(flags), arguments.section(params.Train, flags)
    job = Job(settings, flags.data, Results(flags.results))

    with ExitStack() as stack:
        for run in runs:
            lock = job.results.checkpoint(run).with_suffix(".lock")
            stack.enter_context(locked(lock, f"{run.name} is being trained"))
        job(runs)


if __name__ == "__main__":
    with one_message():
        main()
