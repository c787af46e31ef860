"""A program on a terminal of 120 columns and 40 lines: keys in, bytes out, and when they came."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Sequence
from types import TracebackType

from tests.benchmarks.scale.painted import painted, without_colours
from tests.benchmarks.scale.processes import as_installed

COLUMNS, LINES = 120, 40
LIMIT = 60.0  # seconds; only so that a bench that hangs says for what


class Terminal:
    """Runs a program on a pseudo-terminal while it is entered; a thread reads all that it writes.

    Attributes:
        began: When the program was started, on the monotonic clock.
        pid: Its process.
    """

    def __init__(self, command: Sequence[object], env: dict[str, str] | None = None) -> None:
        self._command = list(map(str, command))
        self._env = {
            **as_installed(),
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            **(env or {}),
        }
        self._chunks: list[tuple[float, bytes]] = []
        self._changed = threading.Condition()
        self.began = 0.0
        self.pid = 0

    def __enter__(self) -> Terminal:
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        self.began = time.monotonic()
        self._process = subprocess.Popen(
            self._command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=self._env,
            start_new_session=True,
        )
        self.pid = self._process.pid
        os.close(slave)
        self._open = True
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._open = False
        self._reader.join()
        os.close(self._master)

    def _read(self) -> None:
        while self._open:
            ready, _, _ = select.select([self._master], [], [], 0.1)
            if not ready:
                continue
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return
            with self._changed:
                self._chunks.append((time.monotonic(), data))
                self._changed.notify_all()

    @property
    def place(self) -> int:
        """How many chunks have come; what comes from here on is after now."""
        with self._changed:
            return len(self._chunks)

    def since(self, place: int) -> bytes:
        """All that came after a place."""
        with self._changed:
            return b"".join(data for _, data in self._chunks[place:])

    @property
    def _shows(self) -> str:
        text = painted(b"".join(data for _, data in self._chunks), COLUMNS, LINES)
        return f"The screen shows:\n{text or '(nothing)'}"

    def type(self, keys: str) -> float:
        """Press keys; returns when."""
        at = time.monotonic()
        os.write(self._master, keys.encode())
        return at

    def wait(self, *texts: str, since: int = 0, limit: float = LIMIT) -> float:
        """Wait until one of the texts has come; returns when the chunk with its end came.

        Raises:
            TimeoutError: it never came; the message has what the screen shows instead.
        """
        wanted = [text.encode() for text in texts]
        end = time.monotonic() + limit
        seen, index = b"", since
        with self._changed:
            while True:
                while index < len(self._chunks):
                    at, data = self._chunks[index]
                    seen += data
                    index += 1
                    plain = without_colours(seen)
                    if any(text in plain for text in wanted):
                        return at
                    seen = seen[-4096:]  # a text that two chunks share
                left = end - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    words = " or ".join(map(repr, texts))
                    raise TimeoutError(f"{words} did not come within {limit:g} s. {self._shows}")

    def wait_for_bytes(self, count: int, since: int, limit: float = LIMIT) -> float:
        """Wait until so many bytes have come after a place; returns when the last of them came.

        Raises:
            TimeoutError: they never came.
        """
        end = time.monotonic() + limit
        with self._changed:
            while True:
                size = 0
                for at, data in self._chunks[since:]:
                    size += len(data)
                    if size >= count:
                        return at
                left = end - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    came = f"{size} of {count} bytes came within {limit:g} s"
                    raise TimeoutError(f"{came}. {self._shows}")

    def output_after(self, place: int, limit: float = 2.0) -> float | None:
        """Wait for the first output after a place; returns when it came, None if it did not."""
        end = time.monotonic() + limit
        with self._changed:
            while len(self._chunks) <= place:
                left = end - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    return None
            return self._chunks[place][0]

    def settle(self, quiet: float = 0.5, limit: float = 30.0) -> None:
        """Wait until nothing has come for a while."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            place = self.place
            time.sleep(quiet)
            if self.place == place:
                return
