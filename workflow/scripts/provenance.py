"""Write the SHA-256 of every deterministic result, and what all of them were made with."""

import argparse
from pathlib import Path

from vaepipe import flags, params
from vaepipe.core.errors import exit_on_user_error
from vaepipe.core.files import write_json
from vaepipe.versions.digest import deterministic_files, digest
from vaepipe.versions.record import provenance


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    flags.add_section(parser, params.Matrix)
    flags.add_folders(parser)
    args = parser.parse_args()
    matrix = flags.section(params.Matrix, args)
    files = deterministic_files(matrix, args.data, args.results)
    write_json(args.results.digest, digest(files))
    write_json(args.results.provenance, provenance(Path(), args.results))


if __name__ == "__main__":
    with exit_on_user_error():
        main()
