"""Write the SHA-256 of every deterministic result."""

import argparse
from pathlib import Path

from vaepipe import arguments, params
from vaepipe.digest import deterministic_files, digest
from vaepipe.errors import one_message
from vaepipe.files import write_json
from vaepipe.runs import Results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    arguments.add_section(parser, params.Matrix)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--results", type=Path, required=True, help="folder of all results")
    parser.add_argument("--out", type=Path, required=True, help="where the digests are written")
    flags = parser.parse_args()
    matrix = arguments.section(params.Matrix, flags)
    write_json(flags.out, digest(deterministic_files(matrix, flags.data, Results(flags.results))))


if __name__ == "__main__":
    with one_message():
        main()
