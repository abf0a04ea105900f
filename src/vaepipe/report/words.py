"""The page's texts in English and Chinese, from one catalogue: words.toml and claims.toml."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from vaepipe.models.names import title

CATALOGUE = [Path(__file__).with_name(name) for name in ("words.toml", "claims.toml")]
LANGUAGES = {"en": "en", "zh": "zh-Hans"}  # key in the catalogue: language tag in the page


class Text(NamedTuple):
    """One text in both languages, as HTML. In a template it becomes both; CSS shows one."""

    en: str
    zh: str

    def __html__(self) -> Markup:
        if self.en == self.zh:
            return escape(self.en)
        parts = zip(LANGUAGES.values(), self, strict=True)
        return Markup("").join(Markup('<span lang="{}">{}</span>').format(*p) for p in parts)

    def plain(self) -> "Text":
        """Without tags, for attributes such as `alt` and `aria-label`."""
        return Text(*(Markup(escape(text)).striptags() for text in self))


@cache
def catalogue() -> dict[str, dict[str, Any]]:
    """The sections of both files: key to its texts by language."""
    parts = [tomllib.loads(path.read_text(encoding="utf-8")) for path in CATALOGUE]
    return {name: section for part in parts for name, section in part.items()}


def say(key: str, **values: Any) -> Text:
    """The catalogue's text `section.key` with values in its `{places}`.

    Values are escaped; a `Text` among them is put in by language.

    Raises:
        KeyError: no such text, or a place without a value.
    """
    section, name = key.split(".", 1)
    texts = catalogue()[section][name]
    return Text(
        *(
            Markup(texts[language]).format(
                **{
                    key: getattr(value, language) if isinstance(value, Text) else value
                    for key, value in values.items()
                }
            )
            for language in LANGUAGES
        )
    )


def translated(english: str) -> Text:
    """A text whose English lies elsewhere, such as a metric's title.

    In English alone where the catalogue has no translation, as for an older version's names.
    """
    return Text(english, catalogue()["translations"].get(english, english))


def joined(texts: list[Text], en: str = " ", zh: str = "") -> Text:
    """Several texts as one, with a separator for each language."""
    return Text(
        Markup(en).join(text.en for text in texts), Markup(zh).join(text.zh for text in texts)
    )


def listed(texts: list[Text], en: str = " and ", zh: str = "和") -> Text:
    """Texts as a sentence lists them: `one, two and three`, with what stands before the last."""
    *first, last = texts
    if not first:
        return last
    return joined([joined(first, ", ", "、"), last], en, zh)


def names(models: list[str]) -> Text:
    """Models as a sentence lists them: `AE, VAE and CVAE`."""
    return listed([Text(title(model), title(model)) for model in models])


def either(models: list[str]) -> Text:
    """Models of which one is meant: `AE or VAE`."""
    return listed([Text(title(model), title(model)) for model in models], " or ", " 或 ")


def counted(noun: str, n: int) -> Text:
    """A count with its noun: `1 seed`, `3 seeds`."""
    return say(f"count.{noun}{'s' * (n != 1)}", n=f"{n:,}")
