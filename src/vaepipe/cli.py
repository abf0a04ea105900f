"""The command `vaepipe`: what belongs to no stage."""

import argparse
from pathlib import Path

from vaepipe import params
from vaepipe.errors import one_message
from vaepipe.files import read_yaml, write_text
from vaepipe.runs import Results


def check(flags: argparse.Namespace) -> None:
    """Check a params file."""
    params.check(read_yaml(flags.params))
    if flags.out:
        # The same text for all params that pass: what is downstream need not run again.
        write_text(flags.out, "The params are what src/vaepipe/params.py allows.\n")


def ui(flags: argparse.Namespace) -> None:
    """Start MLflow's UI on the loopback address and print where it shows the comparison."""
    from vaepipe.tracking.store import store_uri
    from vaepipe.tracking.ui import show

    results = Results(flags.results)
    show(store_uri(results), results, flags.port)


def main() -> None:
    parser = argparse.ArgumentParser(prog="vaepipe", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("check", help=check.__doc__, description=check.__doc__)
    command.add_argument("params", type=Path, help="the params file")
    command.add_argument("--out", type=Path, help="a file that is written if all is well")
    command.set_defaults(run=check)
    command = commands.add_parser("ui", help=ui.__doc__, description=ui.__doc__)
    command.add_argument("--results", type=Path, default="results", help="folder of all results")
    command.add_argument("--port", type=int, default=5000, help="where the UI listens")
    command.set_defaults(run=ui)
    flags = parser.parse_args()
    with one_message():
        flags.run(flags)
