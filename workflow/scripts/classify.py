"""Train the classifier by which generated images are measured, and measure it on the test set."""

import argparse

from vaepipe import flags, params
from vaepipe.core.errors import exit_on_user_error
from vaepipe.evaluation.classifier import classify


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    flags.add_section(parser, params.Classify)
    flags.add_folders(parser)
    args = parser.parse_args()
    classify(flags.section(params.Classify, args), args.data, args.results)


if __name__ == "__main__":
    with exit_on_user_error():
        main()
