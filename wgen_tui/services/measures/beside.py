"""What stands beside a rate: its counts, what was left out, and how far that could move it.

Promises: every sample of an arm is in `n` or is left out for one reason that is told; bounds are
made as the rate is, each question once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from experiments.schema import Measure
from store.measured import EXCLUDED, GIVEN_UNKNOWN, MISSING, NO_ANSWER, NOT_GIVEN
from wgen_tui.services.measures.cells import Asked, BySeed, Cell
from wgen_tui.services.statistics.composition import Composition, Part


@dataclass(frozen=True, slots=True)
class Measured:
    """What a table of rates is of.

    Attributes:
        name: Of the measure.
        grader: Whose verdicts count; empty where it is not known, or nothing is graded.
        limits: Lowest and highest number that there can be; None where a mean has none.
    """

    name: str
    measure: Measure
    grader: str = ""
    limits: tuple[float, float] | None = (0.0, 1.0)

    @property
    def is_mean(self) -> bool:
        """Whether numbers are averaged, instead of hits counted."""
        return self.measure.kind == "mean"


class Counted(BaseModel):
    """Numerator, denominator, and what was left out.

    Attributes:
        hits: Of n; None for a mean.
        total: Sum of the numbers; None for a share.
        excluded: With a label that the measure leaves out.
        not_given: For which what is `given` does not hold.
        given_unknown: For which nobody knows, since that judge has no verdict.
        missing: Without a verdict of the measured judge, by cause.
        ungraded: That it was not asked about yet.
        refused: Draws that a server did not make.
        no_answer: In variants for which no answer is expected.
    """

    model_config = ConfigDict(frozen=True)

    hits: int | None = Field(examples=[1293])
    total: float | None = Field(examples=[None])
    n: int = Field(examples=[1440])
    excluded: int = Field(examples=[0])
    not_given: int = Field(examples=[0])
    given_unknown: int = Field(examples=[0])
    missing: dict[str, int] = Field(examples=[{"<cause>": 2}])
    ungraded: int = Field(examples=[0])
    refused: int = Field(examples=[0])
    no_answer: int = Field(default=0, examples=[0])

    @property
    def without_verdict(self) -> int:
        """Samples that would count if their verdicts were there."""
        return self.given_unknown + sum(self.missing.values()) + self.ungraded

    @property
    def left_out(self) -> int:
        """All that does not count."""
        return sum(
            (self.excluded, self.not_given, self.without_verdict, self.refused, self.no_answer)
        )

    @property
    def words(self) -> str:
        """What was left out, by reason."""
        parts = [("not given", self.not_given), ("excluded", self.excluded)]
        parts += [("given unknown", self.given_unknown), *self.missing.items()]
        parts += [("ungraded", self.ungraded), ("draws refused", self.refused)]
        parts += [("without an expected answer", self.no_answer)]
        return ", ".join(f"{n:,} {why}" for why, n in parts if n)


class Bounds(BaseModel):
    """The rate if broken answers, and those without a verdict, had been one thing or another.

    Attributes:
        if_none: If none of them were hits (of a mean: all had the lowest number).
        if_all: If all of them were (the highest).
        left_out: If the broken ones were left out as well.
    """

    model_config = ConfigDict(frozen=True)

    if_none: float | None = Field(examples=[0.88])
    if_all: float | None = Field(examples=[0.91])
    left_out: float | None = Field(examples=[0.9])


def counted_of(cells: Iterable[Cell], *, mean: bool) -> Counted:
    """The counts of some cells together."""
    listed = list(cells)
    left: Counter[str] = Counter()
    for cell in listed:
        left.update(cell.left)
    return Counted(
        hits=None if mean else sum(cell.hits for cell in listed),
        total=sum(cell.amount for cell in listed) if mean else None,
        n=sum(cell.n for cell in listed),
        excluded=left[EXCLUDED],
        not_given=left[NOT_GIVEN],
        given_unknown=left[GIVEN_UNKNOWN],
        missing={
            why.removeprefix(MISSING): n
            for why, n in sorted(left.items())
            if why.startswith(MISSING)
        },
        ungraded=sum(cell.ungraded for cell in listed),
        refused=sum(cell.refused for cell in listed),
        no_answer=left[NO_ANSWER],
    )


def bounds_of(
    by_seed: BySeed, parts: Mapping[Asked, Part], measured: Measured, rate: float | None
) -> Bounds:
    """How far broken answers and missing verdicts could move a rate."""
    cells = [cell for row in by_seed.values() for cell in row.values()]
    broken = sum(cell.broken for cell in cells)
    if not broken and not any(_without_verdict(cell) for cell in cells):
        return Bounds(if_none=rate, if_all=rate, left_out=rate)

    def moved(each: float | None) -> float | None:
        return _moved(by_seed, parts, each).rate_or_none

    low, high = measured.limits or (None, None)
    return Bounds(
        if_none=None if low is None else moved(low),
        if_all=None if high is None else moved(high),
        left_out=moved(None),
    )


def _without_verdict(cell: Cell) -> int:
    missing = sum(n for why, n in cell.left.items() if why.startswith(MISSING))
    return cell.ungraded + missing + cell.left.get(GIVEN_UNKNOWN, 0)


def _moved(by_seed: BySeed, parts: Mapping[Asked, Part], each: float | None) -> Composition:
    """The counts where broken answers and missing verdicts are all `each`, or left out."""
    every = list(dict.fromkeys(asked for row in by_seed.values() for asked in row))
    amounts, counts, is_mean = list[list[float]](), list[list[int]](), False
    for row in by_seed.values():
        amounts.append([0.0] * len(every))
        counts.append([0] * len(every))
        for place, asked in enumerate(every):
            if (cell := row.get(asked)) is not None:
                is_mean = is_mean or cell.total is not None
                more = 0 if each is None else cell.broken + _without_verdict(cell)
                amounts[-1][place] = cell.unbroken + (each or 0.0) * more
                counts[-1][place] = cell.n - cell.broken + more
    # Sums of numbers are no whole numbers; what their squares are moves no rate.
    squares = amounts if is_mean else None
    return Composition.of(amounts, counts, [parts[asked] for asked in every], squares=squares)


def compose(by_seed: BySeed, parts: Mapping[Asked, Part]) -> Composition:
    """The counts of seeds by what was asked."""
    every = list(dict.fromkeys(asked for row in by_seed.values() for asked in row))
    none = Cell(0, 0, 0, 0, 0)
    rows = [[row.get(asked, none) for asked in every] for row in by_seed.values()]
    is_mean = any(cell.total is not None for row in rows for cell in row)

    return Composition.of(
        [[cell.amount for cell in row] for row in rows],
        [[cell.n for cell in row] for row in rows],
        [parts[asked] for asked in every],
        [
            [[cell.unclear for cell in row] for row in rows],
            [[cell.broken for cell in row] for row in rows],
        ],
        [[cell.squares for cell in row] for row in rows] if is_mean else None,
    )
