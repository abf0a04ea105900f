"""Measure trained runs on the test set, one after the other."""

import argparse
from pathlib import Path

from vaepipe import flags, params
from vaepipe.core.errors import exit_on_user_error
from vaepipe.core.files import write_json
from vaepipe.evaluation.evaluate import evaluate_files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, nargs="+", required=True, help="the trained runs")
    parser.add_argument(
        "--classifier", type=Path, required=True, help="measures their generated images"
    )
    flags.add_section(parser, params.Evaluate)
    flags.add_folders(parser, "data")
    parser.add_argument(
        "--out", type=Path, nargs="+", required=True, help="where the metrics of each are written"
    )
    args = parser.parse_args()
    if len(args.weights) != len(args.out):
        parser.error("--out needs a file for each file of --weights")
    settings = flags.section(params.Evaluate, args)
    found = evaluate_files(args.weights, args.classifier, settings, args.data)
    for path, result in zip(args.out, found, strict=True):
        write_json(path, result)


if __name__ == "__main__":
    with exit_on_user_error():
        main()
