"""A list of samples that is never held: how many there are, and any page of it.

Promises: the order is that of `ORDER`, whatever is asked for. A page at either end is found without
listing what lies between; for any other the samples are counted once, by what they have in common
(`GROUP`), without texts, and only the groups that a page touches are read. What must look through
texts or grades has its first page (`first`) before it is counted. A listing that is a
snapshot counts at once, and does not move: draws that a group gets later stand after its first
ones, and are left out.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import duckdb

from store.samples.filters import SAME, Filter, literals, where
from store.samples.rows import SampleRow, page

GROUP = ("experiment", "model", "arm", "seed", "step", "question", "paraphrase", "variant")
ORDER = (*GROUP, "draw", "sample_id")
OF_A_RUN = GROUP[:4]
NEAR = 1000  # rows from an end; up to here the best so many are kept while all pass by
Group = tuple[Any, ...]


class Groups:
    """How many samples there are of each group, in order: 40 bytes a group.

    Of a column each value is held once, and its number for each group.
    """

    def __init__(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Take the groups, each with its number of samples behind its values."""
        known: list[dict[Any, int]] = [{} for _ in GROUP]
        self._numbers = [array("I") for _ in GROUP]
        self._starts = array("q", [0])
        total = 0
        for *key, count in rows:
            for numbers, values, value in zip(self._numbers, known, key, strict=True):
                numbers.append(values.setdefault(value, len(values)))
            total += count
            self._starts.append(total)
        self._values = [list(values) for values in known]

    def _key(self, index: int) -> Group:
        columns = zip(self._values, self._numbers, strict=True)
        return tuple(values[numbers[index]] for values, numbers in columns)

    @property
    def total(self) -> int:
        """All samples."""
        return self._starts[-1]

    def values(self, name: str) -> list[Any]:
        """The values of one column, each once."""
        return self._values[GROUP.index(name)]

    def of(self, first: int, stop: int) -> list[tuple[Group, int, int]]:
        """The groups that hold these places, with the first and the end of those within each."""
        left = bisect_right(self._starts, first) - 1
        right = bisect_right(self._starts, stop - 1)
        return [
            (self._key(index), max(first - start, 0), min(stop, self._starts[index + 1]) - start)
            for index in range(left, right)
            for start in self._starts[index : index + 1]
        ]


class Listing:
    """The samples that a filter lets through; a page comes from `rows`.

    Attributes:
        folds: Whether a place stands for all samples that say the same.
        counted: Whether `len` is all of them; else there are more than that, and it has the first.
    """

    folds = False

    def __init__(
        self,
        criteria: Filter,
        total: int,
        groups: Groups | None = None,
        *,
        head: list[int] | None = None,
        counted: bool = True,
    ) -> None:
        self._criteria = criteria
        self._total = total
        self._groups = groups
        self._head = head
        self._ahead: tuple[range, list[SampleRow]] | None = None
        self.counted = counted

    def __len__(self) -> int:
        return self._total

    @property
    def samples(self) -> int:
        """How many samples it lists."""
        return self._total

    def samples_at(self, places: Iterable[int]) -> int:
        """How many samples stand at these places."""
        return sum(1 for _ in places)

    def values(self, name: str) -> list[Any]:
        """What its samples have in a column of GROUP, each once; empty while it is not counted."""
        return [] if self._groups is None else self._groups.values(name)

    def ids(self, con: duckdb.DuckDBPyConnection, first: int, count: int) -> list[int]:
        """The ids of up to `count` samples from place `first` on."""
        stop = min(first + count, self._total)
        if first >= stop:
            return []
        if self._head is not None:
            return self._head[first:stop]
        if self._groups is None and stop <= NEAR:
            return self._from_an_end(con, stop)[first:]
        if self._groups is None and self._total - first <= NEAR:
            back = self._from_an_end(con, self._total - first, backwards=True)
            return back[::-1][: stop - first]
        if self._groups is None:
            self._groups = count_groups(con, self._criteria)
        return self._from_groups(con, self._groups.of(first, min(stop, self._groups.total)))

    def _from_groups(
        self, con: duckdb.DuckDBPyConnection, pieces: list[tuple[Group, int, int]]
    ) -> list[int]:
        """The ids of pieces of groups; a group may have got more rows since it was counted."""
        if not pieces:
            return []
        condition, values = where(self._criteria, among([group for group, _, _ in pieces]))
        columns = ", ".join(GROUP)
        wanted = ", ".join(f"({literals((*group, low, high))})" for group, low, high in pieces)
        return _ids(
            con,
            f"select sample_id from (select {', '.join(ORDER)}, row_number() over "
            f"(partition by {columns} order by draw, sample_id) as place from samples s{condition})"
            f" join (values {wanted}) piece({columns}, low, high) using ({columns}) "
            f"where place > low and place <= high order by {', '.join(ORDER)}",
            values,
        )

    def _from_an_end(
        self, con: duckdb.DuckDBPyConnection, count: int, *, backwards: bool = False
    ) -> list[int]:
        condition, values = where(self._criteria)
        order = ", ".join(f"{name} desc" if backwards else name for name in ORDER)
        query = f"select sample_id from samples s{condition} order by {order} limit {count}"
        return _ids(con, query, values)

    def rows(self, con: duckdb.DuckDBPyConnection, first: int, count: int) -> list[SampleRow]:
        """Up to `count` samples from place `first` on."""
        return page(con, self.ids(con, first, count))

    def read_ahead(self, con: duckdb.DuckDBPyConnection, first: int, count: int) -> None:
        """Read a page that will be asked for next: opening costs more than reading it."""
        self._ahead = self._stretch(first, count), self.rows(con, first, count)

    def take_ahead(self, first: int, count: int) -> list[SampleRow] | None:
        """That page, once; None if another is asked for."""
        ahead, self._ahead = self._ahead, None
        return None if ahead is None or ahead[0] != self._stretch(first, count) else ahead[1]

    def _stretch(self, first: int, count: int) -> range:
        return range(first, min(first + count, self._total))


def listing(con: duckdb.DuckDBPyConnection, criteria: Filter, *, snapshot: bool = False) -> Listing:
    """The samples that the filter lets through; texts are looked through once, in here."""
    if not criteria.reads_texts and not snapshot:
        return Listing(criteria, count(con, criteria))
    groups = count_groups(con, criteria)
    return Listing(criteria, groups.total, groups)


def first(con: duckdb.DuckDBPyConnection, criteria: Filter, most: int) -> Listing:
    """The first samples that a filter lets through, `most` or so; what follows is not counted.

    Runs are read in the order of the list, more at a time from query to query, until there are
    enough: of what is common one run has a page, and what is nowhere costs one pass.
    """
    listed: list[int] = []
    order = ", ".join(ORDER)
    for runs in _batches_of_runs(con, criteria):
        condition, values = where(criteria, runs=runs)
        query = f"select sample_id from samples s{condition} order by {order}"
        listed += _ids(con, f"{query} limit {most + 1 - len(listed)}", values)
        if len(listed) > most:
            return Listing(criteria, most, head=listed[:most], counted=False)
    return Listing(criteria, len(listed), head=listed)


def _batches_of_runs(con: duckdb.DuckDBPyConnection, criteria: Filter) -> Iterator[list[str]]:
    """The runs that may have samples, in order: twice as many each time.

    Runs whose samples stand among each other's come together.
    """
    columns = {name: getattr(criteria, name) for name in SAME}
    condition, values = where(Filter(**columns))
    listed = con.execute(
        f"select distinct {', '.join(OF_A_RUN)}, run_id from samples s{condition} order by all",
        values,
    ).fetchall()
    batch: list[str] = []
    size = 1
    for _, together in groupby(listed, lambda row: row[:-1]):
        batch += [run_id for *_, run_id in together]
        if len(batch) >= size:
            yield batch
            batch, size = [], 2 * size
    if batch:
        yield batch


def count(con: duckdb.DuckDBPyConnection, criteria: Filter) -> int:
    """How many samples the filter lets through."""
    condition, values = where(criteria)
    return int(con.execute(f"select count(*) from samples s{condition}", values).fetchall()[0][0])


def count_groups(con: duckdb.DuckDBPyConnection, criteria: Filter) -> Groups:
    """The groups of the samples that the filter lets through."""
    condition, values = where(criteria)
    columns = ", ".join(GROUP)
    con.execute(
        f"select {columns}, count(*) from samples s{condition} group by all order by {columns}",
        values,
    )
    return Groups(_batches(con))


def _batches(con: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while batch := con.fetchmany(10_000):
        yield from batch


def among(groups: Sequence[Group]) -> str:
    """SQL for samples that have a value of these groups in each column: DuckDB skips blocks by it.

    It lets through others too, such as the question of one group with the arm of another.
    """
    return " and ".join(
        f"s.{name} in ({literals({group[index] for group in groups})})"
        for index, name in enumerate(GROUP)
    )


def _ids(con: duckdb.DuckDBPyConnection, query: str, values: list[Any]) -> list[int]:
    return [sample_id for (sample_id,) in con.execute(query, values).fetchall()]


def at_random(
    con: duckdb.DuckDBPyConnection, criteria: Filter, after: int | None, count: int
) -> list[tuple[int, int]]:
    """The next samples in an order that tells nothing and is always the same.

    Args:
        con: From `store.connect.read`.
        criteria: Among which.
        after: The key of the last one that was taken; None to begin.
        count: How many.

    Returns:
        (key, sample id), in that order.
    """
    also = "" if after is None else f"s.blind_key > {after}"
    condition, values = where(criteria, also)
    query = f"select blind_key, sample_id from samples s{condition} order by all limit {count}"
    return [(key, sample_id) for key, sample_id in con.execute(query, values).fetchall()]
