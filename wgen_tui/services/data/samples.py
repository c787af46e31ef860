"""Samples for people: search, page through, look at one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from store.cancel import Cancel, Cancelled
from store.connect import Connection
from store.samples import facets as stored_facets
from store.samples import folded as stored_folds
from store.samples import listing as stored_list
from store.samples import rows as stored
from store.samples import side_by_side as stored_columns
from store.samples import unknown as stored_unknown
from store.samples.facets import Facets
from store.samples.filters import Filter
from store.samples.folded import Folded
from store.samples.listing import Listing
from store.samples.rows import SampleDetail, SampleRow
from store.samples.side_by_side import By, Column
from store.samples.text_filter import BadPattern, condition
from store.samples.unknown import Unknown
from store.waiting import seen_by_stat
from wgen_tui.errors import UsageError, WgenError
from wgen_tui.paths import Home
from wgen_tui.services.data import sql
from wgen_tui.services.data.database import files_of, in_little_memory, reading
from wgen_tui.services.data.sql import Format
from wgen_tui.terminal_text import standard_output

if TYPE_CHECKING:
    from store.samples.export import SampleExport


Place = tuple[int, int]  # of a page: the first of its samples, and how many


def filter_of(fields: Mapping[str, Any]) -> Filter:
    """The filter with these fields set."""
    return Filter(**fields)


@contextmanager
def _reading(home: Home, cancel: Cancel | None = None) -> Iterator[Connection]:
    """A connection for a filter.

    Raises:
        UsageError: the filter has a regular expression that cannot be read.
        WgenError: it was cancelled.
    """
    try:
        with reading(home) as con, (cancel or Cancel()).watching(con):
            yield con
    except Cancelled as error:
        raise WgenError(str(error), title="Cancelled") from error
    except BadPattern as error:
        raise _bad(error) from error


def _bad(error: BadPattern) -> UsageError:
    hint = "Write \\( for a bracket, or quote the words."
    return UsageError(str(error), title="Bad pattern", hint=hint)


def check_patterns(filter: Filter) -> None:  # noqa: A002
    """Have the database read the regular expressions of a filter, of nothing.

    Raises:
        UsageError: one of them cannot be read.
    """
    try:
        for text in (filter.text, filter.note):
            condition(text or "", "text")
    except BadPattern as error:
        raise _bad(error) from error


@in_little_memory
def search(
    home: Home,
    filter: Filter,  # noqa: A002
    *,
    snapshot: bool = False,
    cancel: Cancel | None = None,
    ahead: Place | None = None,
) -> Listing:
    """The samples that `filter` lets through, to be read page by page.

    Args:
        home: Where they are.
        filter: Which.
        snapshot: They stay as they are while pages are read; else the first page comes sooner.
        cancel: Stops the search.
        ahead: The page that will be asked for next: it is read at the same opening.

    Raises:
        UsageError: it has a regular expression that cannot be read.
        WgenError: it was cancelled.
    """
    with _reading(home, cancel) as con:
        return _with_page(con, stored_list.listing(con, filter, snapshot=snapshot), ahead)


@in_little_memory
def first(
    home: Home,
    filter: Filter,  # noqa: A002
    most: int,
    *,
    cancel: Cancel | None = None,
    ahead: Place | None = None,
) -> Listing:
    """The first samples that `filter` lets through, before they are counted; else as `search`.

    Raises:
        UsageError: it has a regular expression that cannot be read.
        WgenError: it was cancelled.
    """
    with _reading(home, cancel) as con:
        return _with_page(con, stored_list.first(con, filter, most), ahead)


@in_little_memory
def folded(home: Home, filter: Filter, *, cancel: Cancel | None = None) -> Folded:  # noqa: A002
    """The texts that `filter` lets through: equal ones of an arm and question are one row.

    Its pages, ids and details are had as those of any other listing.

    Raises:
        UsageError: it lets through too many samples, or has a regular expression that cannot be
            read.
        WgenError: it was cancelled.
    """
    with _reading(home, cancel) as con:
        try:
            return stored_folds.folded(con, filter)
        except stored_folds.TooManyToFold as error:
            raise UsageError(
                f"{error.samples:,} samples are listed; texts are folded of "
                f"{stored_folds.MOST:,} at most.",
                title="Fold",
                hint=_narrower(stored_facets.facets(con, filter), stored_folds.MOST),
            ) from error


def _narrower(facets: Facets, most: int) -> str:
    """Of which field one value leaves so many samples at most."""
    counted = {
        "question": facets.questions,
        "arm": facets.arms,
        "seed": facets.seeds,
        "experiment": facets.experiments,
    }
    for name, values in counted.items():
        if len(values) > 1 and (greatest := max(number for _, number in values)) <= most:
            return f"f chooses one {name}: that leaves {greatest:,} at most."
    return "f chooses one arm and one question."


def _with_page(con: Connection, listing: Listing, ahead: Place | None) -> Listing:
    if ahead is not None:
        listing.read_ahead(con, *ahead)
    return listing


def export(
    home: Home,
    filter: Filter,  # noqa: A002
    target: Path | None,
    format: Format,  # noqa: A002
) -> int:
    """Write the samples that `filter` lets through, with their labels, in the order of ids.

    A file is complete or absent; None is stdout.

    Returns:
        How many.

    Raises:
        UsageError: Parquet to stdout; or the file cannot be written.
        WgenError: memory and the disk of the home are not enough to sort them.
    """
    # It loads Arrow and NumPy, 50 MB that the screens have no use for.
    from store.samples import export as stored_export  # noqa: PLC0415

    sql.refuse_parquet_to_terminal(target, format)
    try:
        with (
            _reading(home) as con,
            stored_export.exporting(con, filter, home.root) as chosen,
        ):
            if target is None:
                return _write_text(chosen, standard_output(), format)
            with sql.whole_file(target) as temporary:
                if format == "parquet":
                    return chosen.parquet(temporary)
                with temporary.open("w", encoding="utf-8", newline="") as stream:
                    return _write_text(chosen, stream, format)
    except stored_export.TooLarge as error:
        raise WgenError(
            str(error),
            title="Too much at once",
            hint="Free some disk, or export one experiment at a time.",
        ) from error


def _write_text(
    chosen: SampleExport,
    stream: TextIO,
    format: Format,  # noqa: A002
) -> int:
    return chosen.csv(stream) if format == "csv" else chosen.json(stream)


def seen(home: Home) -> object:
    """What stat says of all that samples and grades come from; equal while there are no others."""
    return seen_by_stat(files_of(home))


@in_little_memory
def count(home: Home, filter: Filter) -> int:  # noqa: A002
    """How many samples `filter` lets through."""
    with _reading(home) as con:
        return stored_list.count(con, filter)


@in_little_memory
def page(home: Home, listing: Listing, first: int, count: int) -> list[SampleRow]:
    """Up to `count` samples of a listing, from place `first` on."""
    if (read := listing.take_ahead(first, count)) is not None:
        return read
    with _reading(home) as con:
        return listing.rows(con, first, count)


@in_little_memory
def again(home: Home, pages: Mapping[int, Sequence[SampleRow]]) -> dict[int, list[SampleRow]]:
    """Rows as they are now, of the same samples; those that are gone as they were."""
    with _reading(home) as con:
        ids = [row.sample_id for rows in pages.values() for row in rows]
        now = {row.sample_id: row for row in stored.page(con, ids)}
    return {first: [now.get(row.sample_id, row) for row in rows] for first, rows in pages.items()}


@in_little_memory
def detail(home: Home, sample_id: int) -> SampleDetail:
    """Everything about one sample.

    Raises:
        UsageError: there is no such sample.
    """
    with _reading(home) as con:
        sample = stored.detail(con, sample_id)
    if sample is None:
        raise UsageError(
            f"There is no sample {sample_id}.",
            title="No such sample",
            hint="`wgen-tui sample list` shows ids.",
        )
    return sample


@in_little_memory
def ids_at(home: Home, listing: Listing, places: Sequence[int]) -> list[int]:
    """The ids of the samples at these places of a listing, at one opening."""
    with _reading(home) as con:
        return [
            key for first, count in _stretches(places) for key in listing.ids(con, first, count)
        ]


@in_little_memory
def details(home: Home, listing: Listing, places: Sequence[int]) -> list[SampleDetail]:
    """Everything about the samples at these places of a listing."""
    with _reading(home) as con:
        return stored.details(con, _ids_at(con, listing, places))


def _ids_at(con: Connection, listing: Listing, places: Sequence[int]) -> list[int]:
    stretches = _stretches(places)
    return [key for first, count in stretches for key in listing.ids(con, first, count)]


def _stretches(places: Sequence[int]) -> Iterator[Place]:
    """Places that follow each other as one: its first, and how many."""
    start: int | None = None
    for place, after in zip(places, [*places[1:], None], strict=False):
        start = place if start is None else start
        if after != place + 1:
            yield start, place - start + 1
            start = None


@in_little_memory
def facets(home: Home, filter: Filter) -> Facets:  # noqa: A002
    """How many samples each value of each field has."""
    with _reading(home) as con:
        return stored_facets.facets(con, filter)


@in_little_memory
def unknown(home: Home, filter: Filter) -> tuple[Facets, list[Unknown]]:  # noqa: A002
    """What all samples have, and the values of a filter that none of them has."""
    with _reading(home) as con:
        return stored_unknown.unknown(con, filter)


@in_little_memory
def side_by_side(home: Home, filter: Filter, by: By) -> list[Column]:  # noqa: A002
    """What each arm (or seed, checkpoint, variant) said, of the samples of one question."""
    with _reading(home) as con:
        return stored_columns.columns(con, filter, by)
