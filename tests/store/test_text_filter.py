"""What a text filter lets through."""

from __future__ import annotations

import duckdb
import pytest

from store.samples.text_filter import BadPattern, Term, condition, terms

TEXTS = (
    "The mail coach left London.",
    "A coach with the MAIL of two days.",
    "Coaches and 100% of the mail",
    "a/b, it's \\d",
)


def having(text: str) -> list[int]:
    """Which of TEXTS a filter lets through."""
    where, values = condition(text, "t")
    with duckdb.connect(":memory:") as con:
        query = f"select i from (select unnest(?) t, generate_subscripts(?, 1) i) where {where}"
        return [i for (i,) in con.execute(query, [TEXTS, TEXTS, *values]).fetchall()]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mail coach", [1, 2, 3]),
        ("COACH mail", [1, 2, 3]),
        ('"mail coach"', [1]),
        ('"mail coach" london', [1]),
        ("100%", [3]),
        ("100_", []),
        (r"/\bcoach\b/", [1, 2]),
        (r"/\bcoach\b/ london", [1]),
        ("/^coach/", []),
        ("/^coach/i", [3]),
        (r"/a\/b/", [4]),
        ("a/b", [4]),
        (r"\d", [4]),
        ("it's", [4]),
    ],
)
def test_words_phrases_and_patterns(text: str, found: list[int]) -> None:
    assert having(text) == found


def test_what_is_not_closed_is_text() -> None:
    assert terms('"open /x') == [Term('"open'), Term("/x")]


def test_a_pattern_that_cannot_be_read_is_named() -> None:
    with pytest.raises(BadPattern, match=r"/\(/ is no regular expression"):
        condition("/(/", "t")
