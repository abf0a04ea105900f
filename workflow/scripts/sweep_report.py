"""Write what a sweep found as a table and as a page."""

import argparse
import json
from pathlib import Path

from vaepipe import flags, params, sweep
from vaepipe.core.errors import exit_on_user_error
from vaepipe.core.files import write_text
from vaepipe.evaluation.sweep import test_table
from vaepipe.report.sweep import page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweep", type=json.loads, required=True, help="the section, as JSON")
    parser.add_argument("--metrics", type=Path, nargs="+", required=True, help="of the chosen runs")
    flags.add_section(parser, params.Matrix)
    flags.add_section(parser, params.Train)
    flags.add_folders(parser, "results")
    args = parser.parse_args()
    matrix, train = flags.section(params.Matrix, args), flags.section(params.Train, args)
    test = test_table(args.metrics)
    folder = args.results.folder / "sweep"
    write_text(folder / "test.csv", test.to_csv(index=False))
    asked = sweep.check(args.sweep, train, matrix.seeds, matrix.models)
    write_text(folder / "report.html", page(matrix, asked, train, test, folder))


if __name__ == "__main__":
    with exit_on_user_error():
        main()
