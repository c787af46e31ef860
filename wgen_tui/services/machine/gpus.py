"""The GPUs of this machine as NVML reports them: memory, load, and who computes on them.

Promises: reads only, through `nvidia-ml-py`; without the library or the driver there are none, and
nothing is raised; a device that answers with an error is left out and named, the others stay.
`CUDA_VISIBLE_DEVICES` counts as it does for CUDA. NVML is opened once, so a reading costs a few
calls per device and can be made every second.

NVML numbers devices by their place on the bus. CUDA does so only with
`CUDA_DEVICE_ORDER=PCI_BUS_ID` or where all are of one kind; so whoever starts a worker names a
device by its UUID.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

MB = 2**20
LIBRARY = "libnvidia-ml.so.1"  # what `pynvml` opens
RETRY_SECONDS = 60.0  # after NVML could not be opened; a driver may come back

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Gpu:
    """One device that a worker may be given: a GPU, or a MIG slice of one.

    Attributes:
        index: NVML's number; slices have that of their GPU.
        uuid: What `CUDA_VISIBLE_DEVICES` is to name it by.
        total_mb: Its memory, in units of 2**20 bytes, as all that follows.
        free_mb: What is free now.
        utilization: Percent of the last sampling period in which it computed; None where NVML
            cannot tell.
        processes: Memory of each process that computes on it; None where NVML cannot tell.
        names: Their names. One without a name is of another container, or has just ended.
        unseen_mb: What is taken and belongs to none of the processes that NVML lists.
    """

    index: int
    uuid: str
    name: str
    total_mb: int
    free_mb: int
    utilization: int | None = None
    processes: Mapping[int, int | None] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)
    unseen_mb: int = 0

    @property
    def used_mb(self) -> int:
        """Memory that is taken."""
        return max(0, self.total_mb - self.free_mb)

    def who(self, pid: int) -> str:
        """The name of a process, for people."""
        return f"{self.names.get(pid, 'a process')} (pid {pid})"


@dataclass(frozen=True, slots=True)
class Device:
    """A device before it is read: NVML's number, its UUID and NVML's handle."""

    index: int
    uuid: str
    handle: Any = None


def visible(devices: Sequence[Device], wanted: str | None) -> list[Device]:
    """The devices that `CUDA_VISIBLE_DEVICES` leaves, in its order.

    Args:
        devices: All.
        wanted: The variable: numbers, UUIDs or their beginnings; None when it is not set.

    Returns:
        As CUDA has it: an entry that names no device, or several, ends the list; one that is
        named twice leaves none at all; an empty variable too.
    """
    if wanted is None:
        return list(devices)
    chosen: list[Device] = []
    for entry in wanted.split(","):
        device = _named(devices, entry.strip())
        if device is None:
            break
        if device in chosen:
            return []
        chosen.append(device)
    return chosen


def _named(devices: Sequence[Device], entry: str) -> Device | None:
    if entry.startswith(("GPU-", "MIG-")):
        matches = [device for device in devices if device.uuid.startswith(entry)]
        return matches[0] if len(matches) == 1 else None
    # CUDA reads a number with strtoul: what stands behind it does not matter.
    number = re.match(r"\d+", entry)
    if number is None:
        return None
    return next((device for device in devices if device.index == int(number[0])), None)


class _Nvml:
    """NVML, opened once. Not for use by several threads without the lock of this module."""

    def __init__(self, library: Any) -> None:
        self.library = library
        self._open = False
        self._retry_at = float("-inf")
        self.troubles: tuple[str, ...] = ()

    def read(self) -> tuple[Gpu, ...]:
        """Read the visible devices; what could not be read stands in `troubles` then."""
        self.troubles = ()
        if not self._opened():
            return ()
        troubles: list[str] = []
        try:
            devices = visible(list(self._devices(troubles)), os.environ.get("CUDA_VISIBLE_DEVICES"))
        except self.library.NVMLError as error:
            # The driver went away under us: start again next time.
            self._open = False
            self._retry_at = time.monotonic() + RETRY_SECONDS
            self.troubles = (f"NVML: {error}",)
            return ()
        gpus = []
        for device in devices:
            try:
                gpus.append(self._gpu(device))
            except self.library.NVMLError as error:
                troubles.append(f"GPU {device.index}: {error}")
        self.troubles = tuple(troubles)
        return tuple(gpus)

    def driver(self) -> str | None:
        """The driver's version; None without one."""
        if not self._opened():
            return None
        return self._ask(lambda: str(self.library.nvmlSystemGetDriverVersion()))

    def _opened(self) -> bool:
        if self._open:
            return True
        if time.monotonic() < self._retry_at:
            return False
        try:
            self.library.nvmlInit()
        except self.library.NVMLError:
            self._retry_at = time.monotonic() + RETRY_SECONDS
            return False
        self._open = True
        return True

    def _ask(self, question: Callable[[], Value]) -> Value | None:
        """What NVML answers; None where this device or this driver has no answer."""
        try:
            return question()
        except self.library.NVMLError:
            return None

    def _devices(self, troubles: list[str]) -> Iterable[Device]:
        nvml = self.library
        for index in range(nvml.nvmlDeviceGetCount()):
            try:
                handle = nvml.nvmlDeviceGetHandleByIndex(index)
                whole = Device(index, nvml.nvmlDeviceGetUUID(handle), handle)
            except nvml.NVMLError as error:
                troubles.append(f"GPU {index}: {error}")
                continue
            mode = self._ask(lambda handle=handle: nvml.nvmlDeviceGetMigMode(handle))  # type: ignore[misc]
            # In MIG mode CUDA computes on the slices only.
            yield from self._slices(whole) if mode and mode[0] else [whole]

    def _slices(self, whole: Device) -> Iterable[Device]:
        nvml = self.library
        for number in range(
            self._ask(lambda: nvml.nvmlDeviceGetMaxMigDeviceCount(whole.handle)) or 0
        ):
            try:
                handle = nvml.nvmlDeviceGetMigDeviceHandleByIndex(whole.handle, number)
                yield Device(whole.index, nvml.nvmlDeviceGetUUID(handle), handle)
            except nvml.NVMLError:
                continue  # this place has no slice

    def _gpu(self, device: Device) -> Gpu:
        nvml, handle = self.library, device.handle
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        load = self._ask(lambda: nvml.nvmlDeviceGetUtilizationRates(handle))
        computing = self._ask(lambda: nvml.nvmlDeviceGetComputeRunningProcesses(handle)) or []
        drawing = self._ask(lambda: nvml.nvmlDeviceGetGraphicsRunningProcesses(handle)) or []
        processes = {p.pid: _mb(p.usedGpuMemory) for p in computing}
        listed = {p.pid: _mb(p.usedGpuMemory) for p in drawing} | processes
        total, free = memory.total // MB, memory.free // MB
        known = sum(size or 0 for size in listed.values())
        # Of a process whose memory is not told, all of the rest may be.
        unseen = 0 if None in listed.values() else max(0, total - free - known)
        return Gpu(
            index=device.index,
            uuid=device.uuid,
            name=self._ask(lambda: str(nvml.nvmlDeviceGetName(handle))) or "GPU",
            total_mb=total,
            free_mb=free,
            utilization=None if load is None else int(load.gpu),
            processes=processes,
            names=_names(processes),
            unseen_mb=unseen,
        )


def _mb(size: int | None) -> int | None:
    return None if size is None else size // MB


def _names(pids: Iterable[int]) -> dict[int, str]:
    """The names of those processes that can be seen from here."""
    import psutil  # noqa: PLC0415  # 20 ms, and most machines have no process on a GPU

    names = {}
    for pid in pids:
        try:
            names[pid] = psutil.Process(pid).name()
        except psutil.Error:
            continue
    return names


_lock = threading.Lock()
_nvml: _Nvml | None = None
_no_driver_until = float("-inf")


def _has_driver() -> bool:
    """Whether NVIDIA's driver has put its library here: what asks it is 2 MB without it too."""
    global _no_driver_until
    if time.monotonic() < _no_driver_until:
        return False
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        _no_driver_until = time.monotonic() + RETRY_SECONDS
        return False
    return True


def _library() -> _Nvml | None:
    global _nvml
    if "pynvml" not in sys.modules and not _has_driver():
        return None
    try:
        import pynvml  # noqa: PLC0415  # 15 ms that a machine without a GPU need not spend at start
    except ImportError:
        return None
    if _nvml is None or _nvml.library is not pynvml:
        _nvml = _Nvml(pynvml)
    return _nvml


def probe() -> tuple[Gpu, ...]:
    """The visible GPUs as they are now; none without NVML. Raises nothing."""
    with _lock:
        nvml = _library()
        return () if nvml is None else nvml.read()


def troubles() -> tuple[str, ...]:
    """What the last `probe` could not read, a line each."""
    with _lock:
        nvml = _library()
        return () if nvml is None else nvml.troubles


def driver() -> str | None:
    """The version of NVIDIA's driver; None without one."""
    with _lock:
        nvml = _library()
        return None if nvml is None else nvml.driver()


def gb(size_mb: int) -> str:
    """Memory for people, without its unit: GB as NVIDIA's tools have them (2**30 bytes)."""
    return f"{size_mb / 1024:.1f}"
