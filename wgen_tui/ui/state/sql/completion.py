"""What can stand where a query is being written: tables, columns, functions, words of SQL.

Promises: nothing is offered within a string or a comment; after `from` and `join` tables come
first, after `name.` only the columns of that table or alias, else the columns of the tables that
the query names, tables, the words that begin a part of a query, functions, other words; a name that
is written out is not offered.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from wgen_tui.ui.state.sql.sql_tokens import KEYWORDS, inside

if TYPE_CHECKING:
    from wgen_tui.services.data.sql import Catalogue

MOST = 200
CLAUSES = frozenset(
    ["select", "from", "where", "group", "order", "having", "limit", "join", "on", "by", "as"]
)
WORD = re.compile(r"[^\W\d]\w*$")
TABLE_BEFORE = re.compile(
    r"\b(from|join|describe|summarize|show|table|pivot|unpivot)\s+$", re.IGNORECASE
)
NAMED = re.compile(r"\b(?:from|join|,)\s+(\w+)(?:\s+(?:as\s+)?(\w+))?", re.IGNORECASE)
QUALIFIED = re.compile(r"(\w+)\.$")


class Offer(NamedTuple):
    """A name that can stand there, and what it is."""

    name: str
    what: str


@dataclass(frozen=True, slots=True)
class Offers:
    """What is offered for the letters from `start` to the cursor."""

    start: int
    offers: tuple[Offer, ...] = ()


def offers(text: str, cursor: int, catalogue: Catalogue | None, *, asked: bool = False) -> Offers:
    """What can stand at the cursor.

    Args:
        text: The query.
        cursor: Where it is being written, in characters.
        catalogue: What there is; None while that is being read.
        asked: Whether the person asked for it, so that no letter need be written yet.
    """
    before = text[:cursor]
    match = WORD.search(before)
    start = match.start() if match else cursor
    prefix = before[start:].lower()
    qualifier = QUALIFIED.search(before[:start])
    if catalogue is None or inside(text, cursor) or not (prefix or qualifier or asked):
        return Offers(start)
    if qualifier:
        known = _columns(catalogue, _table_of(text, qualifier[1]))
    else:
        tables = [Offer(table.name, "view") for table in catalogue.tables]
        if TABLE_BEFORE.search(before[:start]):
            known = tables
        else:
            known = [*_named_columns(text, catalogue), *tables]
            if prefix:
                known += [Offer(word, "word") for word in sorted(CLAUSES)]
                known += [Offer(name, "function") for name in catalogue.functions]
                known += [Offer(word, "word") for word in sorted(KEYWORDS - CLAUSES)]
    return Offers(start, _matching(prefix, known))


def _matching(prefix: str, known: list[Offer]) -> tuple[Offer, ...]:
    """Those that begin so, then those that have it in them; none if one of them is written out."""
    once = list({offer.name: offer for offer in reversed(known)}.values())[::-1]
    begin = [offer for offer in once if offer.name.lower().startswith(prefix)]
    if any(offer.name.lower() == prefix for offer in begin):
        return ()
    within = [
        offer
        for offer in once
        if len(prefix) > 2 and prefix in offer.name.lower() and offer not in begin
    ]
    return tuple([*begin, *within][:MOST])


def _columns(catalogue: Catalogue, name: str) -> list[Offer]:
    return [
        Offer(column, kind.lower())
        for table in catalogue.tables
        if table.name == name
        for column, kind, _ in table.columns
    ]


def _named_columns(text: str, catalogue: Catalogue) -> list[Offer]:
    """The columns of the tables that the query names; of all where it names none."""
    known = {table.name for table in catalogue.tables}
    named = [match[1] for match in NAMED.finditer(text) if match[1] in known]
    return [offer for name in named or sorted(known) for offer in _columns(catalogue, name)]


def _table_of(text: str, qualifier: str) -> str:
    """The table that an alias stands for; the qualifier itself if it is none."""
    for match in NAMED.finditer(text):
        if match[2] == qualifier:
            return match[1]
    return qualifier
