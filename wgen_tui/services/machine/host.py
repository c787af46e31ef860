"""How busy this machine is, and whether the kernel has killed for memory.

Promises: reads only; inside a container its own limits count, not the host's; whatever cannot be
read is left out rather than raised.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from wgen_tui.services.machine.gpus import Gpu, probe

MB = 2**20
ROOT = Path("/")


@dataclass(frozen=True, slots=True)
class Load:
    """The load of the machine as it is now.

    Attributes:
        cpu_percent: Of all cores together since the last call; 0 at the first.
        memory_used_mb: In units of 2**20 bytes, as all that follows; caches do not count.
        memory_total_mb: The machine's, or the container's limit.
        disk_free_mb: Where the home is.
    """

    cpu_percent: float
    memory_used_mb: int
    memory_total_mb: int
    disk_free_mb: int
    disk_total_mb: int
    gpus: tuple[Gpu, ...] = ()


def load(folder: Path, root: Path = ROOT) -> Load:
    """Read the load of the machine.

    Args:
        folder: On the disk that counts; it, or the nearest folder above it that is there.
        root: Where /proc/self/cgroup and /sys are; for tests.
    """
    memory = psutil.virtual_memory()
    used, total = int(memory.total - memory.available), int(memory.total)
    for group in _memory_groups(root):
        if (limit := _limited(group)) is not None and limit[1] < total:
            used, total = limit
    free, size = disk(folder)
    return Load(_cpu_percent(), used // MB, total // MB, free, size, probe())


_cpu_before: tuple[float, float] | None = None


def _cpu_percent() -> float:
    """Of all cores since the last call from any thread; psutil counts for each thread apart."""
    global _cpu_before
    times = psutil.cpu_times()
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)  # within user
    whole, idle = sum(times) - guests, times.idle + getattr(times, "iowait", 0.0)
    before, _cpu_before = _cpu_before, (whole, idle)
    if before is None or whole <= before[0]:
        return 0.0
    share = 1.0 - (idle - before[1]) / (whole - before[0])
    return round(100.0 * min(max(share, 0.0), 1.0), 1)


def disk(folder: Path) -> tuple[int, int]:
    """Free and total MB of the disk that a folder is, or would be, on; zeros if unreadable."""
    for place in (folder, *folder.parents):
        try:
            usage = shutil.disk_usage(place)
        except OSError:
            continue
        return usage.free // MB, usage.total // MB
    return 0, 0


def oom_kills(root: Path = ROOT) -> int:
    """How many processes the kernel has killed for memory: of our control group, else of all.

    Compare two readings: a rise beside a worker's kill -9 tells what killed it.
    """
    for group in _memory_groups(root):
        for name in ("memory.events", "memory.oom_control"):
            if (count := _counter(group / name)) is not None:
                return count
    return _counter(root / "proc/vmstat") or 0


def _memory_groups(root: Path) -> Iterator[Path]:
    """The control groups that limit our memory, the innermost first, of either version."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        base = root / "sys/fs/cgroup" / ("memory" if controllers else "")
        own = base / path.lstrip("/")
        # A container is told the host's path and sees only its own part, as the top.
        while own != base and base in own.parents:
            if own.is_dir():
                yield own
            own = own.parent
        if base.is_dir():
            yield base


def _limited(group: Path) -> tuple[int, int] | None:
    """Used and most bytes of a control group; None if it has no limit (v1 has one near 2**63)."""
    for most, now, cache in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        try:
            limit = int((group / most).read_text())  # "max" is no number: no limit
            used = int((group / now).read_text())
        except (OSError, ValueError):
            continue
        # What the kernel gives back at once, as `available` has it.
        return max(0, used - (_counter(group / "memory.stat", cache) or 0)), limit
    return None


def _counter(path: Path, name: str = "oom_kill") -> int | None:
    """The number behind a name in a file of such lines; None if it is not there."""
    try:
        for line in path.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    except (OSError, ValueError):
        pass
    return None
