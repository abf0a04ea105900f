"""Compare the trials of a sweep on the validation images, and choose one for each model."""

import argparse
import json

from vaepipe import flags, params, sweep
from vaepipe.core.errors import exit_on_user_error
from vaepipe.core.files import write_json, write_text
from vaepipe.evaluation.sweep import chosen, trials_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweep", type=json.loads, required=True, help="the section, as JSON")
    flags.add_section(parser, params.Matrix)
    flags.add_section(parser, params.Train)
    flags.add_folders(parser, "results")
    args = parser.parse_args()
    matrix, train = flags.section(params.Matrix, args), flags.section(params.Train, args)
    asked = sweep.check(args.sweep, train, matrix.seeds, matrix.models)
    table = trials_table(matrix, asked, sweep.trials(asked, train), args.results)
    write_text(args.results.folder / "sweep" / "trials.csv", table.to_csv(index=False))
    write_json(args.results.folder / "sweep" / "chosen.json", chosen(table))


if __name__ == "__main__":
    with exit_on_user_error():
        main()
