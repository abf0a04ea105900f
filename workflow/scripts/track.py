"""Log every run and the comparison to MLflow."""

import argparse
from pathlib import Path

from vaepipe import arguments, params
from vaepipe.errors import one_message
from vaepipe.files import write_json
from vaepipe.runs import Results
from vaepipe.tracking.publish import track


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    arguments.add_section(parser, params.Matrix)
    arguments.add_section(parser, params.Track)
    parser.add_argument("--results", type=Path, required=True, help="folder of all results")
    parser.add_argument("--out", type=Path, required=True, help="where the run ids are written")
    flags = parser.parse_args()
    matrix = arguments.section(params.Matrix, flags)
    settings = arguments.section(params.Track, flags)
    write_json(flags.out, track(matrix, settings.experiment, Results(flags.results)))


if __name__ == "__main__":
    with one_message():
        main()
