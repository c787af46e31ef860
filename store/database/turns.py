"""Whose turn it is with the database file: readers side by side, or one writer.

Promises: while a connection reads, no writer of this program gets in. DuckDB's own lock, which
stock clients see, is the process's: it is gone when the first of several connections is closed.
A reader makes no file: where no writer ever was, or nothing can be written, it goes without. It
leaves its time at the lock's file, so that a writer knows of readers that came between its turns.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from store.layout import StoreFiles

ASK_EVERY = 0.003  # seconds


@contextmanager
def reading(files: StoreFiles, patience: float) -> Iterator[bool]:
    """Have a reader's turn; False if a writer's lasts longer than `patience` seconds."""
    try:
        stream = _opened(files, os.O_RDONLY)
    except OSError:
        yield True
        return
    with stream:
        if not files.readonly:
            with suppress(OSError):  # the home of another user: its writers wait longer turns
                os.utime(stream.fileno())
        yield _lock(stream, fcntl.LOCK_SH, patience)


def last_reader(files: StoreFiles) -> float:
    """When the last reader came, in seconds since 1970; 0 where none ever did."""
    try:
        return files.readers_lock.stat().st_mtime
    except OSError:
        return 0.0


@contextmanager
def writing(files: StoreFiles, patience: float) -> Iterator[bool]:
    """Have a writer's turn; False if others read for longer than `patience` seconds.

    Raises:
        OSError: the home cannot be written.
    """
    with _opened(files, os.O_RDWR | os.O_CREAT) as stream:
        yield _lock(stream, fcntl.LOCK_EX, patience)


def _opened(files: StoreFiles, flags: int) -> IO[bytes]:
    """The lock's file; O_NONBLOCK: a FIFO in its place would wait for somebody at its other end."""
    handle = os.open(files.readers_lock, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    return os.fdopen(handle, "rb", buffering=0)


def _lock(stream: IO[bytes], kind: int, patience: float) -> bool:
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(stream, kind | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > until:
                return False
        time.sleep(ASK_EVERY)
