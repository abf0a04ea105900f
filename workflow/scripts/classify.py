"""Train the classifier that judges generated images, and examine it on the test set."""

import argparse
from pathlib import Path

from vaepipe import arguments, classifier, params
from vaepipe.data.dataset import test_images, training_images
from vaepipe.devices import prepare
from vaepipe.errors import one_message
from vaepipe.files import write_json
from vaepipe.runs import Results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    arguments.add_section(parser, params.Classify)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--results", type=Path, required=True, help="folder of all results")
    flags = parser.parse_args()
    settings, results = arguments.section(params.Classify, flags), Results(flags.results)

    device = prepare(settings.device, settings.threads)
    training, test = training_images(flags.data, validation=0)[0], test_images(flags.data)
    judge = classifier.train(training, settings, device)
    classifier.save(results.classifier, judge)
    write_json(results.examination, classifier.examine(judge, test, settings.seed, device))


if __name__ == "__main__":
    with one_message():
        main()
