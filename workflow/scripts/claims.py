"""Test the claims of docs/claims.md: measurements, verdicts and a picture of each."""

import argparse

from vaepipe import flags, params
from vaepipe.claims.job import claims
from vaepipe.core.errors import exit_on_user_error


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    flags.add_section(parser, params.Matrix)
    flags.add_section(parser, params.Claims)
    flags.add_folders(parser)
    args = parser.parse_args()
    matrix, settings = flags.section(params.Matrix, args), flags.section(params.Claims, args)
    claims(matrix, settings, args.data, args.results)


if __name__ == "__main__":
    with exit_on_user_error():
        main()
