"""Stopping what is read: from another thread, at once or as soon as it begins.

Promises: loads no DuckDB, so that a screen can hold one before anything is read.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
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
        """Let `stop` reach the queries of a connection.

        Raises:
            Cancelled: they were stopped.
        """
        import duckdb  # noqa: PLC0415  whoever has a connection has loaded it

        with self._lock:
            self._con = con
            self._ended.clear()
        try:
            if self._stopped.is_set():
                raise Cancelled("The query was cancelled.")
            yield
        except duckdb.InterruptException as error:
            raise Cancelled("The query was cancelled.") from error
        except RuntimeError as error:  # what DuckDB makes of Ctrl-C
            if str(error) != "Query interrupted":
                raise
            raise KeyboardInterrupt from error
        finally:
            with self._lock:
                self._con = None
            self._ended.set()

    def stop(self) -> None:
        """Stop; returns at once."""
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
