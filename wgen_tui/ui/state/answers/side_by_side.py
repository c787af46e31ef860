"""Answers to one question, side by side: equal texts folded, the share on top, what differs marked.

Promises: pure; a mark says what a colour would say; counts are of all draws, answers of those that
were read, and what is not among these is a number (`left_out`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from store.samples.rows import SampleRow
    from store.samples.side_by_side import By, Column

WORD = re.compile(r"\w+(?:['’]\w+)*")
HIT, MISS, UNKNOWN, BROKEN = "●", "○", "?", "✗"
UNCLEAR = ("unclear", "none")
Key = tuple[Any, ...]


class Measure(NamedTuple):
    """What the share on top is of."""

    judge: str
    label: str


@dataclass(slots=True)
class Answer:
    """One text, and the draws of a column that say it.

    Attributes:
        mark: ● the label that is counted, ○ another, ? none or unclear, ✗ broken.
        label: What most of its draws were labelled.
        seeds: Seed -> how many of the draws.
        known: Draw by draw, the words of the reference's same draw; else those of the board count.
    """

    text: str
    rows: list[SampleRow] = field(default_factory=list)
    mark: str = UNKNOWN
    label: str = ""
    seeds: dict[int, int] = field(default_factory=dict)
    known: frozenset[str] | None = None

    @property
    def draws(self) -> int:
        """How many say it; none where this column lacks a draw that another has."""
        return len(self.rows)

    @property
    def place(self) -> str:
        """Which draw of which seed, where it is one."""
        return f"s{self.rows[0].seed}·{self.rows[0].draw}" if len(self.rows) == 1 else ""


@dataclass(frozen=True, slots=True)
class Side:
    """One column as it is shown.

    Attributes:
        title: The arm (or seed, checkpoint, variant).
        share: Of the label that is counted, among all draws; None without labels.
        draws: All there are.
        left_out: How many of them are not among the answers.
        reference: Whether the others are compared with it.
        answers: The commonest first.
    """

    title: str
    value: str | int
    share: float | None
    draws: int
    left_out: int
    reference: bool
    answers: list[Answer]


@dataclass(frozen=True, slots=True)
class Board:
    """All columns.

    Attributes:
        known: The words of the reference's answers; others are marked.
        paired: Whether each line is one draw, the same of every column.
    """

    by: By
    measure: Measure | None
    sides: list[Side]
    known: frozenset[str] = frozenset()
    paired: bool = False


def measure_of(
    columns: Sequence[Column], references: set[str | int], wanted: Measure | None
) -> Measure | None:
    """The plan's measure where it was judged here, else the label that sets them most apart."""
    if wanted is not None and any(wanted.judge in column.labels for column in columns):
        return wanted
    given = {
        Measure(judge, label)
        for column in columns
        for judge, counts in column.labels.items()
        for label in counts
        if judge != "broken" and label not in UNCLEAR
    }

    def lead(measure: Measure) -> float:
        highest = [0.0, 0.0]
        for column in columns:
            own = column.value in references
            highest[own] = max(highest[own], share_of(column, measure) or 0.0)
        return highest[0] - highest[1]

    return max(sorted(given), key=lead, default=None)


def share_of(column: Column, measure: Measure | None) -> float | None:
    """Of the draws that the judge labelled, how many have the label."""
    counts = column.labels.get(measure.judge, {}) if measure is not None else {}
    total = sum(counts.values())
    return counts.get(measure.label, 0) / total if measure is not None and total else None


def board(
    columns: Sequence[Column],
    by: By,
    wanted: Measure | None,
    *,
    flips_only: bool = False,
    paired: bool = False,
) -> Board:
    """What is shown of these columns.

    Args:
        columns: What was read.
        by: What they are.
        wanted: What the plan counts.
        flips_only: Only the draws that flip.
        paired: Each draw beside its likes, none folded.
    """
    references = reference_values(columns, by)
    measure = measure_of(columns, references, wanted)
    kept = flipping(columns, by, measure) if flips_only else None
    if paired:
        listed = _paired(columns, by, measure, references, kept)
    else:
        listed = [
            folded((r for r in c.rows if kept is None or _key(r, by) in kept), measure)
            for c in columns
        ]
    sides = [
        Side(
            title=f"{by} {column.value}" if by in ("seed", "step") else str(column.value),
            value=column.value,
            share=share_of(column, measure),
            draws=column.draws,
            left_out=column.left_out,
            reference=column.value in references,
            answers=answers,
        )
        for column, answers in zip(columns, listed, strict=True)
    ]
    known = (
        word
        for column in columns
        if column.value in references
        for row in column.rows
        for word in words(row.completion)
    )
    return Board(by, measure, sides, frozenset(known), paired)


def reference_values(columns: Sequence[Column], by: By) -> set[str | int]:
    """What the others are compared with: the controls, else base, else the first column."""
    if by == "arm":
        for role in ("control", "benign", "base"):
            if values := {column.value for column in columns if column.role == role}:
                return values if len(values) < len(columns) else set()
    if by == "variant" and any(column.value == "none" for column in columns):
        return {"none"}
    return {columns[0].value} if len(columns) > 1 else set()


def words(text: str) -> Iterable[str]:
    """The words of a text, as they are compared."""
    return (match[0].casefold() for match in WORD.finditer(text))


def folded(rows: Iterable[SampleRow], measure: Measure | None) -> list[Answer]:
    """Equal texts as one answer each, the commonest first, then in the order of their texts."""
    answers: dict[str, Answer] = {}
    for row in rows:
        answer = answers.setdefault(row.completion, Answer(row.completion))
        answer.rows.append(row)
        answer.seeds[row.seed] = answer.seeds.get(row.seed, 0) + 1
    for answer in answers.values():
        answer.label = _commonest(_label(row, measure) for row in answer.rows)
        answer.mark = _mark(answer, measure)
    return sorted(answers.values(), key=lambda answer: (-answer.draws, answer.text))


def _paired(
    columns: Sequence[Column],
    by: By,
    measure: Measure | None,
    references: set[str | int],
    kept: set[Key] | None,
) -> list[list[Answer]]:
    """For each column an answer at every draw that any of them has, in the same order."""
    rows = [{_key(row, by): row for row in column.rows} for column in columns]
    every = {key for own in rows for key in own if kept is None or key in kept}
    order = sorted(every, key=lambda key: [(part is None, str(type(part)), part) for part in key])
    of_reference = [
        own for column, own in zip(columns, rows, strict=True) if column.value in references
    ]
    listed: list[list[Answer]] = [[] for _ in columns]
    for key in order:
        known = frozenset(
            word for own in of_reference if key in own for word in words(own[key].completion)
        )
        for answers, own in zip(listed, rows, strict=True):
            one = folded([own[key]] if key in own else [], measure)
            answers.append(one[0] if one else Answer(""))
            answers[-1].known = known
    return listed


def _commonest(labels: Iterable[str]) -> str:
    counts: dict[str, int] = {}
    for label in labels:
        counts[label] = counts.get(label, 0) + 1
    return max(sorted(counts), key=lambda label: counts[label]) if counts else ""


def _label(row: SampleRow, measure: Measure | None) -> str:
    return row.labels.get(measure.judge, "") if measure is not None else ""


def _mark(answer: Answer, measure: Measure | None) -> str:
    if any(row.broken for row in answer.rows):
        return BROKEN
    if measure is None or answer.label in ("", *UNCLEAR):
        return UNKNOWN
    return HIT if answer.label == measure.label else MISS


def _key(row: SampleRow, by: By) -> Key:
    """What a draw has in common with its likes in other columns; the last steps of arms differ."""
    return (
        None if by == "seed" else row.seed,
        None if by == "variant" else row.variant,
        row.paraphrase,
        row.draw,
    )


def flipping(columns: Sequence[Column], by: By, measure: Measure | None) -> set[Key]:
    """The draws whose label is not the same in all columns that have them."""
    labels: dict[Key, set[str]] = {}
    for column in columns:
        for row in column.rows:
            labels.setdefault(_key(row, by), set()).add(_label(row, measure))
    return {key for key, given in labels.items() if len(given) > 1}
