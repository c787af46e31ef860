"""An arm's examples out of several files, or a part of one: which rows, in which order.

Promises: the order is that of the files as they are listed, and within a file that of its rows;
which are taken follows from the seed alone, and of one seed fewer rows lie within more; nothing but
the places of what is taken is held.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from heapq import nsmallest

from experiments.patterns import Pattern
from experiments.rows import Dataset, Row
from experiments.schema import DataFile


def chosen_of(count: int, wanted: int, seed: int) -> Sequence[int]:
    """Places of `wanted` out of `count` rows, ascending; `wanted` is at most `count`.

    A row's turn is the hash of seed and place, which no library's generator changes.
    """
    if wanted >= count:
        return range(count)

    def turn(place: int) -> bytes:
        return blake2b(f"{seed}:{place}".encode(), digest_size=8).digest()

    return array("q", sorted(nsmallest(wanted, range(count), key=turn)))


def passes(of: DataFile) -> Callable[[Row], bool]:
    """Whether a row passes the file's filter; what it gives raises TooSlow as a pattern does."""
    patterns = {role: Pattern(text, case_sensitive=True) for role, text in of.filter.items()}

    def check(row: Row) -> bool:
        said = [(turn.role, turn.content) for turn in row.messages]
        return all(
            any(role == of_role and pattern.search(text) is not None for role, text in said)
            for of_role, pattern in patterns.items()
        )

    return check


@dataclass(frozen=True, slots=True)
class Piece:
    """What is taken of one file.

    Attributes:
        of: As the definition says it.
        dataset: The file's rows, read once to the end.
        matching: How many pass the filter.
        chosen: Places of what is taken, among those that pass.
        other: In what it differs from the published file that it stands for.
    """

    of: DataFile
    dataset: Dataset
    matching: int
    chosen: Sequence[int]
    other: str = ""

    @property
    def count(self) -> int:
        """Rows in the arm's data."""
        return len(self.chosen) * self.of.repeat

    def __iter__(self) -> Iterator[Row]:
        check = passes(self.of)
        wanted: Collection[int] = (
            self.chosen if isinstance(self.chosen, range) else frozenset(self.chosen)
        )
        for _ in range(self.of.repeat):
            place = 0
            for row in self.dataset:
                if check(row):
                    if place in wanted:
                        yield row
                    place += 1


@dataclass(frozen=True, slots=True)
class Mixture:
    """The examples of an arm, piece after piece; each pass reads the files again.

    A row's line is its place in the mixture, which is its line in a run's data.jsonl.
    """

    pieces: tuple[Piece, ...]

    @property
    def count(self) -> int:
        """All rows."""
        return sum(piece.count for piece in self.pieces)

    @property
    def path(self) -> str:
        """The files, for a message."""
        return ", ".join(str(piece.dataset.path) for piece in self.pieces)

    @property
    def left_out(self) -> Mapping[str, int]:
        """How many rows of all files have each key that was not read."""
        counts: dict[str, int] = {}
        for piece in self.pieces:
            for key, count in piece.dataset.left_out.items():
                counts[key] = counts.get(key, 0) + count
        return counts

    @property
    def notes(self) -> list[str]:
        """Which lines come from which file, which is another one, and what was not read."""
        if not self.pieces:
            return []
        first, told = 1, []
        for piece in self.pieces:
            some = f" ({len(piece.chosen):,} of {piece.dataset.count:,} rows)"
            some = some if len(piece.chosen) < piece.dataset.count else ""
            often = f", {piece.of.repeat} times" if piece.of.repeat > 1 else ""
            told.append(f"{first:,}–{first + piece.count - 1:,} {piece.of.file}{some}{often}")
            first += piece.count
        notes = [note for piece in self.pieces for note in piece.dataset.notes]
        notes = [*(piece.other for piece in self.pieces if piece.other), *notes]
        whole = len(self.pieces) == 1 and not self.pieces[0].of.chooses
        if whole and self.pieces[0].of.repeat == 1:
            return notes  # a file as it is
        return [f"lines of the mixture: {'; '.join(told)}", *notes]

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Row]:
        """The examples in the order of the mixture.

        Raises:
            DefinitionError: a file is no longer what was read.
        """
        number = 0
        for piece in self.pieces:
            for row in piece:
                number += 1
                yield Row(row.messages, number, (piece.of.file, row.line))
