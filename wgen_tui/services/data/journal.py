"""The journal: what people said, appended by each process to a file of its own.

Promises: a line is on disk when `append` returns, whole or not at all; nothing in it is changed.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.plain_files import append_plain, parse, read_plain
from wgen_tui.protocol.record import Record


def file_name(person: str) -> str:
    """A person's name as part of a file's."""
    return "".join(c if c.isalnum() else "_" for c in person.removeprefix("human:"))


Kind = TypeVar("Kind", bound=Record)


def lines(home: Home, kind: str, of: type[Kind]) -> Iterator[Kind]:
    """The lines of one kind, of all files; a torn one, or one of another shape, is passed over."""
    for path in sorted(home.journal.glob(f"{kind}-*.jsonl")):
        try:
            written = read_plain(path).split(b"\n")
        except OSError:
            continue  # doctor names it
        for line in written:
            try:
                yield of.model_validate(parse(line))
            except ValueError:
                continue  # torn by a power cut


class Journal:
    """The file that one process appends to: of one kind, by one person."""

    def __init__(self, home: Home, kind: str, person: str, what: str) -> None:
        """Name the file; it is made with its first line.

        Args:
            home: Where the journal is.
            kind: What its name begins with: `grades`, `notes`.
            person: Who says it.
            what: One line in words, for what is said when it cannot be written.
        """
        name = f"{kind}-{file_name(person)}-{time.strftime('%Y%m%d')}-{os.getpid()}.jsonl"
        self._folder, self._path, self._what = home.journal, home.journal / name, what

    def append(self, *rows: Record) -> None:
        """Append rows and bring them to disk.

        Raises:
            UsageError: the journal cannot be written; nothing was noted.
        """
        try:
            self._write(rows)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            mend = "Free some disk space" if full else "Put it right, or move it away"
            raise UsageError(
                f"{self._what} cannot be written to {self._path}: {error.strerror or error}.",
                title="Not saved",
                hint=f"{mend}; the sample is unchanged.",
            ) from error

    def _write(self, rows: Sequence[Record]) -> None:
        data = "".join(row.model_dump_json() + "\n" for row in rows).encode()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with append_plain(self._path) as stream:
            handle = stream.fileno()
            size = os.fstat(handle).st_size
            if os.write(handle, data) != len(data):
                os.ftruncate(handle, size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(handle)
