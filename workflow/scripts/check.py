"""Check the params file and the results that are there, before DVC runs anything."""

import argparse
from pathlib import Path

from vaepipe import flags, params
from vaepipe.core.errors import exit_on_user_error
from vaepipe.results import runs_of
from vaepipe.versions.prepare import mark_checked, prepare


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("params", type=Path, help="the params file")
    flags.add_folders(parser, "results")
    parser.add_argument("--out", type=Path, required=True, help="written if all is well")
    args = parser.parse_args()
    settings = params.check_file(args.params)
    prepare(Path(), args.results, runs_of(settings.matrix))
    mark_checked(args.out)


if __name__ == "__main__":
    with exit_on_user_error():
        main()
