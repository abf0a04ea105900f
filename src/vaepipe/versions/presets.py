"""Presets: small overlays in `params/`, written into params.yaml for a driver without overlays."""

import io
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq

from vaepipe import params
from vaepipe.core.errors import UserError
from vaepipe.core.files import parse_yaml, read_yaml, write_text


def listed(folder: Path = Path("params")) -> dict[str, str]:
    """The presets by name, with the first sentence of the comment at the top of each."""
    return {path.stem: _about(path) for path in sorted(folder.glob("*.yaml"))}


def _about(path: Path) -> str:
    comment = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        comment.append(line.lstrip("# "))
    return " ".join(comment).split(". ")[0].removesuffix(".")


def apply(name: str, path: Path = Path("params.yaml"), folder: Path = Path("params")) -> list[str]:
    """Write the preset's values into the params file; its comments and its order stay.

    Returns:
        A line for each value that changed.

    Raises:
        UserError: there is no such preset, it is a sweep, or the params would not be allowed;
            nothing is written.
    """
    known = list(listed(folder))
    if name not in known:
        raise UserError(f"{folder} holds no preset {name}, allowed is one of {', '.join(known)}")
    if "sweep" in read_yaml(folder / f"{name}.yaml"):
        raise UserError(
            f"{name} is a sweep, which Snakemake alone runs:"
            f" snakemake sweep --cores 4 --configfile {folder}/{name}.yaml"
        )
    params.check(read_yaml(path))
    yaml = YAML()
    yaml.width = 100
    whole = yaml.load(path.read_text(encoding="utf-8"))
    changes = []
    for section, values in read_yaml(folder / f"{name}.yaml").items():
        for key, value in values.items():
            old = whole.get(section, {}).get(key)
            if old != value:
                changes.append(f"{section}.{key}: {old} -> {value}")
                whole.setdefault(section, {})[key] = _flowing(value)
    text = io.StringIO()
    yaml.dump(whole, text)
    params.check(parse_yaml(text.getvalue()))
    write_text(path, text.getvalue())
    return changes


def _flowing(value: Any) -> Any:
    """A list as it is written in params.yaml, on one line."""
    if not isinstance(value, list):
        return value
    flow = CommentedSeq(value)
    flow.fa.set_flow_style()
    return flow
