"""Reading and growing a file of a home: what stands in its place is said, and nothing waits.

Promises: what is no plain file (a folder, a FIFO, a socket, a circle of links) is an OSError whose
`strerror` says what it is; JSON that Python cannot hold (nested without end) is a ValueError; no
open waits for a writer or a reader.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from io import BufferedReader, BufferedWriter
from pathlib import Path
from typing import Any

WORDS = {
    errno.ELOOP: "it is a link that leads in a circle",
    errno.ENXIO: "it is a socket",
    errno.EACCES: "permission is denied",
}
KINDS = (
    (stat.S_ISDIR, errno.EISDIR, "it is a folder"),
    (stat.S_ISFIFO, errno.EINVAL, "it is a FIFO"),
    (stat.S_ISCHR, errno.EINVAL, "it is a device"),
    (stat.S_ISBLK, errno.EINVAL, "it is a device"),
)


def open_plain(path: Path) -> BufferedReader:
    """Open a plain file to read it.

    Raises:
        FileNotFoundError, NotADirectoryError: there is none.
        OSError: it is something else, or cannot be read; `strerror` says what.
    """
    try:
        # O_NONBLOCK: opening a FIFO would otherwise wait for its writer.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in WORDS:
            raise OSError(error.errno, WORDS[error.errno], str(path)) from error
        raise
    _refuse_others(handle, path)
    return os.fdopen(handle, "rb")


def append_plain(path: Path) -> BufferedWriter:
    """Open a plain file to write at its end; it is made where there is none.

    Raises:
        OSError: something else stands there, or it cannot be written; `strerror` says what.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        handle = os.open(path, flags, 0o600)
    except OSError as error:
        if error.errno == errno.ENXIO:  # nobody reads there
            words = "it is a FIFO" if stat.S_ISFIFO(path.stat().st_mode) else "it is a socket"
            raise OSError(errno.EINVAL, words, str(path)) from error
        if error.errno in WORDS:
            raise OSError(error.errno, WORDS[error.errno], str(path)) from error
        raise
    _refuse_others(handle, path)
    return os.fdopen(handle, "ab")


def _refuse_others(handle: int, path: Path) -> None:
    """Close a handle that leads to something else than a plain file, and say what it is."""
    mode = os.fstat(handle).st_mode
    if stat.S_ISREG(mode):
        return
    os.close(handle)
    known = [(number, words) for is_a, number, words in KINDS if is_a(mode)]
    number, words = known[0] if known else (errno.EINVAL, "it is no plain file")
    raise OSError(number, words, str(path))


def read_plain(path: Path) -> bytes:
    """The content of a plain file.

    Raises:
        FileNotFoundError, NotADirectoryError: there is none.
        OSError: as `open_plain`.
    """
    with open_plain(path) as stream:
        return stream.read()


def parse(data: bytes | str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is no JSON that can be read.
    """
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def why_not(error: OSError | ValueError) -> str:
    """What the system, or a parser, said of a file, as a clause."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, json.JSONDecodeError):
        return "it is no whole JSON"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return str(error)


def keep_private() -> None:
    """Let nobody else read what this process, and those that it starts, write.

    Called where a process begins: what a library opens (DuckDB, safetensors, a log) has no mode of
    ours, and the home may be on a disk that others can look into.
    """
    os.umask(0o077)
