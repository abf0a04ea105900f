"""A Slurm cluster on the loopback address: a controller and two nodes with a pretended GPU each.

Without systemd, accounting and cgroups. Each node is a `slurmd` in a namespace of processes, so
that killing it kills its jobs with it, as when a machine loses power.
"""

import fcntl
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from stores import free_port, until

# Jobs' own `srun` finds the configuration only here: the plugin drops SLURM_CONF on the way.
ETC = Path("/etc/slurm")
LOCK = Path("/tmp/vaepipe-tests-slurm.lock")
NODES = ("n1", "n2")

CONFIGURATION = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
AuthInfo=socket={folder}/munge.sock,cred_expire=10
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=10
KillWait=3
MailProg=/bin/true
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmdSpoolDir={folder}/%n
StateSaveLocation={folder}/state
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} {size}
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} {size}
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
"""
SIZE = "CPUs=4 RealMemory=8000 Gres=gpu:1"


def run(*words: object) -> str:
    """What a command of Slurm prints."""
    command = [*map(str, words)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class Cluster:
    """Its daemons, which this process started, and what it knows of them."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.nodes: dict[str, subprocess.Popen] = {}

    def start(self) -> None:
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        host = socket.gethostname().partition(".")[0]
        ports = [free_port() for _ in range(3)]
        text = CONFIGURATION.format(host=host, ports=ports, folder=self.folder, size=SIZE)
        ETC.mkdir(exist_ok=True)
        (ETC / "slurm.conf").write_text(text)
        (ETC / "gres.conf").write_text("NodeName=n[1-2] Name=gpu File=/dev/null\n")
        files = {"socket": "munge.sock", "pid-file": "munged.pid", "log-file": "munged.log"}
        files |= {"key-file": key.name, "seed-file": "munge.seed"}
        run("munged", *(f"--{flag}={self.folder / name}" for flag, name in files.items()))
        run("slurmctld", "-c")
        for name in NODES:
            self.up(name)
        until(lambda: self.states() == ["idle"] * len(NODES))

    def states(self) -> list[str]:
        """The state of each node; none while the controller does not answer."""
        with suppress(subprocess.CalledProcessError):
            return run("sinfo", "-h", "-N", "-o", "%T").split()
        return []

    def up(self, name: str) -> None:
        """Start a node, or bring it back."""
        namespace = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
        (self.folder / name).mkdir(exist_ok=True)
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
        self.nodes[name] = subprocess.Popen(
            [*namespace, "slurmd", "-D", "-N", name],
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            **quiet,
        )

    def crash(self, name: str) -> None:
        """Kill a node with all its jobs, and let the controller know, which would take a while."""
        self.nodes[name].kill()
        self.nodes.pop(name).wait()
        run("scontrol", "update", f"NodeName={name}", "State=DOWN", "Reason=crash")

    def stop(self) -> None:
        for node in self.nodes.values():
            node.kill()
            node.wait()
        for name in ("slurmctld.pid", "munged.pid"):
            with suppress(OSError, ValueError, psutil.Error):
                daemon = psutil.Process(int((self.folder / name).read_text()))
                daemon.send_signal(signal.SIGTERM)
                ended(daemon)
        for name in ("slurm.conf", "gres.conf"):
            (ETC / name).unlink(missing_ok=True)


def ended(daemon: psutil.Process) -> None:
    """Wait for a daemon's end; nobody may reap it, so that a zombie counts as ended."""
    deadline = time.monotonic() + 10
    while daemon.is_running() and daemon.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            daemon.kill()
        time.sleep(0.1)


@contextmanager
def slurm() -> Iterator[Cluster]:
    """A cluster that runs; one at a time on a machine."""
    with LOCK.open("w") as lock, TemporaryDirectory(prefix="slurm-") as folder:
        fcntl.flock(lock, fcntl.LOCK_EX)
        Path(folder).chmod(0o755)  # munged refuses a socket that others can't reach
        (Path(folder) / "state").mkdir()
        cluster = Cluster(Path(folder))
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()
