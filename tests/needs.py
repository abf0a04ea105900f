"""What a test may need of the machine beyond Python, and how to install it.

`@pytest.mark.needs("chromium")` asks for it, on a test or, as `pytestmark`, for a whole file. A
test whose machine lacks it is skipped with the reason that is given here. `.ci/run` installs all of
it and sets VAEPIPE_NO_SKIPS, which makes every skip a failure.
"""

import os
import platform
import subprocess
from collections.abc import Callable
from functools import cache
from glob import glob
from pathlib import Path
from shutil import which
from typing import NamedTuple

# A second user who may read everything, as most may on a shared machine, and write what is theirs.
OTHER_USER = 65534
AS_OTHER_USER = ["setpriv", f"--reuid={OTHER_USER}", f"--regid={OTHER_USER}", "--clear-groups"]
AS_OTHER_USER += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
# Runs a command where it may mount what no other process sees.
IN_MOUNT_NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]


def postgresql_programs() -> Path | None:
    """The folder of PostgreSQL's programs, of its newest release: Debian keeps them off PATH."""
    return next(map(Path, sorted(glob("/usr/lib/postgresql/*/bin"), reverse=True)), None)


def _succeeds(*words: str) -> bool:
    """Whether a command exists and ends with 0."""
    return which(words[0]) is not None and not subprocess.run(words, capture_output=True).returncode


def _has_chinese_font() -> bool:
    """Whether matplotlib knows one; it looks for new ones when its list is made anew."""
    from vaepipe.figures.style import CHINESE, INSTALLED

    return bool(INSTALLED & {*CHINESE})


class Need(NamedTuple):
    """Whether the machine has it, and what to do where it has not."""

    is_met: Callable[[], bool]
    remedy: str


NEEDS = {
    "chromium": Need(
        lambda: bool(which("chromium") and which("chromedriver")),
        "apt-get install chromium chromium-driver fonts-dejavu-core",
    ),
    "postgresql": Need(
        lambda: postgresql_programs() is not None and which("setpriv") is not None,
        "apt-get install postgresql util-linux",
    ),
    "Chinese font": Need(_has_chinese_font, "apt-get install fonts-wqy-zenhei"),
    # It writes /etc/slurm; a machine that has a configuration is part of someone's cluster.
    "slurm": Need(
        lambda: (
            os.geteuid() == 0
            and all(map(which, ("munged", "slurmctld", "slurmd", "srun")))
            and _succeeds("unshare", "--pid", "--fork", "--mount-proc", "true")
            and not Path("/etc/slurm/slurm.conf").exists()
        ),
        "apt-get install munge slurmctld slurmd slurm-client util-linux; run the tests as root, in"
        " a container with docker run --privileged, on a machine without /etc/slurm/slurm.conf",
    ),
    "g++": Need(lambda: which("g++") is not None, "apt-get install g++"),
    "mount namespace": Need(
        lambda: _succeeds(*IN_MOUNT_NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", "/tmp"),
        "apt-get install util-linux mount; in a container: docker run --privileged",
    ),
    "second user": Need(
        lambda: os.geteuid() == 0 and _succeeds(*AS_OTHER_USER, "true"),
        "apt-get install util-linux; run the tests as root, who has CAP_DAC_READ_SEARCH",
    ),
    "no GPU": Need(
        lambda: not glob("/dev/nvidia[0-9]*"),
        "the test asks for a GPU where there is none; run it on a machine without one",
    ),
    "glibc": Need(
        lambda: platform.libc_ver()[0] == "glibc",
        "memory is kept where the C library is glibc, as on Debian and Ubuntu",
    ),
}


@cache
def missing(name: str) -> str | None:
    """Why a need is not met and how to meet it; None if it is met. KeyError if it is no need."""
    need = NEEDS[name]
    return None if need.is_met() else f"needs {name}: {need.remedy}"
