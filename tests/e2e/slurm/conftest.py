"""A real Slurm of one node on loopback, for as long as the tests last."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.builders.waiting import until
from tests.e2e.conftest import define as define
from tests.e2e.conftest import shell as shell

DAEMONS = ("munged", "slurmctld", "slurmd")
CPUS = 2
# A credential's life of less than 5 s is not taken, and 2 min then pass before a requeued job
# starts. The signal of a job's time limit is given when the controller looks, every 30 s; all else
# is short.
CONFIGURATION = """\
ClusterName=wgen
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={root}/munge.socket,cred_expire=5
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd.pid
SlurmctldLogFile={root}/slurmctld.log
SlurmdLogFile={root}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
JobRequeue=1
KillWait=5
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmdParameters=config_overrides
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES PriorityTier=1 GraceTime=60
PartitionName=urgent Nodes={host} PriorityTier=10
"""


@dataclass(frozen=True)
class Slurm:
    """The cluster; `ask` runs one of its programs and returns what it prints."""

    root: Path

    def ask(self, *command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def clear(self) -> None:
        """Cancel everything, and wait until the node is free."""
        self.ask("scancel", "--quiet", "--user", "root")
        until(_idle, lambda: _logs(self.root))

    def let_run_out(self, task: str, signal_seconds: int) -> None:
        """Give a task so little time that its signal is due at once, and its end is not yet.

        Args:
            task: One that runs.
            signal_seconds: How long before its end it asked to be told; more than 105.
        """
        (text,) = re.findall(
            r"RunTime=(\d+):(\d+):(\d+)", self.ask("scontrol", "show", "job", task)
        )
        hours, minutes, seconds = map(int, text)
        enough = 60 * (60 * hours + minutes) + seconds + 45  # Slurm looks every 30 s
        limit = -(-enough // 60)
        assert signal_seconds > 105
        self.ask("scontrol", "update", f"JobId={task}", f"TimeLimit={limit}")

    def jobs(self, name: str) -> dict[str, str]:
        """The state of every task, present or past, of jobs whose name has `name` in it."""
        layout = "--format=%i|%T|%j"
        lines = self.ask("squeue", "--noheader", "--array", "--states=all", layout).splitlines()
        rows = [line.split("|") for line in lines]
        return {task: state for task, state, job in rows if name in job}


def why_not() -> str | None:
    """Why no Slurm can be started here."""
    if os.geteuid() != 0:
        return "Slurm's daemons are started as root"
    os.environ["PATH"] += ":/usr/sbin"
    missing = [name for name in DAEMONS if shutil.which(name) is None]
    return f"not installed: {', '.join(missing)} (apt-get install slurm-wlm munge)" * bool(missing)


@pytest.fixture(scope="session")
def slurm() -> Iterator[Slurm]:
    """The cluster, with SLURM_CONF set; skips with the reason where none can be started."""
    if reason := why_not():
        pytest.skip(reason)
    root = Path(tempfile.mkdtemp(prefix="wgen-slurm-"))
    (root / "state").mkdir()
    (root / "spool").mkdir()
    host = socket.gethostname().partition(".")[0]
    text = CONFIGURATION.format(root=root, host=host, ports=_free_ports(2), cpus=CPUS)
    (root / "slurm.conf").write_text(text)
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setenv("SLURM_CONF", str(root / "slurm.conf"))
        stack.callback(shutil.rmtree, root, ignore_errors=True)
        stack.enter_context(_munge(root))
        stack.enter_context(_running(root, "slurmctld", "-D"))
        stack.enter_context(_running(root, "slurmd", "-D", "-N", host))
        cluster = Slurm(root)
        until(_idle, lambda: _logs(root))
        yield cluster
        cluster.clear()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for item in sockets:
            item.bind(("127.0.0.1", 0))
        return [item.getsockname()[1] for item in sockets]


@contextmanager
def _munge(root: Path) -> Iterator[None]:
    key = root / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o600)
    places = [f"--socket={root}/munge.socket", f"--key-file={key}", f"--pid-file={root}/munged.pid"]
    places += [f"--log-file={root}/munged.log", f"--seed-file={root}/munged.seed"]
    # --force: the temporary folder's parent may be written by anybody.
    with _running(root, "munged", "--foreground", "--force", *places):
        until((root / "munge.socket").exists, lambda: _logs(root))
        yield


@contextmanager
def _running(root: Path, *command: str) -> Iterator[None]:
    with (root / f"{command[0]}.out").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _idle() -> bool:
    done = subprocess.run(
        ["sinfo", "--noheader", "--format=%T"], capture_output=True, text=True, check=False
    )
    return set(done.stdout.split()) == {"idle"}


def _logs(root: Path) -> str:
    """The ends of the daemons' logs."""
    files = sorted([*root.glob("*.log"), *root.glob("*.out")])
    return "\n".join(f"{path.name}: {path.read_text(errors='replace')[-800:]}" for path in files)
