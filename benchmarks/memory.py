"""Peak memory of a piece of work, apart from what the process held before."""

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

INTERVAL = 0.01
STATUS = Path("/proc/self/status")


def held_mib() -> float:
    """Memory that the process holds for itself: resident, not the pages of mapped files."""
    line = next(x for x in STATUS.read_text().splitlines() if x.startswith("RssAnon"))
    return int(line.split()[1]) / 2**10


def give_back() -> None:
    """Have the C library give freed memory back, which the stages ask it to keep."""
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


@contextmanager
def watched() -> Iterator[dict[str, float]]:
    """Give a dict that holds `before_mib` and, when the body has ended, `peak_mib`.

    Sampled every 10 ms. The pages of a mapped file are left out: the system drops them when memory
    is short.
    """
    found = {"before_mib": held_mib(), "peak_mib": 0.0}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(INTERVAL):
            found["peak_mib"] = max(found["peak_mib"], held_mib())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()
        found["peak_mib"] = max(found["peak_mib"], held_mib())
