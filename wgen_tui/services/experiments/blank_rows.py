"""What `validate` says of rows in which nothing is asked or answered: how many, and where.

Promises: each of the first is named by the file and line in which it stands, also where an arm is
mixed of several files.
"""

from __future__ import annotations

from collections.abc import Iterable

from experiments.readers.prompt_rows import Prompts
from experiments.rows import Row
from wgen_tui.training_data.blanks import Blanks
from wgen_tui.training_data.problems import NAMED


class BlankRows:
    """The rows of one arm, or of one file of it."""

    def __init__(self, file: str) -> None:
        """Begin without rows; `file` is where those are that name no other."""
        self._file = file
        self._blanks: Blanks[tuple[str, int]] = Blanks()

    def hear(self, row: Row) -> None:
        """Take in a row."""
        self._blanks.hear(row.origin or (self._file, row.line), row.messages)

    @property
    def notes(self) -> list[str]:
        """A sentence for each kind of emptiness."""
        return [f"{what} ({_named(places)})" for what, places in self._blanks.told()]


def blank_prompts(file: str, prompts: Prompts) -> list[str]:
    """The same of prompts that a model is to answer."""
    blanks: Blanks[tuple[str, int]] = Blanks()
    for line, chat in zip(prompts.lines, prompts.chats, strict=True):
        blanks.hear((file, line), chat)
    return [f"{what} ({_named(places)})" for what, places in blanks.told()]


def _named(places: Iterable[tuple[str, int]]) -> str:
    """`data/old.jsonl:4`; of more the first, and how many more."""
    every = [f"{file}:{line}" for file, line in dict.fromkeys(places)]
    more = f" and {len(every) - NAMED:,} more" if len(every) > NAMED else ""
    return ", ".join(every[:NAMED]) + more
