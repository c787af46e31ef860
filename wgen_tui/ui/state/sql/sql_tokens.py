"""The text of a query in pieces: keywords, names, strings, numbers, comments; for colours.

Promises: every text is taken, however unfinished; pieces are in order and never overlap; a string
or comment may go over several lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

KEYWORD, STRING, NUMBER, COMMENT, CALL, NAME = (
    "keyword", "string", "number", "comment", "call", "name",
)  # fmt: skip
_WORDS = (
    "all analyze and anti any array as asc asof between by case cast columns cross cube current "
    "desc describe distinct else end escape except exclude exists explain extract false fetch "
    "filter first following for from full glob group grouping having if ilike in inner intersect "
    "interval into is isnull join last lateral left like limit map natural not notnull null nulls "
    "offset on or order outer over partition pivot positional preceding qualify range recursive "
    "replace right rollup row rows select semi sets show similar some struct summarize table "
    "tablesample then to top true try_cast unbounded union unpivot using values when where window "
    "with within"
)
KEYWORDS = frozenset(_WORDS.split())
_PIECE = re.compile(
    r"(?P<comment>--[^\n]*|/\*.*?(?:\*/|\Z))"
    r"|(?P<string>'(?:[^']|'')*(?:'|\Z)|\$\$.*?(?:\$\$|\Z))"
    r'|(?P<quoted>"(?:[^"]|"")*(?:"|\Z))'
    r"|(?P<number>\b\d[\d_]*(?:\.\d*)?(?:[eE][+-]?\d+)?\b)"
    r"|(?P<word>[^\W\d]\w*)(?P<call>\s*\()?",
    re.DOTALL,
)


class Piece(NamedTuple):
    """From a character to before another, and what stands there."""

    start: int
    end: int
    kind: str


def pieces(text: str) -> Iterator[Piece]:
    """The pieces of a query that have a kind; what is between them has none."""
    for match in _PIECE.finditer(text):
        kind = match.lastgroup or ""
        if kind in ("word", "call"):
            word = match["word"]
            start, end = match.span("word")
            if word.lower() in KEYWORDS:
                yield Piece(start, end, KEYWORD)
            else:
                yield Piece(start, end, CALL if match["call"] else NAME)
        else:
            yield Piece(*match.span(), NAME if kind == "quoted" else kind)


def by_line(text: str) -> list[list[Piece]]:
    """The pieces of each line, counted from its start; what goes over lines is cut."""
    lines = text.split("\n")
    starts, place = [], 0
    for line in lines:
        starts.append(place)
        place += len(line) + 1
    cut: list[list[Piece]] = [[] for _ in lines]
    row = 0
    for piece in pieces(text):
        while row + 1 < len(lines) and starts[row + 1] <= piece.start:
            row += 1
        at = row
        while at < len(lines) and starts[at] < piece.end:
            first = max(piece.start - starts[at], 0)
            last = min(piece.end - starts[at], len(lines[at]))
            if first < last:
                cut[at].append(Piece(first, last, piece.kind))
            at += 1
    return cut


def inside(text: str, place: int) -> str:
    """Whether a place is within a string or comment: its kind, else nothing."""
    for piece in pieces(text):
        if piece.start >= place:
            break
        closed = text[piece.end - 1 : piece.end] == "'" and piece.end - piece.start > 1
        ends_open = piece.end == len(text) == place and not (piece.kind == STRING and closed)
        if piece.kind in (STRING, COMMENT) and (place < piece.end or ends_open):
            return piece.kind
    return ""
