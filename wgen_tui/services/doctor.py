"""What this machine has, and what would go wrong.

Promises: reads only; never imports torch; never shows a token, only whether there is one.
"""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from wgen_tui import __version__
from wgen_tui.errors import WgenError
from wgen_tui.paths import HOME_FORMAT, Home
from wgen_tui.run_files.manifests import refused_manifests
from wgen_tui.run_files.odd_files import odd_files
from wgen_tui.services.machine import gpus
from wgen_tui.services.machine.gpus import gb
from wgen_tui.services.models import endpoints
from wgen_tui.services.planning import endpoint_status
from wgen_tui.services.runs.process import has_gpu
from wgen_tui.services.runs.runs import list_runs, run_names, unreadable_runs
from wgen_tui.services.settings import read_settings
from wgen_tui.services.slurm import commands
from wgen_tui.services.supervisor import lifecycle

OTHERS = 0o077  # what group and others may do
LOW_DISK = 2 << 30  # bytes; a few adapters and some hundred thousand samples
MOST_MODELS = 12  # of a server, that are listed
MOST_FILES = 20  # of other versions, that are named
PACKAGES = (
    *("torch", "transformers", "peft", "accelerate", "safetensors"),
    *("duckdb", "pyarrow", "textual", "rich", "click", "pydantic"),
)

Verdict = Literal["ok", "note", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        topic: The part of the report.
        name: What was checked.
        value: What it is.
        verdict: `problem` means that something will not work.
        hint: What to do about it.
    """

    topic: str
    name: str
    value: str
    verdict: Verdict = "ok"
    hint: str = ""


def examine(home: Home) -> list[Finding]:
    """Check everything."""
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (
        _versions,
        lambda: _home(home),
        lambda: _database(home),
        _machine,
        lambda: _slurm(home),
        _models,
        lambda: _endpoints(home),
        _terminal,
    )
    return [finding for check in checks for finding in check()]


def _versions() -> Iterator[Finding]:
    yield Finding("versions", "python", f"{platform.python_version()} ({sys.executable})")
    yield Finding("versions", "wgen-tui", __version__)
    for name in PACKAGES:
        try:
            yield Finding("versions", name, version(name))
        except PackageNotFoundError:
            yield Finding("versions", name, "not installed", "problem", f"pip install {name}")


def _home(home: Home) -> Iterator[Finding]:
    yield Finding("home", "folder", str(home.root))
    try:
        home.check_format()
    except WgenError as error:
        yield Finding("home", "format", error.message, "problem", error.hint)
        return
    there = next(folder for folder in (home.root, *home.root.parents) if folder.exists())
    if there != home.root:
        yield Finding("home", "state", "not created yet; the first run creates it", "note")
    else:
        yield Finding("home", "format", str(HOME_FORMAT))
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        yield Finding(
            "home", "writable", f"no: {there}", "problem", "Choose another with --home DIR."
        )
        return
    free = shutil.disk_usage(there).free
    yield Finding(
        "home",
        "free space",
        size(free),
        "ok" if free >= LOW_DISK else "problem",
        "" if free >= LOW_DISK else "Make room, or choose another home with --home DIR.",
    )
    if there == home.root:
        yield from _private(home)
        runs = list_runs(home)
        live = sum(run.live for run in runs)
        yield Finding("home", "runs", f"{len(runs)}, {live} of them live")
        yield from _unreadable(home)
        yield from _other_versions(home)
        pid = lifecycle.supervisor_pid(home)
        yield Finding("home", "supervisor", f"process {pid}" if pid else "none")


def _private(home: Home) -> Iterator[Finding]:
    """Whether other users can read the home; below a closed folder they cannot."""
    mend = f"chmod -R go-rwx {shlex.quote(str(home.root))}"
    if home.root.stat().st_mode & OTHERS:
        yield Finding("home", "privacy", "other users can look into it", "problem", mend)
        return
    wide = 0
    for folder, names, files in os.walk(home.root):
        for name in (*names, *files):
            # What a worker removes meanwhile is nobody's to read.
            with suppress(FileNotFoundError):
                mode = os.lstat(os.path.join(folder, name)).st_mode  # noqa: PTH118 - many files
                wide += not stat.S_ISLNK(mode) and bool(mode & OTHERS)
    if wide:
        what = f"{wide:,} files and folders in it would be others' to read, were it not closed"
        yield Finding("home", "privacy", what, "note", mend)
    else:
        yield Finding("home", "privacy", "only its owner can read it")


def _unreadable(home: Home) -> Iterator[Finding]:
    """The files of runs, launches and queue that cannot be read."""
    lines = [*unreadable_runs(home), *odd_files(home)]
    hint = "Put it right, or move it away."
    for line in lines[:MOST_FILES]:
        yield Finding("home", "unreadable", line, "problem", hint)
    if (more := len(lines) - MOST_FILES) > 0:
        yield Finding("home", "unreadable", f"and {more:,} more like these", "problem")


def _other_versions(home: Home) -> Iterator[Finding]:
    """The checkpoints and states of runs that this version refuses."""
    refusals = [error for name in run_names(home) for error in refused_manifests(home.run(name))]
    for error in refusals[:MOST_FILES]:
        yield Finding("home", "checkpoint", error.message, "problem", error.hint)
    if (more := len(refusals) - MOST_FILES) > 0:
        yield Finding("home", "checkpoint", f"and {more:,} more like these", "problem")


def _database(home: Home) -> Iterator[Finding]:
    if not home.database.exists():
        yield Finding("database", "file", "none yet; it is built from the files", "note")
        return
    # It loads duckdb and pyarrow.
    from wgen_tui.services.data import storage  # noqa: PLC0415

    yield Finding("database", "file", size(home.database.stat().st_size))
    try:
        rows = storage.info(home).rows
    except WgenError as error:
        yield Finding("database", "readable", error.message, "problem", error.hint)
        return
    yield Finding("database", "rows", ", ".join(f"{name} {n:,}" for name, n in rows.items()))


def _machine() -> Iterator[Finding]:
    # psutil is used nowhere else here; its import is cheap but not free.
    import psutil  # noqa: PLC0415

    memory = psutil.virtual_memory()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding("machine", "system", f"{platform.system()} {platform.release()}")
    yield Finding("machine", "cores", str(cores))
    yield Finding("machine", "memory", f"{size(memory.available)} free of {size(memory.total)}")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        yield Finding("machine", "CUDA_VISIBLE_DEVICES", visible or "(empty: no GPU)")
    yield from _gpus()
    if not has_gpu():
        yield Finding("machine", "GPU", "none; workers use the CPU", "note")
    elif "+cpu" in _version("torch"):
        yield Finding(
            "machine",
            "torch",
            "this build has no GPU support",
            "problem",
            "Install the CUDA build of torch.",
        )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _gpus() -> Iterator[Finding]:
    """Each GPU that launches are placed on: what is free, and who computes on it."""
    devices = gpus.probe()
    if (driver := gpus.driver()) is not None:
        yield Finding("machine", "driver", f"NVIDIA {driver}")
    for trouble in gpus.troubles():
        yield Finding("machine", "NVML", trouble, "problem", "Look at `nvidia-smi` and `dmesg`.")
    for gpu in devices:
        users = [
            f"{gpu.who(pid)} uses {'some memory' if mb is None else f'{gb(mb)} GB'}"
            for pid, mb in gpu.processes.items()
        ]
        free = f"{gpu.name}, {gb(gpu.free_mb)} of {gb(gpu.total_mb)} GB free"
        yield Finding("machine", f"GPU {gpu.index}", "; ".join([free, *users]))
    numbered = re.match(r"\s*\d", os.environ.get("CUDA_VISIBLE_DEVICES", ""))
    by_bus = os.environ.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
    if numbered and not by_bus and len({gpu.name for gpu in devices}) > 1:
        what = "CUDA_VISIBLE_DEVICES has numbers, which CUDA gives to the fastest GPUs first"
        mend = "export CUDA_DEVICE_ORDER=PCI_BUS_ID, or name the GPUs by UUID (nvidia-smi -L)."
        yield Finding("machine", "GPU numbers", what, "note", mend)
    if has_gpu() and not devices:
        what = "NVML knows none that may be used; launches take CPU slots one after the other"
        yield Finding("machine", "GPU", what, "note", "AMD's are used this way too.")


def _slurm(home: Home) -> Iterator[Finding]:
    """Whether launches can be given to Slurm, and what config.toml says of it.

    Many machines have Slurm's programs and no cluster: it is a problem only where config.toml has
    something for it.
    """
    absent = commands.missing()
    if absent == commands.PROGRAMS[0]:
        yield Finding("Slurm", "programs", "none on the PATH; launches run on this machine", "note")
        return
    try:
        settings = read_settings(home).slurm.model_dump(exclude_defaults=True)
    except WgenError as error:
        yield Finding("Slurm", "[slurm] of config.toml", error.message, "problem", error.hint)
        return
    wrong: Verdict = "problem" if settings else "note"
    if absent is not None:
        what = f"{absent} is not on the PATH, though {commands.PROGRAMS[0]} is"
        yield Finding("Slurm", "programs", what, wrong, "Add Slurm's folder of programs to it.")
        return
    try:
        yield Finding("Slurm", "version", commands.run(["sbatch", "--version"]).strip())
    except WgenError as error:
        yield Finding("Slurm", "answers", error.message, wrong, error.hint)
        return
    if not _version("submitit"):
        hint = "pip install 'wgen-tui[slurm]'"
        yield Finding("Slurm", "submitit", "not installed", wrong, hint)
    said = ", ".join(f"{key} {value}" for key, value in settings.items())
    yield Finding("Slurm", "[slurm] of config.toml", said or "nothing; Slurm's own defaults")


def _models() -> Iterator[Finding]:
    folder = hub_home()
    yield Finding("models", "HF_HOME", str(folder))
    offline = [
        name for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE") if _is_on(os.environ.get(name))
    ]
    yield Finding("models", "offline", f"yes ({', '.join(offline)})" if offline else "no")
    token = "in HF_TOKEN" if os.environ.get("HF_TOKEN") else ""
    file = Path(os.environ.get("HF_TOKEN_PATH", folder / "token"))
    token = token or (f"in {file}" if file.is_file() else "")
    hint = "" if token else "Gated models need one: export HF_TOKEN=..."
    yield Finding("models", "token", token or "none", "ok" if token else "note", hint)
    cache = Path(os.environ.get("HF_HUB_CACHE", folder / "hub"))
    cached = sorted(
        path.name.removeprefix("models--").replace("--", "/") for path in cache.glob("models--*")
    )
    yield Finding("models", "cached", ", ".join(cached) or "none")


def hub_home() -> Path:
    """Where Hugging Face libraries keep their files."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get("HF_HOME", f"{cache}/huggingface")).expanduser()


def _is_on(value: str | None) -> bool:
    return (value or "").upper() in ("1", "ON", "YES", "TRUE")


def _endpoints(home: Home) -> Iterator[Finding]:
    """Each endpoint of config.toml: does it answer, what does it serve, is its key there."""
    try:
        configured = endpoints.read_endpoints(home)
    except WgenError as error:
        yield Finding("endpoints", "config.toml", error.message, "problem", error.hint)
        return
    if not configured:
        yield Finding("endpoints", "config.toml", "none; docs/endpoints.md says how", "note")
    for name, endpoint in configured.items():
        try:
            status = endpoint_status.probe(endpoint)
        except WgenError as error:
            yield Finding("endpoints", name, error.message, "problem", error.hint)
            continue
        key = f"; key in {endpoint.api_key_env}" if endpoint.api_key_env else ""
        models = f": {', '.join(status.models[:MOST_MODELS])}" if status.models else ""
        what = status.what if status.answers else f"does not answer: {status.what}"
        hint = "" if status.answers else "Start the server, or correct base_url in config.toml."
        hint = (
            "Correct api_key_env in config.toml, or the variable that it names."
            if status.refuses
            else hint
        )
        yield Finding(
            "endpoints",
            name,
            f"{endpoint.base_url} {what}{models}{key}",
            "problem" if status.refuses else "ok" if status.answers else "note",
            hint,
        )


def _terminal() -> Iterator[Finding]:
    columns, lines = shutil.get_terminal_size()
    yield Finding("terminal", "size", f"{columns} x {lines}")
    if columns < 80 or lines < 24:
        yield Finding("terminal", "room", "small", "note", "80 x 24 is the least for all screens.")
    yield Finding("terminal", "TERM", os.environ.get("TERM", "(unset)"))
    colour = "no (NO_COLOR)" if os.environ.get("NO_COLOR") else os.environ.get("COLORTERM", "basic")
    yield Finding("terminal", "colours", colour)
    encoding = (sys.stdout.encoding or "unknown").lower()
    utf8 = encoding in ("utf-8", "utf8")
    hint = "" if utf8 else "export LC_ALL=C.UTF-8"
    yield Finding("terminal", "encoding", encoding, "ok" if utf8 else "problem", hint)
    if os.environ.get("TMUX"):
        yield Finding("terminal", "tmux", "yes", "note", "To copy from it: set -g set-clipboard on")
    if os.environ.get("SSH_CONNECTION"):
        yield Finding("terminal", "ssh", "yes", "note", "On a slow line: ssh -C")


def size(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
