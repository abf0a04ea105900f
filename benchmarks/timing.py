"""Turns, ratios within turns, and a description of the machine."""

import os
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from vaepipe.core.provenance import processor, versions

Seconds = dict[str, list[float]]
BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16"}  # instructions for products of bfloat16 matrices


def processor_seconds(work: Callable[[], object]) -> float:
    """Processor time of one call, in seconds, of all threads of this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


@contextmanager
def own_process() -> Iterator[Callable[..., Any]]:
    """A caller of functions in one other process, for what this project does.

    `device.prepare` has the C library keep freed memory for the whole process, which would help
    the other contenders as well.
    """
    thread = {"initializer": torch.set_num_threads, "initargs": (1,)}
    with ProcessPoolExecutor(1, get_context("spawn"), **thread) as pool:
        yield lambda work, *given: pool.submit(work, *given).result()


def in_turns(contenders: Mapping[str, Callable[[], float]], turns: int) -> Seconds:
    """The seconds that each contender returns, `turns` times in turn, after one turn to warm up."""
    found: Seconds = {name: [] for name in contenders}
    for turn in range(turns + 1):
        for name, measure in contenders.items():
            value = measure()
            if turn:
                found[name].append(value)
    return found


def ratios(above: Iterable[float], below: Iterable[float]) -> list[float]:
    """Quotients of what was measured in the same turn."""
    return [a / b for a, b in zip(above, below, strict=True)]


def spread(values: Iterable[float]) -> dict[str, float]:
    """Median, lowest and highest, to five digits, and how many there were."""
    values = list(values)
    rounded = {
        name: float(f"{of(values):.5g}")
        for name, of in {"median": statistics.median, "low": min, "high": max}.items()
    }
    return rounded | {"turns": len(values)}


def instructions(cpuinfo: Path = Path("/proc/cpuinfo")) -> set[str]:
    """The processor's instruction sets as Linux names them; empty on other systems."""
    if not cpuinfo.exists():
        return set()
    lines = [line.split(":", 1) for line in cpuinfo.read_text().splitlines() if ":" in line]
    found = [value for name, value in lines if name.strip() in ("flags", "Features")]
    return set(" ".join(found).split())


def machine() -> dict[str, object]:
    """Processor, its cores, instructions that matter here, and versions; no names, no paths."""
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "bfloat16_products": bool(BFLOAT16 & instructions()),
        "versions": versions(),
    }
