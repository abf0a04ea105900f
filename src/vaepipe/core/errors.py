"""The error that a user can mend, and how it is shown."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class UserError(Exception):
    """Something outside the code is wrong; the text says what, where and what is allowed."""


@contextmanager
def exit_on_user_error() -> Iterator[None]:
    """End the process with the text of a `UserError` and exit status 1, without a traceback."""
    try:
        yield
    except UserError as error:
        sys.exit(f"vaepipe: {error}")
