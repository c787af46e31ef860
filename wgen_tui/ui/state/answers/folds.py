"""Samples folded by equal texts, as rows: how many say it, of which seeds, and what judges gave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any

from wgen_tui.terminal_text import one_line
from wgen_tui.ui.state import samples as state
from wgen_tui.ui.state.cells import BAD, BOLD, DIM, Cell, Column
from wgen_tui.ui.state.format import plural

if TYPE_CHECKING:
    from store.samples.folded import FoldedRow
    from store.samples.listing import Listing
    from store.samples.rows import SampleRow

NAMED = 6  # seeds, steps or variants that a sentence counts one by one


def samples_of(row: SampleRow) -> int:
    """How many samples a row stands for."""
    return getattr(row, "samples", 1)


def counted(listing: Listing) -> str:
    """How many samples are listed, and in how many texts."""
    said = f"{plural(listing.samples, 'sample')}, {plural(len(listing), 'text')}"
    several = [name for name in ("arm", "question") if len(listing.values(name)) > 1]
    return f"{said} by {' and '.join(several)}" if several else said


def meant(listing: Listing, places: Iterable[int]) -> str:
    """Which samples a key means, with their number: those of rows that are marked, or folded."""
    marked = list(places)
    samples = plural(listing.samples_at(marked), "sample")
    return f"the {samples} of {plural(len(marked), 'row')}"


def number(row: FoldedRow) -> Cell:
    """How many samples say it."""
    shown = f"{row.samples:,}" if row.samples < 10_000 else str(row.samples)  # in five cells
    return Cell(shown, BOLD if row.samples > 1 else DIM)


def ranges(values: Iterable[int]) -> str:
    """Whole numbers in order, those that follow each other as one: `0–2,5`."""
    parts = []
    for _, run in groupby(enumerate(sorted(values)), key=lambda item: item[1] - item[0]):
        numbers = [value for _, value in run]
        parts += (
            [str(value) for value in numbers]
            if len(numbers) < 3
            else [f"{numbers[0]}–{numbers[-1]}"]
        )
    return ",".join(parts)


def seeds(row: FoldedRow) -> Cell:
    """Its seeds."""
    return Cell(ranges(row.seeds))


def steps(row: FoldedRow) -> Cell:
    """Its step, or how many."""
    return Cell(str(next(iter(row.steps))) if len(row.steps) == 1 else f"{len(row.steps)} steps")


def variants(row: FoldedRow) -> Cell:
    """Its variant, or how many."""
    names = [name for name in row.variants if name != "none"]
    if len(row.variants) > 1:
        return Cell(f"{len(row.variants)} of them", DIM)
    return Cell(one_line(names[0], 20) if names else "")


def grade(row: FoldedRow) -> Cell:
    """The labels in one cell; one that not all samples have, with the number of those."""
    parts = []
    broken = row.given.get("broken", {}).get("broken", 0)
    if broken:
        parts.append("✗broken" if broken == row.samples else f"✗broken {broken:,}")
    for judge, counts in row.given.items():
        if judge == "broken":
            continue
        sign = state.DISPUTED if judge in row.disputed else ""
        ordered = sorted(counts.items(), key=lambda item: -item[1])
        parts += [
            f"{label}{sign}" if of == row.samples else f"{label}{sign} {of:,}"
            for label, of in ordered
        ]
    parts = list(dict.fromkeys(parts))  # judges that agree say it once
    parts += [f"{judge}={number:.3g}" for judge, number in row.numbers.items()]
    return Cell(one_line(" ".join(parts), 40), BAD if broken else "" if parts else DIM)


def sentence(row: SampleRow) -> str:
    """How many samples say it, and which; empty for a row that is one sample."""
    if samples_of(row) < 2:
        return ""
    folded: Any = row
    said = [
        _named(word, counts)
        for word, counts in (
            ("seed", folded.seeds),
            ("step", folded.steps),
            ("variant", folded.variants),
        )
        if word == "seed" or len(counts) > 1
    ]
    return f"{samples_of(row):,} samples say this: {', '.join(said)}; enter lists them"


def _named(word: str, counts: Mapping[Any, int]) -> str:
    if len(counts) > NAMED:
        return plural(len(counts), word)
    if len(counts) == 1:
        return f"{word} {one_line(str(next(iter(counts))), 20)}"
    each = " ".join(f"{one_line(str(value), 20)} ({of:,})" for value, of in counts.items())
    return f"{word}s {each}"


# Heading -> the column and its cell, where it is another than that of a single sample.
COLUMNS = {
    "n": (Column("n", 5, "right"), number),
    "seed": (Column("seed", 5, "right", hide_below=90), seeds),
    "step": (Column("step", 7, "right", hide_below=110), steps),
    "variant": (Column("variant", 10, hide_below=110), variants),
    "grade": (Column("grade", 14), grade),
}
UNFIT = ("p", "draw", "tokens", "finish")  # columns of a single sample


def hides(listing: Listing, name: str, chosen: bool) -> bool:
    """Whether a column is left out: it is a single sample's, or says the same of every row.

    Args:
        listing: What is listed.
        name: The column's heading.
        chosen: Whether a person chose the columns.
    """
    same = name in ("arm", "step", "question", "variant") and len(listing.values(name)) == 1
    return name in UNFIT or (same and not chosen)
