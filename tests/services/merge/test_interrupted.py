"""A merge that is killed, meets a full disk or another merge: the same command completes it."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.builders import store_home
from tests.services.merge.conftest import OTHER_RUN, RUN
from wgen_tui.errors import BusyError, UsageError
from wgen_tui.paths import Home
from wgen_tui.services.experiments import definitions
from wgen_tui.services.merge.file_copies import PREFIX, file_digest
from wgen_tui.services.merge.merge import merge
from wgen_tui.services.runs import runs

if TYPE_CHECKING:
    from tests.services.merge.conftest import Box

# Merges, and kills itself when it has asked the system `argv[3]` times to do something to the home.
KILLED = """
import os, signal, sys
from pathlib import Path
from wgen_tui.paths import Home
from wgen_tui.services.merge.merge import merge

root, other, at = sys.argv[1], sys.argv[2], int(sys.argv[3])
count = 0

def hook(event, arguments):
    global count
    if event in ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.truncate"):
        if any(str(item).startswith(root) for item in arguments[:2]):
            count += 1
            if count == at:
                os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
merge(Home(Path(root)), Path(other))
print(count)
"""
POINTS = 14


def run_killed(here: Home, there: Home, at: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", KILLED, str(here.root), str(there.root), str(at)],
        capture_output=True,
        text=True,
        check=False,
    )


def fill(box: Box, *, both: bool) -> None:
    """A run that both have, and, in the other home, more of it and another one."""
    run_id = box.finished(n=4)
    if both:
        return
    rows = store_home.sample_rows(RUN, 6)
    known = {row["sample_id"] for row in store_home.sample_rows(RUN, 4)}
    box.samples(RUN, [row for row in rows if row["sample_id"] not in known], "L2-00000")
    name = box.launch([run_id], "judge", name="20260102-030409-2judge-0000")
    box.done(name, [run_id])
    with box.home.run(run_id).metrics.open("a") as stream:
        stream.write(store_home.metric_line(4))
    box.checkpoint(run_id, 20, b"more")
    box.finished(OTHER_RUN)
    box.grade("ann-1", store_home.grade_line(rows[0], "era", "x", "human:ann"))
    definitions.new(box.home, "mine")


@pytest.mark.slow
def test_killed_anywhere_it_leaves_a_good_home_and_the_same_command_completes_it(
    make_box: Callable[[str], Box], there: Box
) -> None:
    fill(there, both=False)
    whole = make_box("whole")
    fill(whole, both=True)
    done = run_killed(whole.home, there.home, 0)
    assert done.returncode == 0, done.stderr
    steps = int(done.stdout)
    assert steps > 3 * POINTS
    for point in range(POINTS):
        at = 1 + point * (steps - 1) // (POINTS - 1)
        box = make_box(f"killed-{point}")
        fill(box, both=True)
        killed = run_killed(box.home, there.home, at)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert box.problems() == [], f"killed at {at} of {steps}"
        for status in runs.list_runs(box.home):
            assert status.state == "finished", f"killed at {at} of {steps}: {status}"
        assert not merge(box.home, there.home.root).conflicts
        assert box.files() == whole.files(), f"killed at {at} of {steps}"
        assert box.problems() == []
        assert merge(box.home, there.home.root).nothing_new


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 400 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "none", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a file system can be mounted by root only")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_full_disk_leaves_nothing_half(there: Box, small_disk: Path) -> None:
    for seed in range(6):
        run = store_home.StoredRun(f"old{seed}", 0)
        there.finished(run, weights=os.urandom(60_000))
    home = Home(small_disk / "home")
    with pytest.raises(UsageError, match="No space left") as raised:
        merge(home, there.home.root)
    assert "run the same command again" in raised.value.hint
    came = runs.run_names(home)
    assert 0 < len(came) < 6
    for run_id in came:
        folder = home.run(run_id).checkpoint(10)
        theirs = there.home.run(run_id).checkpoint(10)
        weights = "adapter_model.safetensors"
        assert file_digest(folder / weights) == file_digest(theirs / weights)
    assert not list(home.root.rglob(f"{PREFIX}*"))
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    report = merge(home, there.home.root)
    assert [run.status for run in report.runs].count("new") == 6 - len(came)
    assert len(runs.run_names(home)) == 6


def test_one_merge_at_a_time(here: Box, there: Box) -> None:
    there.finished()
    with here.home.merge_lock.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(BusyError):
            merge(here.home, there.home.root)
    assert not merge(here.home, there.home.root).nothing_new


def test_a_home_that_may_only_be_read(here: Box, there: Box, tmp_path: Path) -> None:
    run_id = there.finished()
    there.started(there.launch([run_id], "judge", after=("x",)))
    place = tmp_path / "mounted"
    place.mkdir()
    mount = ["mount", "--bind", "-o", "ro", str(there.home.root), str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a folder can be mounted by root only")
    try:
        with pytest.raises(OSError, match="Read-only"):
            (place / "probe").touch()
        assert [run.status for run in merge(here.home, place).runs] == ["new"]
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
