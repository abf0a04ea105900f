"""The pages of claims: `python -m benchmarks.claims [RESULTS]`.

Given a folder of results of params/claims.yaml, it takes claims.json and the pictures from there
into docs/. Then it writes docs/claims.md and docs/claims.zh.md from docs/claims.json, with the
texts of the report's chapter.
"""

import argparse
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import setting
from benchmarks.tables import table
from vaepipe.claims import NAMES
from vaepipe.core.errors import UserError, exit_on_user_error
from vaepipe.core.files import read_json, write_json, write_text
from vaepipe.report.claims import Claim, chapter, settings, tested
from vaepipe.report.words import LANGUAGES, Text, say
from vaepipe.results import Results

PRESET = "params/claims.yaml"
DOCS = setting.ROOT / "docs"
SOURCE = DOCS / "claims.json"
PICTURES = DOCS / "images" / "claims"
PAGES = {"en": DOCS / "claims.md", "zh": DOCS / "claims.zh.md"}


def take(results: Results) -> None:
    """Take verdicts and pictures of results of the thorough preset into docs/.

    Raises:
        UserError: the results are of another preset.
    """
    found = read_json(results.claims)
    preset = found["settings"]["preset"]
    if preset != PRESET:
        raise UserError(
            f"{results.claims} is of {preset}, and the pages are of {PRESET}: run"
            f" snakemake --cores 2 --configfile {PRESET} first"
        )
    write_json(SOURCE, found)
    for name in NAMES:
        PICTURES.mkdir(parents=True, exist_ok=True)
        if found["claims"][name]["verdict"] != "not_tested":
            shutil.copyfile(results.claim(name), PICTURES / f"{name}.svg")


def page(found: Mapping[str, Any] | None, language: str) -> str:
    """The page in one language, as Markdown.

    Args:
        found: what claims.json holds; None before the first thorough run.
        language: `en` or `zh`.
    """

    def told(text: Text) -> str:
        return _markdown(getattr(text, language))

    claims = chapter(found)
    other = next(one for one in LANGUAGES if one != language)
    name = {"en": "English", "zh": "简体中文"}[other]
    lines = [f"# {told(say('claims.heading'))}", f"[{name}]({PAGES[other].name})"]
    lines.append(told(say("claims.lede")))
    if found:
        lines.append(told(settings(found, Text(f"`{PRESET}`", f"`{PRESET}`"))))
        lines.append(told(say("claims.family", n=tested(claims), all=len(claims))))
    else:
        lines.append(told(say("claims.to_test")))
    lines.append(summary(claims, told))
    lines.append(told(say("claims.rules")))
    for number, claim in enumerate(claims, 1):
        lines += [f"## {number}. {told(claim.stated)}", *_claim(claim, told)]
    return "\n\n".join(lines) + "\n"


def summary(claims: Sequence[Claim], told: Callable[[Text], str]) -> str:
    """A table of all claims and their verdicts."""
    rows = [
        [f"{number}. {told(claim.stated)}", f"**{told(claim.label)}**"]
        for number, claim in enumerate(claims, 1)
    ]
    return table([told(say("claims.claim")), told(say("claims.verdict"))], rows)


def _claim(claim: Claim, told: Callable[[Text], str]) -> list[str]:
    verdict = f"**{told(claim.label)}**" + (f" ({told(claim.p)})" if claim.p else "")
    measured = claim.verdict != "not_measured"
    lines = [f"{verdict}{told(Text(': ', '：'))}{told(claim.said)}" if measured else verdict]
    if claim.conditions:
        heads = ("condition", "size", "measured", "wanted")
        rows = [[told(cell) for cell in row] for row in claim.conditions]
        lines.append(table([told(say(f"claims.{head}")) for head in heads], rows))
        lines.append(f"![{told(claim.caption)}](images/claims/{claim.name}.svg)")
        lines.append(told(claim.caption))
    lines.append(f"**{told(say('claims.how'))}** {told(claim.how)}")
    lines.append(f"**{told(say('claims.change'))}** {told(claim.change)}")
    if claim.numbers:
        header = ["", *map(told, claim.numbers.header)]
        rows = [[told(head), *cells] for head, cells in claim.numbers.rows]
        summary = f"<details><summary>{told(say('claims.numbers'))}</summary>"
        caption = told(say("claims.numbers_caption"))
        lines.append(f"{summary}\n\n{caption}\n\n{table(header, rows)}\n\n</details>")
    return lines


def _markdown(html: str) -> str:
    """A text of the catalogue as Markdown; `sub` stays, which Markdown has no sign for."""
    text = re.sub(r"</?code>", "`", str(html))
    return (
        re.sub(r"</?(b|strong)>", "**", text)
        .replace("&#39;", "'")
        .replace("&lt; ", "< ")
        .replace("|", "\\|")
    )


def render() -> None:
    """Both pages from docs/claims.json, or without numbers where it is not there yet."""
    found = read_json(SOURCE) if SOURCE.exists() else None
    for language, path in PAGES.items():
        write_text(path, page(found, language))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.claims",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "results", nargs="?", type=Path, help="folder of the thorough run's results"
    )
    asked = parser.parse_args()
    if asked.results:
        take(Results(asked.results))
    render()


if __name__ == "__main__":
    with exit_on_user_error():
        main()
