"""The templates of all pages."""

from jinja2 import Environment, PackageLoader, StrictUndefined


def environment() -> Environment:
    """Templates that escape what they show and refuse a name that they are not given."""
    return Environment(
        loader=PackageLoader("vaepipe.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
