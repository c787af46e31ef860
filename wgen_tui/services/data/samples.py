"""Samples for people: search, page through, look at one."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from store import samples as stored
from store.samples import Facets, Filter, Order, SampleDetail, SampleRow
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.data import sql
from wgen_tui.services.data.database import reading
from wgen_tui.services.data.sql import Format


def filter_of(fields: Mapping[str, Any]) -> Filter:
    """The filter with these fields set."""
    return Filter(**fields)


def search(home: Home, filter: Filter, order: Order = "natural") -> array[int]:  # noqa: A002
    """The ids of all samples that `filter` lets through: a snapshot that does not move."""
    with reading(home) as con:
        return stored.sample_ids(con, filter, order)


def export(
    home: Home,
    filter: Filter,  # noqa: A002
    target: Path | None,
    format: Format,  # noqa: A002
) -> int:
    """Write the samples that `filter` lets through, with their labels; see `sql.export`.

    Returns:
        How many.
    """
    query, parameters = stored.export_query(filter)
    return sql.export(home, query, target, format, parameters=parameters)


def count(home: Home, filter: Filter) -> int:  # noqa: A002
    """How many samples `filter` lets through."""
    with reading(home) as con:
        return stored.count(con, filter)


def page(home: Home, ids: Sequence[int]) -> list[SampleRow]:
    """The rows of these ids, in their order."""
    with reading(home) as con:
        return stored.page(con, ids)


def detail(home: Home, sample_id: int) -> SampleDetail:
    """Everything about one sample.

    Raises:
        UsageError: there is no such sample.
    """
    with reading(home) as con:
        sample = stored.detail(con, sample_id)
    if sample is None:
        raise UsageError(
            f"There is no sample {sample_id}.",
            title="No such sample",
            hint="wgen-tui sample list shows ids.",
        )
    return sample


def facets(home: Home, filter: Filter) -> Facets:  # noqa: A002
    """How many samples each value of each field has."""
    with reading(home) as con:
        return stored.facets(con, filter)
