"""Draw the figures over all runs, and one of each run."""

import argparse

from vaepipe import flags, params
from vaepipe.core.errors import exit_on_user_error
from vaepipe.figures.draw import draw_all
from vaepipe.figures.inputs import read


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    flags.add_section(parser, params.Matrix)
    flags.add_section(parser, params.Figures)
    flags.add_folders(parser)
    args = parser.parse_args()
    matrix, settings = flags.section(params.Matrix, args), flags.section(params.Figures, args)
    draw_all(read(matrix, settings, args.data, args.results))


if __name__ == "__main__":
    with exit_on_user_error():
        main()
