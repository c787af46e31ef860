r"""What a text filter means: all its words in any order, a phrase in quotes, a pattern by /…/.

    mail coach          both words, anywhere, in any case
    "mail coach"        the phrase
    /coach(es)?\b/      a regular expression (RE2), as written; /…/i in any case

Promises: what the filter says is looked for as it stands (no wildcard but in a pattern); a quote or
slash that is not closed is an ordinary character.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import duckdb

from store.database.instances import lent

TERM = re.compile(
    r"""/(?P<pattern>(?:[^/\\]|\\.)+)/(?P<any_case>i?)(?=\s|$)"""
    r"""|"(?P<phrase>[^"]+)"(?=\s|$)"""
    r"""|(?P<word>\S+)"""
)


class BadPattern(ValueError):
    """A regular expression that cannot be read."""


@dataclass(frozen=True, slots=True)
class Term:
    """One of the things that a text must have.

    Attributes:
        text: In any case, unless it is a pattern.
        pattern: Whether `text` is a regular expression.
    """

    text: str
    pattern: bool = False


def terms(text: str) -> list[Term]:
    """What a text filter asks for."""
    listed = []
    for part in TERM.finditer(text):
        if part["pattern"] is not None:
            mode = "(?i)" if part["any_case"] else ""
            listed.append(Term(mode + part["pattern"].replace(r"\/", "/"), pattern=True))
        else:
            listed.append(Term(part["phrase"] or part["word"]))
    return listed


def condition(text: str, column: str) -> tuple[str, list[str]]:
    """A text filter as SQL over a column, and its parameters.

    Raises:
        BadPattern: a regular expression cannot be read.
    """
    asked = terms(text)
    for term in asked:
        if term.pattern:
            check(term.text)
    parts = [
        f"regexp_matches({column}, ?)" if term.pattern else f"contains(lower({column}), lower(?))"
        for term in asked
    ]
    return " and ".join(parts), [term.text for term in asked]


def check(pattern: str) -> None:
    """Have DuckDB read a regular expression.

    Raises:
        BadPattern: it cannot.
    """
    with lent() as con:
        try:
            con.execute("select regexp_matches('', ?)", [pattern])
        except duckdb.Error as error:
            why = str(error).partition(": ")[2] or str(error)
            raise BadPattern(f"/{pattern}/ is no regular expression: {why}") from error
