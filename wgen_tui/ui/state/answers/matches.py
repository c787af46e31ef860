"""What a text filter found, marked where it stands.

Promises: the words, phrases and patterns of `store.samples.text_filter`; a pattern that Python does
not read, as the database does, marks nothing, and nothing is left out for it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from wgen_tui.ui.state.cells import Span

MATCH = "bold underline"
TERM = re.compile(
    r"""/(?P<pattern>(?:[^/\\]|\\.)+)/(?P<any_case>i?)(?=\s|$)"""
    r"""|"(?P<phrase>[^"]+)"(?=\s|$)|(?P<word>\S+)"""
)
MOST = 50  # marks in one text


def patterns_of(text: str | None) -> list[re.Pattern[str]]:
    """What is looked for."""
    listed: list[re.Pattern[str]] = []
    for part in TERM.finditer(text or ""):
        if part["pattern"] is None:
            listed.append(re.compile(re.escape(part["phrase"] or part["word"]), re.IGNORECASE))
            continue
        try:
            flags = re.IGNORECASE if part["any_case"] else 0
            listed.append(re.compile(part["pattern"].replace(r"\/", "/"), flags))
        except re.error:
            continue  # RE2 knows classes that Python does not
    return listed


def spans(said: str, patterns: Sequence[re.Pattern[str]], start: int = 0) -> tuple[Span, ...]:
    """Where they stand from a character on, in order and apart."""
    places = sorted(
        match.span()
        for pattern in patterns
        for match in pattern.finditer(said, start)
        if match.end() > match.start()
    )
    apart: list[tuple[int, int]] = []
    for first, end in places[:MOST]:
        if apart and first <= apart[-1][1]:
            apart[-1] = apart[-1][0], max(end, apart[-1][1])
        else:
            apart.append((first, end))
    return tuple(Span(first, end, MATCH) for first, end in apart)
