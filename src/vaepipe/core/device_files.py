"""What the machine's device files say, for the Snakefile: importing torch takes seconds."""

from glob import glob


def has_nvidia_gpu() -> bool:
    """Whether this machine has an NVIDIA GPU with its driver."""
    return bool(glob("/dev/nvidia[0-9]*"))
