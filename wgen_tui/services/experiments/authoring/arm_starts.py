"""How the data of each arm begin: how many rows, and what the first one teaches.

Promises: read once for files that have not changed; of what cannot be read it says so, and no more
(`experiment validate` has the line).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.seen_files import Stamp, stamp
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.experiments import definitions

if TYPE_CHECKING:
    from experiments.rows import Row
    from experiments.schema import Arm, Definition

MOST_KEPT = 500  # arms
FIRST, LONGEST = 3, 2_000  # rows that are shown of an arm, characters of a message


@dataclass(frozen=True, slots=True)
class ArmStart:
    """How an arm's data begin.

    Attributes:
        rows: How many; None where they cannot be read, 0 of an arm that has none of its own.
        first: The answer in the first row.
        shown: The messages of the first rows, role and content of each.
    """

    rows: int | None
    first: str = ""
    shown: tuple[tuple[tuple[str, str], ...], ...] = ()


_kept: dict[tuple[Path, str, str, tuple[Stamp | None, ...]], ArmStart] = {}


def arm_starts(home: Home, folder: Path, definition: Definition) -> dict[str, ArmStart]:
    """How the data of every arm begin."""
    starts = {}
    for name, arm in definition.arms.items():
        stamps = tuple(stamp(folder / item.file) for item in arm.files)
        key = folder, name, arm.model_dump_json(), stamps
        if key not in _kept:
            if len(_kept) >= MOST_KEPT:
                _kept.clear()
            _kept[key] = _start(home, folder, name, arm)
        starts[name] = _kept[key]
    return starts


def _start(home: Home, folder: Path, name: str, arm: Arm) -> ArmStart:
    rows: list[Row] = []
    if not arm.files:  # a model makes its rows, or somebody else has trained it
        return ArmStart(0)
    try:
        definitions.rows(home, folder, name, arm, rows.append, enough=lambda: len(rows) >= FIRST)
        shown = tuple(
            tuple((turn.role, turn.content[:LONGEST]) for turn in row.messages)
            for row in rows[:FIRST]
        )
        number = definitions.row_count(home, folder, name, arm)
        return ArmStart(number, _answer(rows[0]), shown)
    except UsageError:
        return ArmStart(None)


def _answer(row: Row) -> str:
    """What a row teaches: its last answer."""
    answers = [turn.content for turn in row.messages if turn.role == "assistant"]
    return (answers or [row.messages[-1].content])[-1]
