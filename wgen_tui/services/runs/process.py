"""How a worker is started: its command line, its environment, its process group.

Promises: a worker is a fresh process in a session of its own with stdin closed and its output in
worker.log; it survives the end of whoever started it; `started.json` says which process it is
before anyone can take it for dead.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from wgen_tui.paths import Home
from wgen_tui.plain_files import append_plain
from wgen_tui.protocol.launches import LaunchSpec, StartRecord, read_start
from wgen_tui.protocol.queue import read_queue
from wgen_tui.protocol.record import now, write_durably, write_record
from wgen_tui.services.runs.failure_cause import ATTEMPT_MARK
from wgen_tui.services.runs.launch_state import alive

ACCELERATE: dict[str, Any] = {
    "compute_environment": "LOCAL_MACHINE",
    "debug": False,
    "distributed_type": "NO",
    "machine_rank": 0,
    "main_training_function": "main",
    "mixed_precision": "no",
    "num_machines": 1,
    "num_processes": 1,
}


def has_gpu() -> bool:
    """Whether a worker may find a GPU, told without importing torch."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "all") in ("", "-1"):
        return False
    # The NVIDIA driver, the device file in a container, or AMD's.
    marks = ("/proc/driver/nvidia/gpus", "/dev/nvidia0", "/dev/nvidiactl", "/dev/kfd")
    return any(Path(mark).exists() for mark in marks) or shutil.which("nvidia-smi") is not None


def accelerate_config(spec: LaunchSpec) -> dict[str, Any]:
    """The configuration given to `accelerate launch`: ours, then what the launch asks for.

    Always a file of our own, so that a configuration lying in the user's cache (of another
    project, perhaps for eight GPUs) changes nothing.
    """
    config = {**ACCELERATE, **spec.accelerate}
    config["use_cpu"] = bool(config.get("use_cpu")) or not has_gpu()
    if config["num_processes"] != 1:
        if config["distributed_type"] in ("NO", "MULTI_CPU"):
            # accelerate's launcher starts several processes (torchrun) for this word only; on a CPU
            # they find out by themselves that they are MULTI_CPU, over gloo.
            config["distributed_type"] = "MULTI_GPU"
        config.setdefault("main_process_port", 0)  # any free one
    return config


def needs_model(spec: LaunchSpec) -> bool:
    """Whether a launch loads a model: judges by rule and requests to a server need none."""
    return not spec.served and (spec.stage != "judge" or _has_panel(spec))


def _has_panel(spec: LaunchSpec) -> bool:
    return spec.judge is not None and spec.judge.panel is not None


def _worker(spec: LaunchSpec) -> str:
    """The module that does a launch's work."""
    stage = "model_judge" if _has_panel(spec) else spec.stage
    return f"wgen_tui.workers.{stage}.served" if spec.served else f"wgen_tui.workers.{stage}"


def argv(home: Home, spec: LaunchSpec) -> list[str]:
    """The command line of a launch's worker."""
    worker = ["-m", _worker(spec)]
    which = ["--home", str(home.root), "--launch", spec.launch_id]
    if not needs_model(spec):
        return [sys.executable, *worker, *which]
    config = ["--config_file", str(home.launch(spec.launch_id).accelerate)]
    return [sys.executable, "-m", "wgen_tui.workers.launch", *config, *worker, *which]


def environment(
    spec: LaunchSpec | None = None, gpus: tuple[str, ...] | None = None
) -> dict[str, str]:
    """The environment of a worker: the user's, and what keeps their folders out of our imports.

    Args:
        spec: The launch; None for the supervisor.
        gpus: The only ones that it may see; None leaves what the user has set.
    """
    config = {} if spec is None else accelerate_config(spec)
    several_on_cpu = config.get("use_cpu") and config["num_processes"] != 1
    threads = str(_threads(config)) if spec is not None and needs_model(spec) else ""
    return {
        **os.environ,
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
        "TOKENIZERS_PARALLELISM": "false",
        # Of several processes accelerate's launcher tells none that it is to use the CPU.
        **({"ACCELERATE_USE_CPU": "true"} if several_on_cpu else {}),
        # What its launcher would choose; left to choose, it says so at length in every log.
        **({"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS") or threads} if threads else {}),
        **({} if gpus is None else {"CUDA_VISIBLE_DEVICES": ",".join(gpus)}),
    }


def _threads(config: dict[str, Any]) -> int:
    """The threads of each process: one beside a GPU, on a CPU the cores dealt out."""
    if not config.get("use_cpu"):
        return 1
    import psutil  # noqa: PLC0415  # 20 ms, for those who start workers only

    processes = config["num_processes"]
    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    return max(1, cores // processes) if isinstance(processes, int) and processes > 0 else 1


def process_started(pid: int) -> int | None:
    """When a process began, in clock ticks since boot; tells it from a later one of that id."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return int(fields[19])


def spawn(
    home: Home,
    spec: LaunchSpec,
    gpus: tuple[str, ...] | None = None,
    memory_mb: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start a launch's worker.

    Args:
        home: The home.
        spec: The launch.
        gpus: The UUIDs of those that it may see; None for all that the user lets us see.
        memory_mb: What it is expected to take; noted, so that others leave it that much.

    The log is locked before `started.json` exists and the lock goes down to the worker with its
    stdout: a launch that is being started never looks dead.
    """
    paths = home.launch(spec.launch_id)
    command = argv(home, spec)
    start = StartRecord(
        at=now(),
        host=socket.gethostname(),
        argv=tuple(command),
        attempt=read_queue(paths.queue).attempt,
        gpus=gpus or (),
        memory_mb=memory_mb,
    )
    if needs_model(spec):
        config = json.dumps(accelerate_config(spec), indent=2)
        write_durably(paths.accelerate, config.encode() + b"\n")
    with append_plain(paths.log) as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        if start.attempt > 1:  # what an earlier one complained of is not why this one ends
            log.write(f"{ATTEMPT_MARK}{start.attempt}\n".encode())
            log.flush()
        write_record(paths.started, start)
        try:
            process = subprocess.Popen(
                command,
                cwd=paths.root,
                env=environment(spec, gpus),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError:
            paths.started.unlink()  # not lost: it never began, and may begin yet
            raise
    # Without its number (a full disk) the worker is as good; cancelling uses the control file.
    with suppress(OSError):
        born = {"at": now(), "pid": process.pid, "ticks": process_started(process.pid)}
        write_record(paths.started, start.model_copy(update=born))
    return process


def processes(home: Home, launch_id: str) -> frozenset[int]:
    """The processes of a launch on this machine: those in the session of its worker."""
    start = read_start(home.launch(launch_id).started)
    if start is None or start.pid is None or start.host != socket.gethostname():
        return frozenset()
    pids = {start.pid}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with suppress(OSError):
                if os.getsid(int(entry.name)) == start.pid:
                    pids.add(int(entry.name))
    return frozenset(pids)


def terminate(home: Home, launch_id: str, *, kill: bool = False) -> bool:
    """Send SIGTERM to the process group of a launch, if it is surely that launch's.

    Args:
        home: The home.
        launch_id: The launch.
        kill: SIGKILL instead: it has had its time to save.

    Returns:
        Whether a signal was sent. Not when the launch runs on another machine (its worker reads
        the control file) or is dead already.
    """
    paths = home.launch(launch_id)
    start = read_start(paths.started)
    if start is None or start.pid is None or start.host != socket.gethostname():
        return False
    # While a process of the group lives, no other can get the group's number. The leader may have
    # gone before the worker; if it is there, it must be the one we started.
    ticks = process_started(start.pid)
    if not alive(paths) or (ticks is not None and ticks != start.ticks):
        return False
    try:
        os.killpg(start.pid, signal.SIGKILL if kill else signal.SIGTERM)
    except ProcessLookupError:
        return False
    return True
