"""Measurements to results/, docs/performance.json and the tables of docs/performance.md.

docs/performance.json holds the latest measurements, by section (`bench`, `growth`, `gpu`), those of
`bench` by the processor's instruction set, because ratios differ between machines. The page's text
is written by hand; between `<!-- name -->` and `<!-- /name -->` is the table that `tables.TABLES`
makes of the JSON.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import tables
from vaepipe.core.files import read_json, write_json, write_text

ROOT = Path(__file__).parents[1]
SOURCE, PAGE = ROOT / "docs" / "performance.json", ROOT / "docs" / "performance.md"
PLOT = ROOT / "docs" / "images" / "growth.png"


def rendered(
    page: str, measured: dict[str, Any], made: Mapping[str, Callable] = tables.TABLES
) -> str:
    """The page with each table made anew; a marker without a table is an error.

    Args:
        made: a table's name to the function that makes it of what was measured.
    """

    def fill(found: re.Match) -> str:
        name = found["name"]
        return f"<!-- {name} -->\n{made[name](measured)}\n<!-- /{name} -->"

    return re.sub(r"<!-- (?P<name>\w+) -->.*?<!-- /(?P=name) -->", fill, page, flags=re.DOTALL)


def record(section: str, found: dict[str, object]) -> None:
    """Save a section's measurements, and write the page and its plot anew."""
    write_json(ROOT / "results" / f"{section}.json", found)
    measured = read_json(SOURCE) if SOURCE.exists() else {}
    if section == "bench":
        found = measured.get("bench", {}) | {found["machine"]["instructions"]: found}
    measured[section] = found
    write_text(SOURCE, json.dumps(measured, indent=1) + "\n")
    write_text(PAGE, rendered(PAGE.read_text(encoding="utf-8"), measured))
    if section == "growth":
        from benchmarks.plot import growth

        growth(found, PLOT)
    print(f"written: results/{section}.json, {SOURCE.relative_to(ROOT)}, {PAGE.relative_to(ROOT)}")
