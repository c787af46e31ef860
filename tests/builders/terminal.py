"""The program in a pseudo-terminal, as a person runs it, and the bytes that it sends there.

Promises: the terminal answers what Textual asks of one (synchronised output), so that what is
counted is what a real one gets; the program ends with the block.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.builders.waiting import LIMIT

WHOLE_EVERY = 10.0  # seconds
QUIET = 0.35  # seconds without a byte, after which a screen has settled
SYNC = (b"\x1b[?2026$p", b"\x1b[?2026;2$y")  # what is asked, and what most terminals answer


class Terminal:
    """One program in one terminal."""

    def __init__(self, process: subprocess.Popen[bytes], handle: int) -> None:
        self.process = process
        self._handle = handle

    def read(self, seconds: float) -> bytes:
        """What comes within this time."""
        end, data = time.monotonic() + seconds, b""
        while (left := end - time.monotonic()) > 0:
            if select.select([self._handle], [], [], left)[0]:
                data += os.read(self._handle, 65_536)
                if SYNC[0] in data:
                    data = data.replace(SYNC[0], b"")
                    os.write(self._handle, SYNC[1])
        return data

    def settle(self, quiet: float = QUIET) -> int:
        """Read until nothing has come for a while; how many bytes that were."""
        total, end = 0, time.monotonic() + LIMIT
        while time.monotonic() < end:
            data = self.read(quiet)
            total += len(data)
            if not data:
                return total
        raise AssertionError("the screen never settles")

    def until(self, text: str) -> None:
        """Read until a text has been painted.

        Of what changes only the cells that differ are sent: a text may come in pieces, around
        letters that stood there before. So the whole screen is asked for now and then.
        """
        data, end, whole = b"", time.monotonic() + LIMIT, time.monotonic() + WHOLE_EVERY
        while text.encode() not in data:
            assert time.monotonic() < end, data.decode(errors="replace")
            if time.monotonic() > whole:
                whole = time.monotonic() + WHOLE_EVERY
                self._paint_all()
            data += self.read(0.05)

    def _paint_all(self) -> None:
        """Have it painted anew, as after a change of size."""
        size = fcntl.ioctl(self._handle, termios.TIOCGWINSZ, bytes(8))
        rows, *rest = struct.unpack("HHHH", size)
        for number in (rows - 1, rows):
            fcntl.ioctl(self._handle, termios.TIOCSWINSZ, struct.pack("HHHH", number, *rest))
            self.process.send_signal(signal.SIGWINCH)
            self.settle()

    def press(self, keys: str, pause: float = 0.0) -> bytes:
        """Type; what comes within `pause` seconds."""
        os.write(self._handle, keys.encode())
        return self.read(pause)


@contextmanager
def terminal(
    arguments: Sequence[str | Path], size: tuple[int, int] = (120, 40)
) -> Iterator[Terminal]:
    """Run `wgen-tui` with these arguments in a terminal of this size (columns, rows)."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    look = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "TEXTUAL_ANIMATIONS": "none"}
    look["LOGNAME"] = "ada"  # as root, grading asks for a name first
    process = subprocess.Popen(
        [sys.executable, "-c", "from wgen_tui.cli.main import main; main()", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        # Not those of another terminal: what reads lines in this process may have set them.
        env={k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")} | look,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
