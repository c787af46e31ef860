"""NVML as a test wants it: put before the real `pynvml` on the path, it reads a JSON file.

`FAKE_NVML` names the file, which is read at every call, so a test may change it under a running
process; without it there is no NVIDIA library. Memory is in MiB:

    {"driver": "580.1",
     "init": 12,                                    (an error of nvmlInit, by number)
     "gpus": [{"uuid": "GPU-0", "name": "NVIDIA A", "total": 24000, "free": 23000, "load": 5,
               "processes": {"4711": 20000}, "graphics": {"12": null},
               "errors": {"nvmlDeviceGetMemoryInfo": 15},
               "mig": [{"uuid": "MIG-0", "total": 6000, "free": 6000}, null]}]}

Memory null of a process: not told. `tests/services/test_gpus.py` compares it with the real module.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

NVML_ERROR_UNINITIALIZED = 1
NVML_ERROR_INVALID_ARGUMENT = 2
NVML_ERROR_NOT_SUPPORTED = 3
NVML_ERROR_NOT_FOUND = 6
NVML_ERROR_LIBRARY_NOT_FOUND = 12
MB = 2**20

calls: list[str] = []
_open = False


class NVMLError(Exception):
    """NVML's errors, by number."""

    def __init__(self, value: int) -> None:
        super().__init__(value)
        self.value = value

    def __str__(self) -> str:
        return f"fake NVML error {self.value}"


def _state() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(os.environ["FAKE_NVML"]).read_text())
    return found


def _device(handle: tuple[int, ...], function: str) -> dict[str, Any]:
    calls.append(function)
    if not _open:
        raise NVMLError(NVML_ERROR_UNINITIALIZED)
    try:
        found: dict[str, Any] | None = _state()["gpus"][handle[0]]
        if len(handle) > 1 and found is not None:
            found = found["mig"][handle[1]]
    except IndexError:
        raise NVMLError(NVML_ERROR_INVALID_ARGUMENT) from None
    if found is None:
        raise NVMLError(NVML_ERROR_NOT_FOUND)
    if (error := found.get("errors", {}).get(function)) is not None:
        raise NVMLError(error)
    return found


def nvmlInit() -> None:
    global _open
    calls.append("nvmlInit")
    if "FAKE_NVML" not in os.environ:
        raise NVMLError(NVML_ERROR_LIBRARY_NOT_FOUND)
    if (error := _state().get("init")) is not None:
        raise NVMLError(error)
    _open = True


def nvmlShutdown() -> None:
    global _open
    _open = False


def nvmlSystemGetDriverVersion() -> str:
    return str(_state().get("driver", "580.1"))


def nvmlDeviceGetCount() -> int:
    if not _open or "count_error" in _state():
        raise NVMLError(NVML_ERROR_UNINITIALIZED)
    return len(_state()["gpus"])


def nvmlDeviceGetHandleByIndex(index: int) -> tuple[int, ...]:
    _device((index,), "nvmlDeviceGetHandleByIndex")
    return (index,)


def nvmlDeviceGetUUID(handle: tuple[int, ...]) -> str:
    return str(_device(handle, "nvmlDeviceGetUUID")["uuid"])


def nvmlDeviceGetName(handle: tuple[int, ...]) -> str:
    return str(_device(handle, "nvmlDeviceGetName").get("name", "NVIDIA Fake"))


def nvmlDeviceGetMemoryInfo(handle: tuple[int, ...], version: Any = None) -> SimpleNamespace:
    found = _device(handle, "nvmlDeviceGetMemoryInfo")
    total, free = found["total"] * MB, found["free"] * MB
    return SimpleNamespace(total=total, free=free, used=total - free)


def nvmlDeviceGetUtilizationRates(handle: tuple[int, ...]) -> SimpleNamespace:
    found = _device(handle, "nvmlDeviceGetUtilizationRates")
    if len(handle) > 1:  # slices have none
        raise NVMLError(NVML_ERROR_NOT_SUPPORTED)
    return SimpleNamespace(gpu=found.get("load", 0), memory=0)


def _processes(listed: dict[str, int | None]) -> list[SimpleNamespace]:
    return [
        SimpleNamespace(pid=int(pid), usedGpuMemory=None if size is None else size * MB)
        for pid, size in listed.items()
    ]


def nvmlDeviceGetComputeRunningProcesses(handle: tuple[int, ...]) -> list[SimpleNamespace]:
    found = _device(handle, "nvmlDeviceGetComputeRunningProcesses")
    return _processes(found.get("processes", {}))


def nvmlDeviceGetGraphicsRunningProcesses(handle: tuple[int, ...]) -> list[SimpleNamespace]:
    found = _device(handle, "nvmlDeviceGetGraphicsRunningProcesses")
    return _processes(found.get("graphics", {}))


def nvmlDeviceGetMigMode(device: tuple[int, ...]) -> list[int]:
    found = _device(device, "nvmlDeviceGetMigMode")
    if len(device) > 1:
        raise NVMLError(NVML_ERROR_NOT_SUPPORTED)
    return [1, 1] if "mig" in found else [0, 0]


def nvmlDeviceGetMaxMigDeviceCount(device: tuple[int, ...]) -> int:
    return len(_device(device, "nvmlDeviceGetMaxMigDeviceCount")["mig"])


def nvmlDeviceGetMigDeviceHandleByIndex(device: tuple[int, ...], index: int) -> tuple[int, ...]:
    _device((*device, index), "nvmlDeviceGetMigDeviceHandleByIndex")
    return (*device, index)
