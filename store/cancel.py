"""Stopping what is read: from another thread or by Ctrl+C, at once or as soon as it begins.

Promises: loads no DuckDB, so that a screen can hold one before anything is read. Ctrl+C stops a
query whatever it is at: DuckDB itself asks for signals between its tasks only, and a task may take
for ever.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

INSIST = 0.05  # seconds between interrupts; DuckDB does not see one just before a query begins


class Cancelled(Exception):
    """The query was cancelled."""


class Cancel:
    """Stops what is read under `watching`, now or when it begins."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._ended = threading.Event()
        self._con: duckdb.DuckDBPyConnection | None = None
        self._lock = threading.Lock()

    @contextmanager
    def watching(self, con: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Let `stop` reach the queries of a connection, and Ctrl+C where signals arrive.

        Raises:
            Cancelled: they were stopped.
            KeyboardInterrupt: by Ctrl+C.
        """
        import duckdb  # noqa: PLC0415  whoever has a connection has loaded it

        with self._lock:
            self._con = con
            self._ended.clear()
        try:
            with _on_ctrl_c(self.stop):
                self.check()
                yield
        except duckdb.InterruptException as error:
            raise Cancelled("The query was cancelled.") from error
        finally:
            with self._lock:
                self._con = None
            self._ended.set()

    def check(self) -> None:
        """Begin nothing that is stopped already.

        Raises:
            Cancelled: it is.
        """
        if self._stopped.is_set():
            raise Cancelled("The query was cancelled.")

    def stop(self) -> None:
        """Stop, and let nothing else begin; returns at once."""
        if not self._stopped.is_set():
            self._stopped.set()
            threading.Thread(target=self._interrupt).start()

    def _interrupt(self) -> None:
        while True:
            with self._lock:
                if self._con is None:
                    return
                self._con.interrupt()
            if self._ended.wait(INSIST):
                return


@contextmanager
def _on_ctrl_c(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` at once when Ctrl+C comes; a second one breaks off wherever Python is.

    Only where Ctrl+C would break off a program: in the main thread, with Python's own handler.

    Raises:
        KeyboardInterrupt: at the end, when it came.
    """
    own = signal.default_int_handler
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not own
    ):
        yield
        return
    came = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        if came.is_set():
            raise KeyboardInterrupt
        came.set()

    # Python runs handlers between two of its own instructions, so not while DuckDB computes; what
    # it writes to this socket it writes at once.
    here, there = socket.socketpair()
    there.setblocking(False)
    watcher = threading.Thread(target=_wait, args=(here, stop), daemon=True)
    before = signal.set_wakeup_fd(there.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGINT, handle)
    watcher.start()
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, own)
        signal.set_wakeup_fd(before)
        there.close()
        watcher.join()
        here.close()
        if came.is_set():
            raise KeyboardInterrupt


def _wait(here: socket.socket, stop: Callable[[], None]) -> None:
    """Call `stop` at the first SIGINT; end when the other side is closed."""
    while received := here.recv(64):
        if signal.SIGINT in received:
            stop()
