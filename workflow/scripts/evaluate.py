"""Measure trained runs on the test set, one after the other."""

import argparse
from pathlib import Path

from vaepipe import arguments, classifier, params, weights
from vaepipe.data.dataset import test_images, training_images
from vaepipe.data.manifest import read_manifest
from vaepipe.devices import memory_for, prepare
from vaepipe.errors import one_message
from vaepipe.evaluation import evaluate
from vaepipe.files import write_json


def protocol_of(
    data: dict, note: dict, images: int, settings: params.Evaluate
) -> dict[str, object]:
    """How a run was measured: what must be the same before two runs are compared."""
    return {
        "data_set": data["data_set"],
        "split": "test",
        "images": images,
        "binarize": note["train"]["binarize"],
        "importance_samples": settings.importance_samples,
        "evaluation_seed": settings.seed,
        "training_images": settings.training_images,
        "generated_images": settings.generated_images,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, nargs="+", required=True, help="the trained runs")
    parser.add_argument("--classifier", type=Path, required=True, help="judge of their images")
    arguments.add_section(parser, params.Evaluate)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set")
    parser.add_argument(
        "--out", type=Path, nargs="+", required=True, help="where the metrics of each are written"
    )
    flags = parser.parse_args()
    if len(flags.weights) != len(flags.out):
        parser.error("--out needs a file for each file of --weights")
    settings = arguments.section(params.Evaluate, flags)

    data = read_manifest(flags.data)
    device = prepare(settings.device, settings.threads)
    judge = classifier.load(flags.classifier, device)
    test = test_images(flags.data)
    training = training_images(flags.data, validation=0)[0].first(settings.training_images)
    for path, out in zip(flags.weights, flags.out, strict=True):
        model, note = weights.load(path)
        protocol = protocol_of(data, note, len(test.labels), settings)
        failed, metrics = note.get("failed"), {}
        if not failed:
            with memory_for("evaluate.chunk", settings.chunk):
                metrics = evaluate(
                    model.to(device), test, training, judge, protocol["binarize"], settings, device
                )
        result = {"metrics": metrics, "protocol": protocol, "failed": failed}
        write_json(out, note["run"] | result)


if __name__ == "__main__":
    with one_message():
        main()
