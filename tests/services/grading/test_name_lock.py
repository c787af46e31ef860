"""Sessions under one grader's name: each knows of the others, whoever has left."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wgen_tui.paths import Home
from wgen_tui.services.grading.unblinding import NameLock

HOLD = """
import sys
from pathlib import Path
from wgen_tui.paths import Home
from wgen_tui.services.grading.unblinding import NameLock
lock = NameLock(Home(Path(sys.argv[1])), "human:ada")
print(lock.shared, flush=True)
for asked in sys.stdin:
    print(lock.others(), flush=True)
"""


class Session:
    """A process that grades as ada."""

    def __init__(self, home: Path) -> None:
        command = [sys.executable, "-c", HOLD, str(home)]
        self._process = subprocess.Popen(
            command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.shared = self._said()

    def _said(self) -> bool:
        assert self._process.stdout is not None
        return {"True": True, "False": False}[self._process.stdout.readline().strip()]

    def others(self) -> bool:
        assert self._process.stdin is not None
        print(file=self._process.stdin, flush=True)
        return self._said()

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[[], Session]]:
    """Begins sessions; those that are left end with the test."""
    begun: list[Session] = []

    def one() -> Session:
        begun.append(Session(tmp_path))
        return begun[-1]

    yield one
    for session in begun:
        session.kill()


def test_later_sessions_know_of_each_other_once_the_first_has_left(
    begin: Callable[[], Session], tmp_path: Path
) -> None:
    first, second, third = begin(), begin(), begin()
    assert [first.shared, second.shared, third.shared] == [False, True, True]
    first.kill()
    assert second.others()
    assert third.others()
    fourth = begin()
    assert fourth.shared, "it has the place of the first, and is not alone"
    second.kill()
    third.kill()
    assert not fourth.others()
    assert not NameLock(Home(tmp_path), "human:bo").shared, "another name is another session's"
