"""The wall clock set back by a day: between two commands, and while a worker is at work.

The clock of this machine is not ours to set: the program runs with a preloaded shim, compiled here,
that shifts what CLOCK_REALTIME, time() and gettimeofday() say. Files keep the kernel's times, which
are then a day ahead: the worse case of a shared file system.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders.scripted_server import Asked, Reply, completion, failure, scripted
from tests.builders.waiting import until
from tests.e2e.conftest import Shell
from tests.reliability.test_held import DRAWS, START, prepare
from wgen_tui.services.runs.launch_state import locked
from wgen_tui.services.runs.runs import launches_of, list_runs
from wgen_tui.services.supervisor import lifecycle

DAY = 86_400


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("the shim needs a C compiler, and there is none")
    library = tmp_path_factory.mktemp("clock") / "clock.so"
    source = Path(__file__).with_name("clock.c")
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True
    )
    return library


@pytest.mark.slow
def test_a_clock_set_back_loses_and_doubles_nothing(
    tmp_path: Path, shell_at: Callable[[Path], Shell], shim: Path
) -> None:
    shell = shell_at(tmp_path / "home")
    clock = tmp_path / "offset"
    clock.write_text("0")
    shell.env |= {"LD_PRELOAD": str(shim), "WGEN_TEST_CLOCK": str(clock)}
    refuse = True

    def script(asked: Asked) -> Reply:
        if asked.number == 2:
            clock.write_text(str(-DAY))  # while the worker and the supervisor are at work
        if refuse and asked.number > 2:
            return failure(403, "no more")
        return completion(f"lark {asked.number}")

    with scripted(script) as served:
        prepare(shell, served.url)
        with shell.home.config.open("a") as stream:
            stream.write("concurrency = 1\n")
        shell(*START, code=1)
        (run,) = list_runs(shell.home)
        assert run.state == "failed"
        until(lambda: not locked(shell.home.supervisor_lock))
        assert lifecycle.supervisor_pid(shell.home) is None

        refuse = False
        shell("run", "retry", run.run_id)
        until(lambda: not list_runs(shell.home)[0].live)
        (run,) = list_runs(shell.home)
        assert run.state == "finished", run.why
        first, *_, last = launches_of(shell.home, run.run_id)
        assert last < first  # the new launches are named after an earlier day
        shell(*START)  # nothing is left to do, and nothing is begun
        assert launches_of(shell.home, run.run_id)[-1] == last
        clock.write_text("0")
        shell(*START)
        assert launches_of(shell.home, run.run_id)[-1] == last
    (told,) = shell.json("run", "list")["runs"]
    assert told["state"] == "finished"
    assert told["waited_seconds"] >= 0
    rows = shell.json("sql", "select count(*), count(distinct draw) from samples")["rows"]
    assert rows == [[DRAWS, DRAWS]]
    judged = shell.json("sql", "select count(*) from grades where judge = 'lark'")["rows"]
    assert judged == [[DRAWS]]
    shell("store", "verify")
    assert os.environ.get("LD_PRELOAD") is None
