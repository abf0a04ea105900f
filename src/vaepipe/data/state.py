"""What is at the source of the user's own images, without reading them."""

import hashlib
import os
from pathlib import Path
from typing import Any

from vaepipe.data.manifest import OWN


def state_of_source(data: Any) -> str:
    """A digest over names, sizes and dates of all files at `data.source`, `size` and `colour`.

    Empty for data sets that are no images of the user, and where the source is not there.

    Args:
        data: the settings of section `data`.
    """
    source = Path(data.source).expanduser()
    if data.name not in OWN or not source.exists():
        return ""
    whole = hashlib.sha256(f"{data.size} {data.colour}".encode())
    for top, folders, files in os.walk(source.parent if source.is_file() else source):
        folders.sort()
        for name in sorted(files):
            if source.is_file() and name not in (source.name, "classes.txt"):
                continue
            about = os.lstat(os.path.join(top, name))
            whole.update(f"{top}/{name} {about.st_size} {about.st_mtime_ns}\n".encode())
        if source.is_file():
            break
    return whole.hexdigest()
