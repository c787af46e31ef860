"""What holds for every test process, whoever started it and whatever works beside it.

Promises: the programs that tests start take signals as from a shell in the foreground, and compute
on one core each; none works on when its test has ended; the files that take longest come first.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from tests.builders.left_at_work import end_left_at_work

# Each file goes to one worker of pytest (`--dist loadfile`): one that takes a minute must not be
# begun when all others have ended. By seconds of a core, of what they start too, and of waiting.
SLOWEST_FIRST = (
    "e2e/slurm/test_slurm.py",
    "e2e/test_accelerate.py",
    "e2e/test_kill.py",
    "reliability/test_queue.py",
    "reliability/test_held.py",
    "gpu/test_gpu_day.py",
    "cli/test_odd_files.py",
    "e2e/test_sampling.py",
    "e2e/test_verify.py",
    "cli/test_start.py",
    "ui/test_every_key.py",
    "e2e/test_main_job.py",
    "e2e/test_old_home.py",
    "workers/sample/test_sampler.py",
    "reliability/test_long.py",
    "e2e/test_served.py",
    "e2e/test_ssh.py",
    "e2e/test_field_page.py",
    "e2e/test_served_judges.py",
    "workers/train/grid/test_grid.py",
    "reliability/test_disk.py",
    "reliability/test_clock.py",
    "e2e/test_judged.py",
    "security/test_ids.py",
    "services/merge/test_interrupted.py",
    "ui/test_screens.py",
    "security/test_permissions.py",
    "services/estimate/test_formulas.py",
    "ui/test_experiments_screen.py",
    "e2e/served/test_runs.py",
    "services/supervisor/test_supervisor.py",
)

# What pytest collects stays; looking for garbage in it is a sixth of collecting.
gc.disable()

# Some hundred programs are started: none is to compile again what another has.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Two workers of pytest and what they start share few cores. Threads of one computation that do not
# run at once wait for each other by spinning: a test took eighteen times as long with two.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")


def _ignore(number: int, frame: FrameType | None) -> None:
    """Keep what nohup and a shell's background asked for, in this process alone."""


# An ignored signal stays ignored in every program that is started; a caught one does not.
for _number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _ignore)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slow files first, in their order; all others keep theirs."""
    root = Path(__file__).parent
    place = {root / name: number for number, name in enumerate(SLOWEST_FIRST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


def pytest_collection_finish() -> None:
    """Look for garbage again, but only in what tests make.

    After 20,000 new objects, not 700: a screen makes so many that a sixth of its test was looking.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    gc.enable()


def pytest_unconfigure() -> None:
    """Let go of what was collected, or nanobind names at the end all that it thinks leaked."""
    gc.unfreeze()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """End what a test and its fixtures leave: a training goes on without whoever started it."""
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    try:
        yield
    finally:
        if folder is not None:
            end_left_at_work(folder)


@pytest.fixture(scope="session", autouse=True)
def _nothing_works_on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The same for homes that several tests share."""
    yield
    end_left_at_work(tmp_path_factory.getbasetemp())
