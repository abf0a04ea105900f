"""Check settings, compare versions, hand results between the drivers, use trained models."""

import argparse
from importlib.metadata import version
from pathlib import Path

from vaepipe import params
from vaepipe.core.errors import UserError, exit_on_user_error
from vaepipe.core.files import write_text
from vaepipe.results import Results
from vaepipe.trained import commands as of_models
from vaepipe.versions.next_steps import next_steps


def check(flags: argparse.Namespace) -> None:
    """Check a params file."""
    params.check_file(flags.params)


def preset(flags: argparse.Namespace) -> None:
    """Write a preset into params.yaml, so that both drivers run it; without a name, list them."""
    from vaepipe.versions import presets

    if flags.name is None:
        print("\n".join(f"{name:12} {about}" for name, about in presets.listed().items()))
        return
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
    from vaepipe.tracking.address import store_uri
    from vaepipe.tracking.ui import show

    results = Results(flags.results)
    show(store_uri(results), results, flags.port)


EXAMPLES = {
    check: ["vaepipe check params.yaml"],
    preset: ["vaepipe preset", "vaepipe preset smoke"],
    handover: ["vaepipe handover dvc", "vaepipe handover snakemake"],
    pull: ["git checkout v1 && vaepipe pull"],
    diff: ["vaepipe diff", "vaepipe diff v1", "vaepipe diff v1 v2 --out changes.html"],
    verify: ["vaepipe verify"],
    ui: ["vaepipe ui", "vaepipe ui --port 5001"],
    **of_models.EXAMPLES,
}


def _port(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed, only 1 to 65535")
    return int(text)


def _with_examples(lines: list[str]) -> str:
    return "\n".join(["examples:", *(f"  {line}" for line in lines)])


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="vaepipe",
        description=__doc__,
        epilog=_with_examples(["vaepipe", *(lines[0] for lines in EXAMPLES.values())])
        + "\n\nvaepipe alone says what to do next in this folder.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"vaepipe {version('vaepipe')}")
    commands = parser.add_subparsers(metavar="COMMAND")

    def command(run) -> argparse.ArgumentParser:
        made = commands.add_parser(
            run.__name__,
            help=run.__doc__,
            description=run.__doc__,
            epilog=_with_examples(EXAMPLES[run]),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        made.set_defaults(run=run)
        return made

    command(check).add_argument("params", type=Path, help="the params file")
    command(preset).add_argument("name", nargs="?", help="of a file in params/, such as smoke")
    command(handover).add_argument("to", choices=["dvc", "snakemake"], help="who is to go on")
    command(pull)
    command(verify)
    diffing = command(diff)
    diffing.add_argument("old", nargs="?", default="HEAD", help="git revision, tag or experiment")
    diffing.add_argument("new", nargs="?", help="the same; without it, the working tree")
    diffing.add_argument(
        "--out",
        type=Path,
        default=Path("results/diff.html"),
        help="the page (default: %(default)s)",
    )
    serving = command(ui)
    serving.add_argument(
        "--results",
        type=Path,
        default="results",
        help="folder of all results (default: %(default)s)",
    )
    serving.add_argument(
        "--port", type=_port, default=5000, help="where the UI listens (default: %(default)s)"
    )

    of_models.add(command)

    flags = parser.parse_args()
    with exit_on_user_error():
        if hasattr(flags, "run"):
            flags.run(flags)
        else:
            print("\n".join(next_steps(Path())))
