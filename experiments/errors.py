"""What is wrong with a definition, and where: file, line, key, and the nearest right thing.

Promises: a mistake in a definition or its data is a `DefinitionError` that names every problem
found, so that a user mends a file once and not once per error.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake.

    Attributes:
        message: What is wrong, one sentence.
        hint: The nearest right thing or what to write; may be empty.
        file: Where it stands.
        line: From 1; None when the file as a whole is meant.
        key: The dotted key, such as `arms.old_birds.data`.
        count: How many mistakes it stands for.
        entry: What the list's entry calls itself in which the key stands; may be empty.
    """

    message: str
    hint: str = ""
    file: Path | None = None
    line: int | None = None
    key: str | None = None
    count: int = 1
    entry: str = ""

    def __str__(self) -> str:
        place = [str(self.file)] if self.file else []
        if self.line is not None:
            place.append(str(self.line))
        head = ":".join(place)
        key = f"{self.key} of {self.entry!r}" if self.key and self.entry else self.key
        parts = [part for part in (head, key) if part]
        return ": ".join([*parts, self.message])


class DefinitionError(Exception):
    """A definition or its data cannot be used.

    Attributes:
        problems: All of them, in the order of the files, each once.
    """

    def __init__(self, *problems: Problem) -> None:
        self.problems: tuple[Problem, ...] = tuple(dict.fromkeys(problems))
        super().__init__("\n".join(map(str, self.problems)))

    @property
    def message(self) -> str:
        """Every problem with its place, a line each; of several, each with its hint."""
        if len(self.problems) == 1:
            return str(self)
        return "\n".join(f"{item} {item.hint}".rstrip() for item in self.problems)

    @property
    def hint(self) -> str:
        """The hint of a single problem."""
        return self.problems[0].hint if len(self.problems) == 1 else ""

    @property
    def file(self) -> Path | None:
        return self.problems[0].file

    @property
    def line(self) -> int | None:
        return self.problems[0].line

    @property
    def key(self) -> str | None:
        return self.problems[0].key
