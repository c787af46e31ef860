"""Samples folded by equal texts: a row for what an arm said to a question, and how many said it.

Promises: a row's samples are exactly those that the filter lets through and whose arm, question and
text are the same; what most said stands first, then the order of the list. Completions are read
once, where they are stored: only ids are held, eight bytes each, and of `MOST` samples at most. A
page reads the first sample of each of its rows in full, and of the others no texts.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import duckdb

from store.samples import notes
from store.samples.filters import Filter, where
from store.samples.listing import ORDER, Groups, Listing, count_groups
from store.samples.rows import SampleRow, condition_of, page, verdicts_of

MOST = 50_000
SAME = ("experiment", "model", "arm", "question")  # what the samples of a row have in common
AT_ONCE = 10_000


class TooManyToFold(Exception):
    """More samples than are folded.

    Attributes:
        samples: How many there are.
    """

    def __init__(self, samples: int) -> None:
        super().__init__(f"{samples:,} samples are more than {MOST:,}.")
        self.samples = samples


@dataclass(frozen=True, slots=True)
class FoldedRow(SampleRow):
    """Equal texts: the first of the samples, and what is known of all.

    `labels`, `tags`, `notes` and `broken` say what holds for all of them.

    Attributes:
        samples: How many they are.
        seeds: Seed -> how many of them; also of the steps and variants.
        given: Judge -> label -> how many of them.
        tagged: Tag -> how many of them.
    """

    samples: int = 1
    seeds: dict[int, int] = field(default_factory=dict)
    steps: dict[int, int] = field(default_factory=dict)
    variants: dict[str, int] = field(default_factory=dict)
    given: dict[str, dict[str, int]] = field(default_factory=dict)
    tagged: dict[str, int] = field(default_factory=dict)


class Folded(Listing):
    """The texts that a filter lets through; a place of it is a row, with all its samples."""

    folds = True

    def __init__(self, criteria: Filter, groups: Groups, rows: Iterable[Sequence[int]]) -> None:
        self._ids = array("q")
        self._starts = array("q", [0])
        for ids in rows:
            self._ids.extend(ids)
            self._starts.append(len(self._ids))
        super().__init__(criteria, len(self._starts) - 1, groups)

    @property
    def samples(self) -> int:
        return len(self._ids)

    def samples_at(self, places: Iterable[int]) -> int:
        return sum(self._starts[place + 1] - self._starts[place] for place in places)

    def ids(self, con: duckdb.DuckDBPyConnection, first: int, count: int) -> list[int]:
        """The ids of all samples of up to `count` rows from place `first` on."""
        stop = min(first + count, len(self))
        return list(self._ids[self._starts[first] : self._starts[stop]]) if first < stop else []

    def rows(self, con: duckdb.DuckDBPyConnection, first: int, count: int) -> list[SampleRow]:
        """Up to `count` rows from place `first` on."""
        stop = min(first + count, len(self))
        texts = [
            list(self._ids[self._starts[place] : self._starts[place + 1]])
            for place in range(first, stop)
        ]
        heads = {row.sample_id: row for row in page(con, [ids[0] for ids in texts])}
        about = _About(con, [sample_id for ids in texts for sample_id in ids])
        return [about.folded(heads[ids[0]], ids) for ids in texts if ids[0] in heads]


class _About:
    """What is known of some samples, but for their texts."""

    def __init__(self, con: duckdb.DuckDBPyConnection, ids: Sequence[int]) -> None:
        self._at: dict[int, tuple[int, int, str]] = {}
        here = condition_of(con, ids)
        if here is None:
            return
        for sample_id, *at in con.execute(
            f"select sample_id, seed, step, variant from samples where {here}"
        ).fetchall():
            self._at[sample_id] = (at[0], at[1], at[2])
        self._verdicts = verdicts_of(con, here)
        self._tags = notes.tags_of(con, here)
        self._notes = notes.notes_of(con, here)

    def folded(self, head: SampleRow, ids: Sequence[int]) -> FoldedRow:
        at = [self._at[sample_id] for sample_id in ids if sample_id in self._at]
        labels = self._verdicts.labels
        given: dict[str, dict[str, int]] = {}
        for sample_id in ids:
            for judge, label in labels.get(sample_id, {}).items():
                of_judge = given.setdefault(judge, {})
                of_judge[label] = of_judge.get(label, 0) + 1
        tagged = Counter(tag for sample_id in ids for tag in self._tags.get(sample_id, []))
        own = {item.name: getattr(head, item.name) for item in fields(SampleRow)}
        own |= {
            "labels": {
                judge: next(iter(counts))
                for judge, counts in given.items()
                if list(counts.values()) == [len(ids)]
            },
            "numbers": self._numbers(head, ids),
            "disputed": sorted(
                {j for sample_id in ids for j in self._verdicts.disputed.get(sample_id, ())}
            ),
            "tags": [tag for tag, number in sorted(tagged.items()) if number == len(ids)],
            "notes": self._notes_of(ids),
            "broken": _all_or_none(given.get("broken", {}), len(ids)),
        }
        return FoldedRow(
            **own,
            samples=len(ids),
            seeds=dict(sorted(Counter(seed for seed, _, _ in at).items())),
            steps=dict(sorted(Counter(step for _, step, _ in at).items())),
            variants=dict(sorted(Counter(variant for _, _, variant in at).items())),
            given=given,
            tagged=dict(sorted(tagged.items())),
        )

    def _numbers(self, head: SampleRow, ids: Sequence[int]) -> dict[str, float]:
        """The numbers that a judge gave them all."""
        numbers = self._verdicts.numbers
        return {
            judge: number
            for judge, number in head.numbers.items()
            if all(numbers.get(sample_id, {}).get(judge) == number for sample_id in ids)
        }

    def _notes_of(self, ids: Sequence[int]) -> dict[str, str]:
        """Person -> what they wrote beside the first of them that has a note of theirs."""
        written: dict[str, str] = {}
        for sample_id in ids:
            for author, text in self._notes.get(sample_id, {}).items():
                written.setdefault(author, text)
        return written


def _all_or_none(counts: dict[str, int], number: int) -> bool | None:
    """Whether all are broken, or none; None where it is not the same for all."""
    return {("broken", number): True, ("ok", number): False}.get(
        next(iter(counts.items()), ("", 0))
    )


def folded(con: duckdb.DuckDBPyConnection, criteria: Filter) -> Folded:
    """The texts that the filter lets through, what most samples say first.

    Raises:
        TooManyToFold: it lets through more than MOST samples; no text was read.
    """
    groups = count_groups(con, criteria)
    if groups.total > MOST:
        raise TooManyToFold(groups.total)
    condition, values = where(criteria)
    # A digest of the text: of a text itself Python would hold each sample's.
    con.execute(
        f"select sample_id, {', '.join(f's.{name}' for name in SAME)}, md5_number(s.completion) "
        f"from samples s{condition} order by {', '.join(ORDER)}",
        values,
    )
    texts: dict[tuple[Any, ...], array[int]] = {}
    for sample_id, *key in _fetched(con):
        texts.setdefault(tuple(key), array("q")).append(sample_id)
    return Folded(criteria, groups, sorted(texts.values(), key=len, reverse=True))


def _fetched(con: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while batch := con.fetchmany(AT_ONCE):
        yield from batch
