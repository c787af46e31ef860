"""An arm's rows in two parts: those that are trained, and those that are held out.

Promises: which are held out follows from the seed and what the rows say, and not from their places,
so arms with the same rows hold out the same ones; a row goes with all its copies, and counts once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from heapq import nsmallest
from pathlib import Path

from experiments.errors import DefinitionError
from experiments.readers.mixture import Mixture
from experiments.rows import Dataset, Row
from experiments.schema import HeldOut
from experiments.sources import problem_in


def turn_of(seed: int, row: Row) -> bytes:
    """When it is a row's turn to be held out: a hash of the seed and of what it says."""
    said = json.dumps([turn.model_dump(mode="json") for turn in row.messages], ensure_ascii=False)
    return blake2b(f"held_out:{seed}:{said}".encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of an arm that are trained, or those that are held out.

    A trained row's line is its place among them, which is its line in a run's data.jsonl.

    Attributes:
        whole: All rows of the arm.
        told: What the definition says.
        chosen: The turns of what is held out.
        count: How many rows this part has.
        held: Whether it is what is held out.
    """

    whole: Dataset | Mixture
    told: HeldOut
    chosen: frozenset[bytes]
    count: int
    held: bool = False

    def other(self) -> Part:
        """What is held out, each row once."""
        return Part(self.whole, self.told, self.chosen, len(self.chosen), held=True)

    @property
    def path(self) -> Path | str:
        """The files, for a message."""
        return self.whole.path

    @property
    def left_out(self) -> Mapping[str, int]:
        """How many rows of the files have each key that was not read."""
        return self.whole.left_out

    @property
    def notes(self) -> list[str]:
        """How many rows are held out, and what is said of all of them."""
        if self.held:
            return []
        lines, rows = len(self.whole) - self.count, len(self.chosen)
        copies = f", {lines:,} with their copies" if lines > rows else ""
        told = f"{rows:,} of its {len(self.whole):,} rows are held out{copies}"
        return [told, *self.whole.notes]

    @property
    def _file(self) -> str:
        return Path(self.whole.path).name

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Row]:
        """The rows in the order of the data.

        Raises:
            DefinitionError: a file is no longer what was read.
        """
        left, number = set(self.chosen), 0
        for row in self.whole:
            turn = turn_of(self.told.sample, row)
            if (turn in left) if self.held else (turn not in self.chosen):
                left.discard(turn)
                number += 1
                yield Row(row.messages, number, row.origin or (self._file, row.line))


def trained_part(folder: Path, arm: str, whole: Dataset | Mixture, told: HeldOut) -> Part:
    """What is trained of an arm's rows.

    Raises:
        DefinitionError: nothing would be left to train.
    """
    times: dict[bytes, int] = {}
    for row in whole:
        turn = turn_of(told.sample, row)
        times[turn] = times.get(turn, 0) + 1
    wanted = told.rows or max(1, round((told.share or 0) * len(times)))
    if wanted >= len(times):
        one = len(times) == 1
        why = f"{wanted:,} rows are to be held out, and the arm's data has {len(times):,} "
        why += "row: none is left to train." if one else "different rows: none is left to train."
        hint = "Give more data, or held_out a file." if one else f"rows: {len(times) // 5 or 1}"
        raise DefinitionError(problem_in(folder, ("arms", arm, "held_out"), why, hint))
    chosen = frozenset(nsmallest(wanted, times))
    return Part(whole, told, chosen, len(whole) - sum(times[turn] for turn in chosen))
