"""The device of the tensors, threads, deterministic bits, and memory."""

import ctypes
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from vaepipe.core.errors import UserError

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h of glibc


def prepare(name: str, threads: int) -> torch.device:
    """The device of that name, with PyTorch set to give the same bits every time.

    Args:
        name: `auto` (CUDA, else the CPU), `cuda` or `cpu`.
        threads: CPU threads of one operation; sums are split by it, so it changes bits.

    Raises:
        UserError: the machine does not have the device.
    """
    # cuBLAS reads this when it starts; without it deterministic algorithms refuse to multiply.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # The same as torch.use_deterministic_algorithms(True), which takes a second to import more.
    torch.set_deterministic_debug_mode("error")
    # That setting also fills new tensors, against reads of memory that was never written. Nothing
    # here does that, and filling takes a tenth of a training step.
    torch.utils.deterministic.fill_uninitialized_memory = False
    # By default a GPU rounds the inputs of float32 convolutions to a mantissa of 10 bits (TF32).
    torch.backends.cudnn.allow_tf32 = False
    torch.set_num_threads(threads)
    _keep_freed_memory()
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    elif name == "cuda" and not torch.cuda.is_available():
        raise UserError("device is cuda, which this machine does not have; auto takes what it has")
    return torch.device(name)


def require_cpp_compiler() -> None:
    """Raise a `UserError` where `torch.compile` would find no compiler of C++."""
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        raise UserError(
            f"train.compiler is inductor, which needs a C++ compiler, and there is no {compiler}:"
            " install it, name another in CXX, or set train.compiler none"
        )


def _keep_freed_memory() -> None:
    """Have glibc keep freed memory for the next allocation.

    By default it may give a step's arrays back to the system, which then has to clear new pages for
    the next step. Whether it does depends on what else is in memory; where it did, that took a
    fifth of a training step on a CPU. Other C libraries are left as they are.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(M_MMAP_THRESHOLD, 32 * 2**20)  # its largest
        set_option(M_TRIM_THRESHOLD, 2**30)


@contextmanager
def explain_out_of_memory(setting: str, value: int) -> Iterator[None]:
    """Turn an out-of-memory error in the body into a `UserError` that says what to lower.

    Args:
        setting: section and key of the setting that the memory depends on, and its value.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        # A CPU allocation that fails is a plain RuntimeError, known by its text alone.
        named = isinstance(error, MemoryError | torch.OutOfMemoryError)
        if not named and "can't allocate memory" not in str(error):
            raise
        raise UserError(f"out of memory for {setting} = {value}: lower {setting}") from error
