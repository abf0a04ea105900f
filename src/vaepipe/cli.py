"""The command `vaepipe`: what belongs to no stage."""

import argparse
from pathlib import Path

from vaepipe import params
from vaepipe.core.errors import UserError, exit_on_user_error
from vaepipe.core.files import write_text
from vaepipe.results import Results
from vaepipe.trained.commands import add as commands_of_models


def check(flags: argparse.Namespace) -> None:
    """Check a params file."""
    params.check_file(flags.params)


def preset(flags: argparse.Namespace) -> None:
    """Write a preset into params.yaml, so that both drivers run it."""
    from vaepipe.versions import presets

    print("\n".join(presets.apply(flags.name)) or f"params.yaml holds {flags.name} already")


def handover(flags: argparse.Namespace) -> None:
    """Let one driver go on from the results of the other, without running anything again."""
    from vaepipe.versions import handover

    hand = {"dvc": handover.hand_to_dvc, "snakemake": handover.hand_to_snakemake}
    print(hand[flags.to](Path()))


def pull(flags: argparse.Namespace) -> None:
    """Fetch the results of the checked-out version from DVC's remote."""
    from vaepipe.versions import handover

    print(handover.pull(Path()))


def diff(flags: argparse.Namespace) -> None:
    """Compare two versions of the results: a table here, and a page."""
    from vaepipe.report import versions
    from vaepipe.versions import diff

    found = diff.compare(Path(), flags.old, flags.new)
    write_text(flags.out, versions.page(found))
    print(f"{diff.text(found)}\n\nThe page is {flags.out}")


def verify(flags: argparse.Namespace) -> None:
    """Run one run of each model again and compare it, bit for bit, with the results."""
    from vaepipe.versions.verify import text, verify

    differing = 0
    for finding in verify(Path()):
        print(text(finding), flush=True)
        differing += bool(finding.differing)
    if differing:
        raise UserError(f"{differing} of the runs made again differ from results/digest.json")


def ui(flags: argparse.Namespace) -> None:
    """Start MLflow's UI on the loopback address and print where it shows the comparison."""
    from vaepipe.tracking.store import store_uri
    from vaepipe.tracking.ui import show

    results = Results(flags.results)
    show(store_uri(results), results, flags.port)


def main() -> None:
    parser = argparse.ArgumentParser(prog="vaepipe", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(run) -> argparse.ArgumentParser:
        made = commands.add_parser(run.__name__, help=run.__doc__, description=run.__doc__)
        made.set_defaults(run=run)
        return made

    command(check).add_argument("params", type=Path, help="the params file")
    command(preset).add_argument("name", help="of a file in params/, such as smoke")
    command(handover).add_argument("to", choices=["dvc", "snakemake"], help="who is to go on")
    command(pull)
    command(verify)
    diffing = command(diff)
    diffing.add_argument("old", nargs="?", default="HEAD", help="git revision, tag or experiment")
    diffing.add_argument("new", nargs="?", help="the same; without it, the working tree")
    diffing.add_argument("--out", type=Path, default=Path("results/diff.html"), help="the page")
    serving = command(ui)
    serving.add_argument("--results", type=Path, default="results", help="folder of all results")
    serving.add_argument("--port", type=int, default=5000, help="where the UI listens")

    commands_of_models(command)

    flags = parser.parse_args()
    with exit_on_user_error():
        flags.run(flags)
