"""Check the params file, before DVC runs anything that depends on it."""

import argparse
from pathlib import Path

from vaepipe import params
from vaepipe.errors import one_message
from vaepipe.files import write_text
from vaepipe.runs import Results, runs_of, set_aside


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("params", type=Path, help="the params file")
    parser.add_argument("--results", type=Path, required=True, help="folder of all results")
    parser.add_argument("--out", type=Path, required=True, help="written if all is well")
    flags = parser.parse_args()

    settings = params.check_file(flags.params)
    set_aside(Results(flags.results), runs_of(settings.matrix))
    # The same text for all params that pass: what is downstream need not run again.
    write_text(flags.out, "The params are what src/vaepipe/params.py allows.\n")


if __name__ == "__main__":
    with one_message():
        main()
