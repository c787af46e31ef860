"""Homes in trouble: a user at a shell, real workers, and moments that are waited for."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import termios
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.builders.launch_files import LaunchFiles
from tests.builders.waiting import LIMIT, until
from tests.e2e.conftest import PROGRAM, Shell, define, shell
from tests.services.conftest import files, hold, home, wait_unlocked
from wgen_tui.paths import Home
from wgen_tui.services.runs.launch_state import locked

__all__ = ["define", "files", "hold", "home", "shell", "wait_unlocked"]


def processes(home: Home) -> list[psutil.Process]:
    """Every process that serves a home."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if str(home.root) in (process.info["cmdline"] or []):
            found.append(process)
    return found


def workers(home: Home) -> list[psutil.Process]:
    """Launchers and workers of a home."""
    return [item for item in processes(home) if "--launch" in (item.info["cmdline"] or [])]


def signal_all(victims: list[psutil.Process], number: int) -> None:
    for process in victims:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def wait_ended(left: list[psutil.Process]) -> None:
    """Wait until processes are gone; a child of this process is reaped, so that it is."""
    _, alive = psutil.wait_procs(left, timeout=LIMIT)
    assert not alive, "still at work"


def stop_all(home: Home) -> None:
    """End what a test has left at work."""
    signal_all(processes(home), 9)
    if home.root.exists():
        until(lambda: not locked(home.supervisor_lock))


@dataclass
class Terminal:
    """A program on a terminal of its own, as under sshd; `hang_up` is the line that drops."""

    process: subprocess.Popen[bytes]
    master: int
    written: bytearray = field(default_factory=bytearray)

    def hang_up(self) -> None:
        os.close(self.master)

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def shows(self, text: str) -> bool:
        return text.encode() in bytes(self.written)


def open_terminal(home: Home, *args: str, nohup: bool = False) -> Terminal:
    """Run `wgen-tui` as the leader of a session with a controlling terminal.

    Args:
        home: Its home.
        args: What stands behind `--home DIR`.
        nohup: Whether it is started with SIGHUP ignored, as `nohup` does.
    """
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    command = [str(PROGRAM), "--home", str(home.root), *args]
    trap = "trap '' HUP;" if nohup else ""
    # `setsid --ctty` makes the terminal the session's own: closing it sends SIGHUP to all of it.
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", "sh", "-c", f'{trap} exec "$@"', "sh", *command],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**os.environ, "TERM": "xterm-256color"},
    )
    os.close(slave)
    terminal = Terminal(process, master)
    reader = os.dup(master)

    def read() -> None:
        try:
            while data := os.read(reader, 65536):
                terminal.written += data
        except OSError:
            return

    thread = threading.Thread(target=read, daemon=True)
    thread.start()

    def hang_up() -> None:
        # Every copy has to go, the reader's too.
        os.close(reader)
        os.close(master)

    terminal.hang_up = hang_up  # type: ignore[method-assign]
    return terminal


@pytest.fixture
def shell_at() -> Iterator[Callable[[Path], Shell]]:
    """`shell_at(folder)`: a user with a home there; all that serves it is ended afterwards."""
    made: list[Shell] = []

    def at(root: Path) -> Shell:
        made.append(Shell(Home(root)))
        return made[-1]

    yield at
    for one in made:
        stop_all(one.home)


@pytest.fixture
def many(home: Home, files: LaunchFiles) -> Callable[[int], list[str]]:
    """`many(n)`: n runs, each with a judge launch of its own."""

    def make(count: int) -> list[str]:
        runs = [files.run(f"x-a-s{seed}-1", seed=seed) for seed in range(count)]
        return [files.launch("judge", [run], number=1000 + n) for n, run in enumerate(runs)]

    return make
