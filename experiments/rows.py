"""Training data: chats, as the field writes them.

Promises: a row is either read as a chat that ends with the assistant's turn, or named by its line
number; what of the rows is not read is counted, so that whoever shows the data can say it; rows are
handed on one by one, and none is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from experiments.errors import DefinitionError, Problem
from experiments.readers.chats import misspelled, read_chat
from experiments.readers.containers import read_raw_rows
from experiments.schema import Turn
from experiments.suggest import did_you_mean

MOST = 5  # problems named at once
EMPTY = (
    'A row: {"messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}'
)


@dataclass(frozen=True, slots=True)
class Row:
    """One example, before the arm's context is applied.

    Attributes:
        messages: The chat; the last turn is the assistant's.
        line: Its line in the file, from 1; of several files its place among all rows.
        origin: Its file and its line there, where `line` is another.
    """

    messages: tuple[Turn, ...]
    line: int
    origin: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """The examples of a file, which was read once to the end and is read again for each pass.

    Nothing but counts is held, so a dataset may be as long as the disk is.

    Attributes:
        path: The file.
        count: How many examples it has, or were read of it.
        left_out: How many rows have each key that was not read.
        stamp: The file's size and time of change, so that a pass over another content is named.
    """

    path: Path
    count: int
    left_out: dict[str, int]
    stamp: tuple[int, int]

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Row]:
        """The examples in the order of the file.

        Raises:
            DefinitionError: the file is no longer what was read.
        """
        if _stamp(self.path) != self.stamp:
            raise DefinitionError(_changed(self.path))
        for raw in read_raw_rows(self.path):
            try:
                chat = read_chat(raw.value, lambda _: None)
            except ValueError as error:  # also of what is no value
                raise DefinitionError(_changed(self.path)) from error
            yield Row(chat, raw.line)
        if _stamp(self.path) != self.stamp:
            raise DefinitionError(_changed(self.path))

    @property
    def notes(self) -> list[str]:
        """What was not read, for people; empty where all was."""
        if not self.left_out:
            return []
        keys = ", ".join(
            f"{key} ({count:,} of {self.count:,} {'row' if self.count == 1 else 'rows'}"
            f"{misspelled(key)})"
            for key, count in self.left_out.items()
        )
        return [f"keys of the dataset that are not read: {keys}"]


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return (-1, -1)
    return status.st_size, status.st_mtime_ns


def _changed(path: Path) -> Problem:
    return Problem("The dataset was changed while it was read.", "Run the command again.", path)


def nobody(_: Row) -> None:
    """Hears of a row and does nothing."""


def never() -> bool:
    """Whether to stop reading: no."""
    return False


def read_rows(
    path: Path, each: Callable[[Row], None] = nobody, *, enough: Callable[[], bool] = never
) -> Dataset:
    """Read a file of chats: JSONL, a JSON array, CSV, Parquet, or one of these gzipped.

    Args:
        path: The file.
        each: Hears of every example.
        enough: Asked after each row: whether to read no further.

    Raises:
        DefinitionError: broken rows (the first few, with their lines, and how many more), or no
            rows at all.
    """
    stamp = _stamp(path)
    problems: list[Problem] = []
    count = wrong = 0
    left_out: Counter[str] = Counter()
    for raw in read_raw_rows(path):
        why, hint = raw.wrong, raw.hint
        if not why:
            here: set[str] = set()
            try:
                row = Row(read_chat(raw.value, here.add), raw.line)
            except ValueError as error:
                why = str(error)
            else:
                count += 1
                each(row)
            left_out.update(here)
        if why:
            wrong += 1
            if len(problems) < MOST:
                problems.append(Problem(why, hint, path, raw.line))
        if enough():
            break
    if wrong > len(problems):
        left = wrong - len(problems)
        more = f"{left} more of {wrong + count} rows are wrong."
        problems.append(Problem(more, "", path, count=left))
    if problems:
        raise DefinitionError(*problems)
    if not count:
        raise DefinitionError(Problem("The dataset is empty.", EMPTY, path))
    return Dataset(path, count, dict(sorted(left_out.items())), stamp)


def field_values(path: Path, field: str) -> list[str]:
    """What a field of every row says, in the order of the file; its rows have been read as chats.

    Raises:
        DefinitionError: a row has no such field, or no text or number there.
    """
    values = []
    for raw in read_raw_rows(path):
        row = raw.value if isinstance(raw.value, dict) else {}
        value = row.get(field)
        if not isinstance(value, str | int | float):
            why = f"The row has no {field!r} that is a text or a number; class: names that."
            hint = did_you_mean(field, [key for key in row if key not in ("messages", "prompt")])
            raise DefinitionError(Problem(why, hint, path, raw.line))
        values.append(str(value))
    return values
