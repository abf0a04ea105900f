"""Many cells or trials at once: a table that can be sorted, and parallel coordinates."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from vaepipe.core.files import read_table
from vaepipe.evaluation.metrics import HEADLINE, METRICS
from vaepipe.figures import colour
from vaepipe.models.names import title
from vaepipe.params import Matrix
from vaepipe.report import templates
from vaepipe.report.numbers import number, typeset
from vaepipe.report.words import Text, say
from vaepipe.results import Results, pictured_cells

WIDTH, AXIS, MARGIN = 960, 280, 60  # of the drawing and its axes, in its own units
LINE, LETTER = 13, 7.2  # height of a line of text, width of a letter
DECADES = 1.5  # an axis that spans more is logarithmic


@dataclass(frozen=True)
class Column:
    """A column of the table and an axis of the drawing.

    Attributes:
        values: a number or a text a row; None where there is none.
        digits: behind the point, where the values are metrics.
    """

    title: str
    values: Sequence[Any]
    digits: int | None = None

    @property
    def numeric(self) -> bool:
        return all(isinstance(value, int | float) for value in self.values if value is not None)

    def shown(self, value: Any) -> str:
        """A value for readers."""
        if value is None:
            return "–"
        if self.digits is not None:
            return number(value, self.digits)
        return f"{value:g}" if isinstance(value, float) else str(value)


def many_cells(matrix: Matrix) -> bool:
    """Whether a matrix has more cells than are pictured."""
    return pictured_cells(matrix) != matrix


def cells_html(results: Results) -> Markup:
    """All cells of a matrix by their headline metrics, the means over the seeds."""
    comparison = read_table(results.comparison_table)
    keys = ["model", "latent_dim"]
    means = comparison.pivot(index=keys, columns="metric", values="mean").reset_index()
    columns = [Column("Model", [title(model) for model in means["model"]])]
    columns.append(Column("Latents", means["latent_dim"].tolist()))
    for name in (name for name in HEADLINE if name in means):
        metric = METRICS[name]
        values = [None if math.isnan(value) else value for value in means[name]]
        columns.append(Column(f"{typeset(metric.title)}, {metric.unit}", values, metric.digits))
    models = list(means["model"].unique())
    return html(columns, [colour(m, models) for m in means["model"]], say("many.cells"))


def html(columns: Sequence[Column], colours: Sequence[str], caption: str | Text) -> Markup:
    """The drawing and the table below it, whose rows and lines belong together."""
    template = templates.environment().get_template("many.html.j2")
    titles = [_wrapped(column.title, len(columns)) for column in columns]
    top = LINE * max(map(len, titles)) + LINE
    shown = [
        [(column.shown(v), v) for column, v in zip(columns, row, strict=True)]
        for row in zip(*(column.values for column in columns), strict=True)
    ]
    return Markup(
        template.render(
            columns=columns,
            rows=shown,
            caption=caption,
            axes=[
                _axis(column, k, len(columns)) | {"title": title}
                for k, (column, title) in enumerate(zip(columns, titles, strict=True))
            ],
            lines=list(zip(_lines(columns), colours, strict=True)),
            size=(WIDTH, AXIS + LINE),
            top=top,
            line=LINE,
            bottom=AXIS,
            script=Markup((Path(__file__).parent / "many.js").read_text(encoding="utf-8")),
        )
    )


def _places(column: Column) -> dict[Any, float]:
    """Where each value lies on its axis, from 0 at the bottom to 1."""
    values = {value for value in column.values if value is not None}
    if not column.numeric:
        names = sorted(values, key=list(column.values).index, reverse=True)
        return {name: _share(k, 0, len(names) - 1) for k, name in enumerate(names)}
    low, high = min(values, default=0), max(values, default=0)
    if low > 0 and math.log10(high / low) > DECADES:
        return {v: _share(math.log(v), math.log(low), math.log(high)) for v in values}
    return {v: _share(v, low, high) for v in values}


def _share(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low) if high > low else 0.5


def _x(k: int, columns: int) -> float:
    return round(MARGIN + k * (WIDTH - 2 * MARGIN) / max(columns - 1, 1), 1)


def _y(share: float) -> float:
    return round((1 - share) * AXIS, 1)


def _wrapped(title: str, columns: int) -> list[str]:
    """A title in lines that fit between its axis's neighbours."""
    return textwrap.wrap(title, int((WIDTH - 2 * MARGIN) / max(columns - 1, 1) / LETTER))


def _axis(column: Column, k: int, columns: int) -> Mapping[str, Any]:
    """Where an axis stands, and the labels of its values."""
    places = _places(column)
    if column.numeric and len(places) > 8:
        places = {end(places): places[end(places)] for end in (min, max)}
    labels = [(column.shown(value), _y(share)) for value, share in places.items()]
    return {"x": _x(k, columns), "labels": labels}


def _lines(columns: Sequence[Column]) -> list[str]:
    """A row's line as the `d` of an SVG path; it has a gap where a value is missing."""
    places = [_places(column) for column in columns]
    lines = []
    for row in zip(*(column.values for column in columns), strict=True):
        path, pen = [], "M"
        for k, (value, place) in enumerate(zip(row, places, strict=True)):
            if value is None:
                pen = "M"
                continue
            path.append(f"{pen}{_x(k, len(columns))} {_y(place[value])}")
            pen = "L"
        lines.append("".join(path))
    return lines
