"""Put all runs into tables: runs, means with intervals, paired differences, losses."""

import argparse

from vaepipe import flags, params
from vaepipe.core.errors import exit_on_user_error
from vaepipe.evaluation.compare import compare


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    flags.add_section(parser, params.Matrix)
    flags.add_folders(parser)
    args = parser.parse_args()
    compare(flags.section(params.Matrix, args), args.data, args.results)


if __name__ == "__main__":
    with exit_on_user_error():
        main()
