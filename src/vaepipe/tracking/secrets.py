"""Texts and addresses of a store without the passwords in them."""

import re
from collections.abc import Iterator
from urllib.parse import unquote, unquote_plus

SECRET = re.compile(r"pass|pwd|secret|token|key", re.IGNORECASE)
HIDDEN = "***"
# What stands before the @, without the user's name; a server's may be a token alone. People write
# signs into a password that have to be percent-encoded: it is hidden all the same, and where an @
# stands in a path, so is the path.
LOGIN = re.compile(
    r"^(https?://(?:[^:/?#@]*:)?|(?!https?:)[\w.+-]+://[^:/]*:)([^@]*(?:@[^?@]*)*)@",
    re.IGNORECASE,
)


def without_secrets(uri: str) -> str:
    """The URI with `***` for its password and for the secrets in its query."""
    place, mark, query = LOGIN.sub(rf"\1{HIDDEN}@", uri).partition("?")
    pairs = (k + sep + (HIDDEN if SECRET.search(k) else v) for k, sep, v in _pairs(query))
    return place + mark + "&".join(pairs)


def without_login(uri: str) -> str:
    """A server's address for a link: without user, password and query."""
    scheme, _, rest = without_secrets(uri).partition("://")
    return f"{scheme}://{rest.rpartition(f'{HIDDEN}@')[2].partition('?')[0].rstrip('/')}"


def redacted(text: str, uri: str) -> str:
    """The text, such as an error's, with `***` for every secret of the URI, as it stands or not."""
    query = LOGIN.sub("", uri).partition("?")[2]
    secrets = {v for k, _, v in _pairs(query) if SECRET.search(k)}
    secrets |= {found[2] for found in LOGIN.finditer(uri)}
    text = text.replace(uri, without_secrets(uri))
    for secret in {form for s in secrets for form in (s, unquote(s), unquote_plus(s)) if form}:
        text = text.replace(secret, HIDDEN)
    return text


def misread(uri: str) -> str:
    """Why an address can't be read as it is meant; "" if it can.

    Errors that follow from it hold parts of the password.
    """
    found = LOGIN.match(uri)
    # SQLAlchemy takes all but an @ in a database's, MLflow takes that alone in a server's.
    signs = r"[][/?#]" if uri.lower().startswith("http") else "@"
    if found and re.search(signs, found[2]):
        return "@ / ? # [ ] in a password have to be percent-encoded, such as %2F for /"
    return ""


def _pairs(query: str) -> Iterator[tuple[str, str, str]]:
    return (pair.partition("=") for pair in query.split("&"))
