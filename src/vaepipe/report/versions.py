"""Two versions of the results as a page, or as a part of the report."""

import io
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment
from markupsafe import Markup
from PIL import Image

from vaepipe.evaluation.metrics import METRICS
from vaepipe.report import templates
from vaepipe.report.numbers import typeset
from vaepipe.report.words import translated
from vaepipe.versions.diff import Diff, as_json, mean, shown

WIDTH = 900  # pixels of a figure that stands beside another

Pictures = list[tuple[str, bytes | None, bytes | None]]  # name, old PNG, new PNG


def html(changes: Mapping[str, Any], pictures: Pictures | None = None) -> Markup:
    """The differences as a part of a page: tables, and figures side by side or their names.

    Args:
        changes: what `vaepipe.versions.diff.as_json` gives.
        pictures: the figures that differ; None shows no figure, to keep a page small.
    """
    template = _environment().get_template("versions.html.j2")
    return Markup(template.render(diff=changes, pictures=pictures))


def page(diff: Diff) -> str:
    """The differences as a page of its own."""
    changes = as_json(diff)
    body = html(changes, diff.figures)
    return _environment().get_template("versions_page.html.j2").render(diff=changes, body=body)


def _environment() -> Environment:
    environment = templates.environment()
    environment.filters |= {
        "shown": shown,
        "small": _small,
        "typeset": typeset,
        "translated": translated,
    }
    environment.globals |= {"mean": mean, "METRICS": METRICS}
    return environment


def _small(png: bytes | None) -> str | None:
    """A figure as a data URI, no wider than it is shown."""
    if png is None:
        return None
    image = Image.open(io.BytesIO(png)).convert("RGB")
    image.thumbnail((WIDTH, 4 * WIDTH))
    small = io.BytesIO()
    image.save(small, "WEBP", quality=80)
    return "data:image/webp;base64," + b64encode(small.getvalue()).decode()
