"""What the tests of reliability tried and how often, as docs/reliability.md shows it."""

from textwrap import fill
from typing import Any

BEGIN, END = "<!-- written by `make reliability` -->\n", "<!-- to here -->\n"


def with_table(page: str, tried: dict[str, Any]) -> str:
    """The page with its table made of what was tried."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    versions = ", ".join(f"{name} {v}" for name, v in sorted(tried["versions"].items()))
    about = fill(f"STRENGTH={tried['strength']}, with {versions}; all passed.", 120)
    rows = "".join(f"| {what} | {times:,} |\n" for what, times in sorted(tried["tried"].items()))
    return (
        f"{before}{BEGIN}\n{about}\n\n"
        f"| what was tried | times |\n| --- | ---: |\n{rows}\n{END}{after}"
    )
