"""Settings as the flags of a command, and back."""

import argparse
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from vaepipe.core.errors import UserError
from vaepipe.models import names
from vaepipe.params import from_dict
from vaepipe.results import Results, Run
from vaepipe.values import allowed, problems_of

T = TypeVar("T")


def to_cli_args(settings: Any) -> list[str]:
    """One section's settings as flags, in the form that DVC gives to a section in a cmd."""
    found = []
    for key, value in asdict(settings).items():
        found += [f"--{key}", *map(str, value if isinstance(value, tuple) else [value])]
    return found


def add_section(parser: argparse.ArgumentParser, section: type) -> None:
    """Give the parser a required flag for each setting of the section."""
    for setting in fields(section):
        many = get_origin(setting.type) is tuple
        kind = get_args(setting.type)[0] if many else setting.type
        text = f"{setting.metadata['help']}: {allowed(kind, setting.metadata)}"
        parser.add_argument(
            f"--{setting.name}",
            type=kind,
            nargs="+" if many else None,
            required=True,
            metavar=setting.name.upper(),
            help=text.replace("%", "%%"),
        )


def section(kind: type[T], parsed: argparse.Namespace) -> T:
    """The settings of one section from parsed flags; a `UserError` if one is not allowed."""
    values = {f.name: getattr(parsed, f.name) for f in fields(kind)}
    if problems := problems_of(kind.__name__.lower(), kind, values):
        raise UserError("\n".join(problems))
    return from_dict(kind, values)


def _model(name: str) -> str:
    if not names.is_model(name):
        raise argparse.ArgumentTypeError(f"{name!r} is no model; allowed is {names.ALLOWED}")
    return name


def add_runs(parser: argparse.ArgumentParser) -> None:
    """Give the parser the flags of runs of the matrix that differ in their seeds alone."""
    parser.add_argument("--model", type=_model, required=True, help=f"the model: {names.ALLOWED}")
    parser.add_argument("--latent_dim", type=int, required=True, help="size of the latent space")
    parser.add_argument(
        "--seed",
        type=int,
        nargs="+",
        required=True,
        help="one or several; runs of several seeds share one process",
    )


def runs(parsed: argparse.Namespace) -> list[Run]:
    """The runs that the flags name."""
    return [Run(parsed.model, parsed.latent_dim, seed) for seed in parsed.seed]


def add_folders(parser: argparse.ArgumentParser, *names: str) -> None:
    """Give the parser the required flags --data, a folder's path, and --results, a `Results`."""
    flags = {
        "data": {"type": Path, "help": "folder of the data set"},
        "results": {"type": _results, "help": "folder of all results"},
    }
    for name in names or flags:
        parser.add_argument(f"--{name}", required=True, **flags[name])


def _results(folder: str) -> Results:
    return Results(Path(folder))
