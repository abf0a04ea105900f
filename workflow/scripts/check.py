"""Check the params file, before DVC runs anything that depends on it."""

import argparse
from pathlib import Path

from vaepipe import flags, params
from vaepipe.core.errors import exit_on_user_error
from vaepipe.core.files import write_text
from vaepipe.results import runs_of, set_aside


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("params", type=Path, help="the params file")
    flags.add_folders(parser, "results")
    parser.add_argument("--out", type=Path, required=True, help="written if all is well")
    args = parser.parse_args()
    settings = params.check_file(args.params)
    set_aside(args.results, runs_of(settings.matrix))
    # The same text for all params that pass: what is downstream need not run again.
    write_text(args.out, "The params are what src/vaepipe/params.py allows.\n")


if __name__ == "__main__":
    with exit_on_user_error():
        main()
