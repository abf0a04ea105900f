"""Values of settings: whether they are allowed, and what a message says of one that is not.

A setting is a field of a dataclass whose metadata has `help`, the bounds `low`, `high` and `above`,
the `choices`, `unique` (of a list) and `model` (a model's name).
"""

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args, get_origin

import yaml

from vaepipe.core.files import parse_yaml
from vaepipe.models import names


def allowed(kind: type, rules: Mapping[str, Any]) -> str:
    """The allowed values of a setting, for messages and help texts."""
    if rules["model"]:
        return names.ALLOWED
    if rules["choices"]:
        return "one of " + ", ".join(rules["choices"])
    noun = {int: "a whole number", float: "a number", str: "a text of one line"}[kind]
    low, high, above = rules["low"], rules["high"], rules["above"]
    if above is not None:
        return f"{noun} above {above:g} and at most {high:g}"
    return noun if low is None else f"{noun} from {low} to {high}"


def _fits(value: Any, kind: type, rules: Mapping[str, Any]) -> bool:
    if kind is float and type(value) is int:
        value = float(value) if abs(value) < 2**53 else math.inf
    if type(value) is not kind:
        return False
    if rules["model"]:
        return names.is_model(value)
    if rules["choices"]:
        return value in rules["choices"]
    if kind is str:
        return bool(value.strip()) and value.isprintable()
    low, high, above = rules["low"], rules["high"], rules["above"]
    return (
        math.isfinite(value)
        and (low is None or value >= low)
        and (above is None or value > above)
        and (high is None or value <= high)
    )


def shown(value: Any) -> str:
    """A value as a message shows it, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _problem(kind: Any, rules: Mapping[str, Any], value: Any) -> str | None:
    """Why the value is not allowed, or None."""
    if get_origin(kind) is not tuple:
        if _fits(value, kind, rules):
            return None
        return f"is {shown(value)}, allowed is {allowed(kind, rules)}"
    item = get_args(kind)[0]
    if not isinstance(value, list | tuple) or not value:
        return f"is {shown(value)}, allowed is a list, not empty, each {allowed(item, rules)}"
    for one in value:
        if not _fits(one, item, rules):
            return f"holds {shown(one)}, allowed is a list, each {allowed(item, rules)}"
    if rules["unique"] and len(set(value)) < len(value):
        return f"is {shown(value)}, allowed is each value once"
    return None


def problems_of(name: str, section: type, values: Any) -> list[str]:
    """What is wrong with the values of one section, a phrase per key; empty if nothing is."""
    known = {f.name: f for f in fields(section)}
    if not isinstance(values, Mapping):
        return [f"{name} is {shown(values)}, allowed is a section with {', '.join(known)}"]
    problems = [
        f"{name}.{shown(key).strip(chr(39))} is unknown, allowed is one of {', '.join(known)}"
        for key in values
        if key not in known
    ]
    for key, setting in known.items():
        if key not in values:
            problems.append(f"{name}.{key} is missing: {setting.metadata['help']}")
        elif problem := _problem(setting.type, setting.metadata, values[key]):
            problems.append(f"{name}.{key} {problem}")
    return problems


def retyped(value: Any, kind: Any) -> Any:
    """A text parsed as YAML where the setting is not a text; a text that is no YAML stays."""
    if isinstance(value, list):
        item = get_args(kind)[0] if get_args(kind) else str
        return [one if isinstance(one, list) else retyped(one, item) for one in value]
    if kind is str or not isinstance(value, str):
        return value
    try:
        return parse_yaml(value)
    except (ValueError, RecursionError, yaml.YAMLError):
        return value
