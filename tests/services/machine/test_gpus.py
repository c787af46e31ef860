"""GPUs as NVML tells them; the library itself is faked (tests/builders/fake_nvml/pynvml.py)."""

from __future__ import annotations

import ctypes
import importlib.util
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from wgen_tui.paths import Home
from wgen_tui.services import doctor
from wgen_tui.services.machine import gpus

FAKES = Path(__file__).parents[2] / "builders" / "fake_nvml"
Nvml = Callable[..., ModuleType]


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("pynvml", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "pynvml", module)  # the real one looks itself up there
        spec.loader.exec_module(module)
    return module


@pytest.fixture
def nvml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Nvml:
    """`nvml(gpu, ..., visible=..., **state)`: a machine with these GPUs; again to change it."""
    file = tmp_path / "nvml.json"
    module = load(FAKES / "pynvml.py")
    monkeypatch.setenv("FAKE_NVML", str(file))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setitem(sys.modules, "pynvml", module)

    def make(*devices: dict[str, Any], visible: str | None = None, **state: Any) -> ModuleType:
        file.write_text(json.dumps({"gpus": devices, **state}))
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        return module

    return make


def gpu(uuid: str, total: int = 24000, free: int = 23500, **more: Any) -> dict[str, Any]:
    return {"uuid": uuid, "total": total, "free": free, **more}


def test_what_is_told_of_a_gpu(nvml: Nvml) -> None:
    mine = os.getpid()
    nvml(gpu("GPU-a", free=3000, name="NVIDIA A10", load=97, processes={str(mine): 20000}))
    (found,) = gpus.probe()
    assert (found.index, found.uuid, found.name) == (0, "GPU-a", "NVIDIA A10")
    assert (found.total_mb, found.free_mb, found.used_mb) == (24000, 3000, 21000)
    assert (found.utilization, found.processes) == (97, {mine: 20000})
    assert found.unseen_mb == 1000
    assert found.who(mine).endswith(f"(pid {mine})")
    assert not found.who(mine).startswith("a process")


def test_of_a_process_whose_memory_is_not_told_all_the_rest_may_be(nvml: Nvml) -> None:
    nvml(gpu("GPU-a", free=3000, processes={str(2**22 + 7): None}))
    (found,) = gpus.probe()
    assert found.processes == {2**22 + 7: None}
    assert found.unseen_mb == 0
    assert found.names == {}
    assert found.who(2**22 + 7) == f"a process (pid {2**22 + 7})"


def test_what_draws_a_desktop_is_seen_but_does_not_compute(nvml: Nvml) -> None:
    nvml(gpu("GPU-a", free=20000, graphics={"1": 3900}))
    (found,) = gpus.probe()
    assert found.processes == {}
    assert found.unseen_mb == 100


THREE = (gpu("GPU-aa1"), gpu("GPU-aa2"), gpu("GPU-b"))


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        (None, ["GPU-aa1", "GPU-aa2", "GPU-b"]),
        ("0,2", ["GPU-aa1", "GPU-b"]),
        (" 2 , 0", ["GPU-b", "GPU-aa1"]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("0,-1,1", ["GPU-aa1"]),
        ("0,7,1", ["GPU-aa1"]),
        ("1gpu", ["GPU-aa2"]),
        ("GPU-b,GPU-aa1", ["GPU-b", "GPU-aa1"]),
        ("GPU-aa2", ["GPU-aa2"]),
        ("GPU-b,GPU-aa", ["GPU-b"]),  # names two
        ("GPU-x,GPU-b", []),
        ("1,1", []),
        ("1,GPU-aa2", []),  # the same, twice
    ],
)
def test_cuda_visible_devices(nvml: Nvml, visible: str | None, expected: list[str]) -> None:
    nvml(*THREE, visible=visible)
    assert [found.uuid for found in gpus.probe()] == expected


def test_numbers_stay_those_of_nvml(nvml: Nvml) -> None:
    nvml(*THREE, visible="2,0")
    assert [found.index for found in gpus.probe()] == [2, 0]


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        (None, ["MIG-1", "MIG-2", "GPU-b"]),
        ("MIG-2", ["MIG-2"]),
        ("0", ["MIG-1"]),
        ("1", ["GPU-b"]),
        ("GPU-a", []),  # CUDA does not compute on the whole of it
    ],
)
def test_of_a_gpu_in_mig_mode_the_slices_count(
    nvml: Nvml, visible: str | None, expected: list[str]
) -> None:
    slices = [gpu("MIG-1", 6000, 5900), None, gpu("MIG-2", 6000, 10)]
    nvml(gpu("GPU-a", mig=slices), gpu("GPU-b"), visible=visible)
    found = gpus.probe()
    assert [one.uuid for one in found] == expected
    assert all(one.utilization is None for one in found if one.uuid.startswith("MIG-"))


@pytest.mark.parametrize(
    "function", ["nvmlDeviceGetHandleByIndex", "nvmlDeviceGetUUID", "nvmlDeviceGetMemoryInfo"]
)
def test_a_broken_gpu_is_named_and_the_others_stay(nvml: Nvml, function: str) -> None:
    nvml(gpu("GPU-a", errors={function: 15}), gpu("GPU-b"))
    assert [found.uuid for found in gpus.probe()] == ["GPU-b"]
    assert gpus.troubles() == ("GPU 0: fake NVML error 15",)
    nvml(gpu("GPU-a"), gpu("GPU-b"))
    assert len(gpus.probe()) == 2
    assert gpus.troubles() == ()


@pytest.mark.parametrize(
    "function",
    [
        "nvmlDeviceGetUtilizationRates",
        "nvmlDeviceGetComputeRunningProcesses",
        "nvmlDeviceGetGraphicsRunningProcesses",
        "nvmlDeviceGetName",
        "nvmlDeviceGetMigMode",
    ],
)
def test_a_question_that_a_gpu_does_not_answer_costs_only_its_answer(
    nvml: Nvml, function: str
) -> None:
    nvml(gpu("GPU-a", errors={function: 3}))
    (found,) = gpus.probe()
    assert (found.total_mb, found.free_mb) == (24000, 23500)
    assert gpus.troubles() == ()


@pytest.mark.parametrize("error", [9, 12, 18])
def test_without_a_driver_there_are_none_and_it_is_not_asked_every_second(
    nvml: Nvml, error: int
) -> None:
    module = nvml(gpu("GPU-a"), init=error)
    assert [gpus.probe() for _ in range(5)] == [()] * 5
    assert gpus.driver() is None
    assert module.calls.count("nvmlInit") == 1


def test_nvml_is_opened_once(nvml: Nvml) -> None:
    module = nvml(gpu("GPU-a"))
    for _ in range(5):
        assert len(gpus.probe()) == 1
    assert module.calls.count("nvmlInit") == 1
    assert gpus.driver() == "580.1"


def test_a_driver_that_goes_away_is_no_error(nvml: Nvml) -> None:
    nvml(gpu("GPU-a"))
    assert len(gpus.probe()) == 1
    nvml(gpu("GPU-a"), count_error=1)
    assert gpus.probe() == ()
    assert gpus.troubles() == ("NVML: fake NVML error 1",)


def test_without_the_package_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)  # its import fails
    assert (gpus.probe(), gpus.troubles(), gpus.driver()) == ((), (), None)


def test_the_real_library_on_this_machine_raises_nothing() -> None:
    """Whatever this machine has: the real module answers, in a process of its own."""
    probe = (
        "import sys; from wgen_tui.services.machine import gpus; "
        "print(len(gpus.probe()), 'torch' in sys.modules, 'pynvml' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    count, *loaded = done.stdout.split()
    assert count.isdecimal()
    try:
        ctypes.CDLL(gpus.LIBRARY)
    except OSError:  # nothing is loaded to ask a driver that is not there
        assert loaded == ["False", "False"]
    else:
        assert loaded == ["False", "True"]


def test_a_process_finds_the_fake_on_its_path(nvml: Nvml) -> None:
    """As the supervisor's tests use it."""
    nvml(gpu("GPU-a"), gpu("GPU-b"))
    look = "from wgen_tui.services.machine import gpus; print([g.uuid for g in gpus.probe()])"
    path = os.pathsep.join([str(FAKES), str(Path(__file__).parents[3])])
    env = {**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"}
    done = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True, env=env
    )
    assert done.stdout.strip() == "['GPU-a', 'GPU-b']"


def test_the_fake_is_like_the_real_module() -> None:
    """Every function and error number that the fake has is the real one's, arguments included."""
    real = load(Path(str(distribution("nvidia-ml-py").locate_file("pynvml.py"))))
    fake = load(FAKES / "pynvml.py")
    names = [name for name in vars(fake) if name.startswith("nvml")]
    assert len(names) > 10
    for name in names:
        asked = inspect.signature(getattr(fake, name)).parameters
        assert list(asked) == list(inspect.signature(getattr(real, name)).parameters), name
    for name, value in vars(fake).items():
        if name.startswith("NVML_"):
            assert getattr(real, name) == value
    assert real.NVMLError(real.NVML_ERROR_GPU_IS_LOST).value == 15
    for record, field in ((real.c_nvmlMemory_t, "free"), (real.c_nvmlUtilization_t, "gpu")):
        assert field in dict(record._fields_)
    assert {"pid", "usedGpuMemory"} <= set(dict(real.c_nvmlProcessInfo_v3_t._fields_))


def machine(home: Home) -> dict[str, doctor.Finding]:
    return {item.name: item for item in doctor.examine(home) if item.topic == "machine"}


def test_doctor_shows_who_uses_which_gpu(nvml: Nvml, home: Home) -> None:
    pid = os.getpid()
    busy = gpu("GPU-a", 24576, 4096, name="NVIDIA A10", processes={str(pid): 20480})
    broken = gpu("GPU-b", errors={"nvmlDeviceGetMemoryInfo": 15})
    nvml(busy, broken, driver="999.1")
    found = machine(home)
    assert found["GPU 0"].value.startswith("NVIDIA A10, 4.0 of 24.0 GB free; ")
    assert found["GPU 0"].value.endswith(f"(pid {pid}) uses 20.0 GB")
    assert found["driver"].value == "NVIDIA 999.1"
    assert found["NVML"].verdict == "problem"


def test_doctor_warns_of_numbers_where_gpus_differ(nvml: Nvml, home: Home) -> None:
    pair = (gpu("GPU-a", name="NVIDIA A"), gpu("GPU-b", name="NVIDIA B"))
    nvml(*pair, visible="0,1")
    assert "GPU numbers" in machine(home)
    nvml(*pair, visible="GPU-a,GPU-b")
    assert "GPU numbers" not in machine(home)
