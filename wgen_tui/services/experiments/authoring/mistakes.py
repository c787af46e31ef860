"""What is wrong with a definition, each mistake with the lines of its file around it.

Promises: nothing is raised for what a user wrote; of a file only the lines up to the mistake are
read, of a long line only its beginning.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.errors import DefinitionError, Problem
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.plain_files import open_plain
from wgen_tui.services.experiments import definitions

if TYPE_CHECKING:
    from experiments.schema import Definition

AROUND = 2  # lines shown before and after a mistake
LONGEST = 400  # bytes of a line
SHOWN = 20  # mistakes whose lines are read


@dataclass(frozen=True, slots=True)
class Mistake:
    """One problem, and what stands there.

    Attributes:
        problem: What is wrong, with file, line and key.
        lines: The lines around it, each with its number; none where there is no place.
    """

    problem: Problem
    lines: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    """A definition as it was read.

    Attributes:
        definition: None where a mistake is in the definition itself.
        mistakes: In the order of the files.
        notes: What is allowed but may be a mistake; None where the data were not looked at.
    """

    definition: Definition | None
    mistakes: tuple[Mistake, ...] = ()
    notes: tuple[str, ...] | None = None


def read(home: Home, folder: Path) -> Checked:
    """Read a definition without its data."""
    try:
        return Checked(definitions.load(home, folder))
    except UsageError as error:
        return Checked(None, _mistakes(error))


def check(home: Home, folder: Path) -> Checked:
    """Read a definition and all its data."""
    try:
        definition, notes = definitions.validate(home, folder)
    except UsageError as error:
        return Checked(read(home, folder).definition, _mistakes(error))
    return Checked(definition, notes=tuple(notes))


def _mistakes(error: UsageError) -> tuple[Mistake, ...]:
    cause = error.__cause__
    problems: Iterable[Problem] = (Problem(error.message, error.hint),)
    if isinstance(cause, DefinitionError):
        problems = cause.problems
    return tuple(
        Mistake(problem, _around(problem) if number < SHOWN else ())
        for number, problem in enumerate(problems)
    )


def _around(problem: Problem) -> tuple[tuple[int, str], ...]:
    """The lines around a problem, those that there are."""
    if problem.file is None or problem.line is None:
        return ()
    first = max(problem.line - AROUND, 1)
    try:
        with open_plain(problem.file) as stream:
            lines = list(islice(stream, first - 1, problem.line + AROUND))
    except OSError:
        return ()  # it has gone since: the mistake itself still says where
    return tuple(
        (first + number, line[:LONGEST].decode("utf-8", "replace").rstrip("\r\n"))
        for number, line in enumerate(lines)
    )
