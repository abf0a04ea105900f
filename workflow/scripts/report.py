"""Write the comparison as one self-contained page, and its answers as plain text."""

import argparse

from vaepipe import flags, params
from vaepipe.core.errors import exit_on_user_error
from vaepipe.core.files import write_json, write_text
from vaepipe.report.answers_file import answers
from vaepipe.report.page import render


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    flags.add_section(parser, params.Matrix)
    flags.add_section(parser, params.Figures)
    flags.add_folders(parser)
    args = parser.parse_args()
    matrix, figures = flags.section(params.Matrix, args), flags.section(params.Figures, args)
    write_text(args.results.report, render(matrix, figures, args.data, args.results))
    write_json(args.results.answers, answers(matrix, args.results))


if __name__ == "__main__":
    with exit_on_user_error():
        main()
