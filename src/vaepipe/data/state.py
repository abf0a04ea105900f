"""What is at the source of the user's own images, without reading them.

Where the source is gone, such as a disk that was taken out, it is what was there when the images
were made: what was trained on them stays as it is.
"""

import hashlib
import os
from pathlib import Path
from typing import Any

from vaepipe.core.files import write_text
from vaepipe.data.manifest import OWN

STATE = "source.state"


def state_of_source(data: Any, folder: Path = Path("data")) -> str:
    """A digest over names, sizes and dates of all files at `data.source`, `size` and `colour`.

    Hidden files have no part in it, nor where the source lies.

    Empty for data sets that are no images of the user, and where the source is not there and no
    images were made of it.

    Args:
        data: the settings of section `data`.
        folder: of all data sets.
    """
    source = Path(data.source).expanduser()
    if data.name not in OWN:
        return ""
    if not source.exists():
        kept = folder / data.name / STATE
        asked, _, state = kept.read_text().rpartition("\n") if kept.exists() else ("", "", "")
        return state if asked == _asked(data) else ""
    whole = hashlib.sha256(f"{data.size} {data.colour}".encode())
    base = source.parent if source.is_file() else source
    for top, folders, files in os.walk(base):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(name for name in files if not name.startswith(".")):
            if source.is_file() and name not in (source.name, "classes.txt"):
                continue
            path = os.path.join(top, name)
            about = os.lstat(path)
            # A name may be no UTF-8, which the download refuses.
            place = os.fsencode(os.path.relpath(path, base))
            whole.update(place + f" {about.st_size} {about.st_mtime_ns}\n".encode())
        if source.is_file():
            break
    return whole.hexdigest()


def keep_state(data: Any, folder: Path) -> None:
    """Write down what is at the source, beside the images that were made of it.

    Args:
        folder: of the data set.
    """
    if data.name in OWN and Path(data.source).expanduser().exists():
        write_text(folder / STATE, f"{_asked(data)}\n{state_of_source(data)}")


def _asked(data: Any) -> str:
    return f"{data.source} {data.size} {data.colour}"
