"""Draw the figures over all runs, and one of each run."""

import argparse
from pathlib import Path

from vaepipe import arguments, params
from vaepipe.devices import prepare
from vaepipe.errors import one_message
from vaepipe.figures.draw import draw_all
from vaepipe.figures.inputs import read
from vaepipe.runs import Results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    arguments.add_section(parser, params.Matrix)
    arguments.add_section(parser, params.Figures)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--results", type=Path, required=True, help="folder of all results")
    flags = parser.parse_args()
    matrix = arguments.section(params.Matrix, flags)
    settings = arguments.section(params.Figures, flags)
    prepare("cpu", threads=1)  # few images: the same bits everywhere matter more than time
    draw_all(read(matrix, settings, flags.data, Results(flags.results)))


if __name__ == "__main__":
    with one_message():
        main()
