"""Queries to choose from: those that were run, those that come along."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from wgen_tui.terminal_text import one_line
from wgen_tui.ui.state.cells import DIM, Cell, Column


class ListedQuery(NamedTuple):
    """A query, how it is listed, and what it answers."""

    name: str
    answers: str
    sql: str


def columns(
    queries: Sequence[ListedQuery],
) -> tuple[tuple[Column, ...], Callable[[ListedQuery], list[Cell]]]:
    """The columns of the list, and what makes a row; one column where nothing says an answer."""
    if any(query.answers for query in queries):
        return (Column("query", 34), Column("what it answers", 0)), _both
    return (Column("query", 0),), lambda query: _both(query)[:1]


def _both(query: ListedQuery) -> list[Cell]:
    return [Cell(one_line(query.name, 200)), Cell(one_line(query.answers, 200), DIM)]


def matching(queries: Sequence[ListedQuery], text: str) -> list[ListedQuery]:
    """Those that have all the words."""
    words = text.lower().split()
    return [
        query
        for query in queries
        if all(word in f"{query.name} {query.answers} {query.sql}".lower() for word in words)
    ]
