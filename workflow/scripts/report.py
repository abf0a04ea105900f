"""Write the comparison as one self-contained page."""

import argparse
from pathlib import Path

from vaepipe import arguments, params
from vaepipe.devices import prepare
from vaepipe.errors import one_message
from vaepipe.files import write_text
from vaepipe.report.page import render
from vaepipe.runs import Results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    arguments.add_section(parser, params.Matrix)
    arguments.add_section(parser, params.Figures)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--results", type=Path, required=True, help="folder of all results")
    parser.add_argument("--captions", type=Path, required=True, help="folder of the captions")
    parser.add_argument("--tried", type=Path, required=True, help="counts of the tests of faults")
    parser.add_argument("--out", type=Path, required=True, help="where the page is written")
    flags = parser.parse_args()
    matrix = arguments.section(params.Matrix, flags)
    figures = arguments.section(params.Figures, flags)
    prepare("cpu", threads=1)
    results = Results(flags.results)
    page = render(matrix, figures, flags.data, results, flags.captions, flags.tried, flags.out)
    write_text(flags.out, page)


if __name__ == "__main__":
    with one_message():
        main()
