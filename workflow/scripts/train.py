"""Train one run; write its weights, its history and what it cost."""

import argparse
from pathlib import Path

import pandas as pd

from vaepipe import checkpoint, params, weights
from vaepipe.data.dataset import training_images
from vaepipe.data.manifest import verify
from vaepipe.devices import prepare
from vaepipe.errors import one_message
from vaepipe.files import locked, write_json, write_text
from vaepipe.progress import progress
from vaepipe.provenance import Stopwatch, device_name, versions
from vaepipe.runs import Results
from vaepipe.tracking.live import streaming
from vaepipe.training import train


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    params.add_run_flags(parser)
    params.add_flags(parser, params.Train)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--results", type=Path, required=True, help="folder of all results")
    flags = parser.parse_args()
    run, settings = params.run_from_flags(flags), params.from_flags(params.Train, flags)
    results = Results(flags.results)

    with locked(results.checkpoint(run).with_suffix(".lock"), f"{run.name} is being trained"):
        watch = Stopwatch()
        manifest = verify(flags.data)
        device = prepare(settings.device, settings.threads)
        saved = checkpoint.Place(
            results.checkpoint(run), checkpoint.fingerprint(run, settings, manifest)
        )
        training, validation = training_images(flags.data)
        about = {"run": vars(run), "train": vars(settings), "data": manifest}
        with progress(run.name, settings.epochs) as show, streaming(results, about) as send:

            def on_epoch(row: dict[str, float]) -> None:
                show(row)
                send(row)

            model, history = train(run, settings, training, validation, device, saved, on_epoch)
        weights.save(results.model(run), model, about)
        write_text(results.history(run), pd.DataFrame(history).to_csv(index=False))
        cost = watch.read() | {"device": device_name(device), "versions": versions()}
        write_json(results.timing(run), cost)
        saved.path.unlink(missing_ok=True)


if __name__ == "__main__":
    with one_message():
        main()
