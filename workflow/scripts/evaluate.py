"""Measure one trained run on the test set."""

import argparse
from pathlib import Path

from vaepipe import arguments, classifier, params, weights
from vaepipe.data.dataset import test_images, training_images
from vaepipe.data.manifest import read_manifest
from vaepipe.devices import memory_for, prepare
from vaepipe.errors import one_message
from vaepipe.evaluation import evaluate
from vaepipe.files import write_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True, help="the trained run")
    parser.add_argument("--classifier", type=Path, required=True, help="judge of its images")
    arguments.add_section(parser, params.Evaluate)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--out", type=Path, required=True, help="where the metrics are written")
    flags = parser.parse_args()
    settings = arguments.section(params.Evaluate, flags)

    data = read_manifest(flags.data)
    device = prepare(settings.device, settings.threads)
    model, note = weights.load(flags.weights)
    binarize = note["train"]["binarize"]
    judge = classifier.load(flags.classifier, device)
    test = test_images(flags.data)
    training = training_images(flags.data, validation=0)[0].first(settings.training_images)
    failed, metrics = note.get("failed"), {}
    if not failed:
        with memory_for("evaluate.chunk", settings.chunk):
            metrics = evaluate(model.to(device), test, training, judge, binarize, settings, device)
    protocol = {
        "data_set": data["data_set"],
        "split": "test",
        "images": len(test.labels),
        "binarize": binarize,
        "importance_samples": settings.importance_samples,
        "evaluation_seed": settings.seed,
        "training_images": settings.training_images,
        "generated_images": settings.generated_images,
    }
    result = {"metrics": metrics, "protocol": protocol, "failed": failed}
    write_json(flags.out, note["run"] | result)


if __name__ == "__main__":
    with one_message():
        main()
