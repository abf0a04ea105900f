"""Train one run; write its weights, its history and what it cost."""

import argparse
import sys
from pathlib import Path

import pandas as pd

from vaepipe import arguments, checkpoint, params, weights
from vaepipe.data.dataset import training_images
from vaepipe.data.manifest import read_manifest
from vaepipe.devices import memory_for, prepare
from vaepipe.errors import one_message
from vaepipe.files import locked, write_json, write_text
from vaepipe.progress import progress
from vaepipe.provenance import Stopwatch, device_name, versions
from vaepipe.runs import Results
from vaepipe.tracking.live import streaming
from vaepipe.training import NotFinite, start, train

# The columns of a history without a row: of a run that failed in its first epoch.
NO_EPOCH = ["epoch", "learning_rate", "train_loss", "validation_loss"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    arguments.add_run(parser)
    arguments.add_section(parser, params.Train)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--results", type=Path, required=True, help="folder of all results")
    flags = parser.parse_args()
    run, settings = arguments.run(flags), arguments.section(params.Train, flags)
    results = Results(flags.results)

    with locked(results.checkpoint(run).with_suffix(".lock"), f"{run.name} is being trained"):
        watch = Stopwatch()
        manifest = read_manifest(flags.data)
        device = prepare(settings.device, settings.threads)
        fingerprint = checkpoint.fingerprint(run, settings, manifest)
        saved = checkpoint.Place(results.checkpoint(run), fingerprint, watch)
        training, validation = training_images(flags.data, settings.validation)
        about = {"run": vars(run), "train": vars(settings), "data": manifest}
        try:
            with (
                memory_for("train.batch_size", settings.batch_size),
                progress(run.name, settings.epochs) as show,
                streaming(results, about) as send,
            ):

                def on_epoch(row: dict[str, float]) -> None:
                    show(row)
                    send(row)

                model, history = train(run, settings, training, validation, device, saved, on_epoch)
        except NotFinite as error:
            # A result like any other: the report counts the run as failed, the others go on.
            print(f"vaepipe: {error}", file=sys.stderr)
            state = start(run, settings, training, device, saved)
            model, history = state.model, state.history
            about["failed"] = str(error)
        weights.save(results.model(run), model, about)
        table = pd.DataFrame(history, columns=None if history else NO_EPOCH)
        write_text(results.history(run), table.to_csv(index=False))
        cost = watch.read() | {"device": device_name(device), "versions": versions()}
        write_json(results.timing(run), cost)
        if "failed" not in about:
            saved.path.unlink(missing_ok=True)


if __name__ == "__main__":
    with one_message():
        main()
