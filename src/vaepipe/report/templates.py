"""The templates of all pages."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from vaepipe.models.names import title
from vaepipe.report.words import say


def environment() -> Environment:
    """Templates that escape their values and fail on an undefined name."""
    environment = Environment(
        loader=PackageLoader("vaepipe.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["say"] = say
    environment.filters["model_title"] = title
    return environment
