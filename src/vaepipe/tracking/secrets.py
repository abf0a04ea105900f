"""Texts and addresses of a store without the passwords in them."""

import re
from urllib.parse import unquote, unquote_plus, urlsplit, urlunsplit

SECRET = re.compile(r"pass|pwd|secret|token|key", re.IGNORECASE)
HIDDEN = "***"
# A database's user and password as SQLAlchemy reads them: a password may hold / and ?.
USER = re.compile(r"^((?!https?:)[\w.+-]+://[^:/@]*):([^@]*)@")


def without_secrets(uri: str) -> str:
    """The URI with `***` for its password and for the secrets in its query."""
    uri = USER.sub(rf"\1:{HIDDEN}@", uri)
    parts = urlsplit(uri)
    netloc = parts.netloc
    if parts.password is not None:
        netloc = f"{parts.username}:{HIDDEN}@{netloc.rpartition('@')[2]}"
    pairs = [pair.partition("=") for pair in parts.query.split("&")]
    query = "&".join(k + sep + (HIDDEN if SECRET.search(k) else v) for k, sep, v in pairs)
    # Put together by hand where there is no host: urlunsplit drops two of sqlite's slashes.
    if not netloc:
        return uri.partition("?")[0] + (f"?{query}" if query else "")
    return urlunsplit(parts._replace(netloc=netloc, query=query))


def redacted(text: str, uri: str) -> str:
    """The text, such as an error's, with `***` for every secret of the URI, as it stands or not."""
    parts = urlsplit(USER.sub(rf"\1:{HIDDEN}@", uri))
    pairs = [pair.partition("=") for pair in parts.query.split("&")]
    secrets = {v for k, _, v in pairs if SECRET.search(k)} | {parts.password or ""}
    secrets |= {found[2] for found in USER.finditer(uri)}
    text = text.replace(uri, without_secrets(uri))
    for secret in {form for s in secrets for form in (s, unquote(s), unquote_plus(s)) if form}:
        text = text.replace(secret, HIDDEN)
    return text
