"""Write the comparison as one self-contained page."""

import argparse
from pathlib import Path

from vaepipe import params
from vaepipe.errors import one_message
from vaepipe.files import write_text
from vaepipe.report.page import render
from vaepipe.runs import Results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    params.add_flags(parser, params.Matrix)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--results", type=Path, required=True, help="folder of all results")
    parser.add_argument("--out", type=Path, required=True, help="where the page is written")
    flags = parser.parse_args()
    matrix = params.from_flags(params.Matrix, flags)
    write_text(flags.out, render(matrix, flags.data, Results(flags.results)))


if __name__ == "__main__":
    with one_message():
        main()
