"""The command `vaepipe`: what belongs to no stage."""

import argparse
from pathlib import Path

from vaepipe import params
from vaepipe.errors import one_message
from vaepipe.files import read_yaml, write_text


def check(flags: argparse.Namespace) -> None:
    """Check a params file."""
    params.check(read_yaml(flags.params))
    if flags.out:
        # The same text for all params that pass: what is downstream need not run again.
        write_text(flags.out, "The params are what src/vaepipe/params.py allows.\n")


def main() -> None:
    parser = argparse.ArgumentParser(prog="vaepipe", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("check", help=check.__doc__, description=check.__doc__)
    command.add_argument("params", type=Path, help="the params file")
    command.add_argument("--out", type=Path, help="a file that is written if all is well")
    command.set_defaults(run=check)
    flags = parser.parse_args()
    with one_message():
        flags.run(flags)
