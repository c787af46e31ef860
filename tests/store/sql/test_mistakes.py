"""Where a mistake is: line, column and width in characters, and what should stand there."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.console import QueryError, console
from store.layout import StoreFiles
from store.sql.mistakes import COLUMN, FUNCTION, TABLE, WORD, Place, pointed_at

MISTAKES = [
    ("selct 1", Place(0, 0, 5), "selct", WORD),
    ("select arm\nfrom sampels", Place(1, 5, 7), "sampels", TABLE),
    ("select 'Zürich 東京', nonsense\nfrom samples", Place(0, 20, 8), "nonsense", COLUMN),
    ("select s.armm from samples s", Place(0, 9, 4), "armm", COLUMN),
    ("select\n\n\tcout(arm) from samples", Place(2, 1, 4), "cout", FUNCTION),
    ("select 1, cast('a' as int)", Place(0, 10, 16), "cast('a' as int)", ""),
]


@pytest.mark.parametrize(("query", "place", "word", "kind"), MISTAKES)
def test_a_mistake_has_its_place(
    tmp_path: Path, query: str, place: Place, word: str, kind: str
) -> None:
    with console(StoreFiles(tmp_path)) as con, pytest.raises(QueryError) as raised:
        list(con.run(query).rows())
    error = raised.value
    assert (error.place, error.word, error.kind) == (place, word, kind)
    assert "{" not in str(error)
    assert f"LINE {place.line + 1}: " in str(error)
    assert "Did you mean" not in str(error)


def test_a_mistake_while_rows_come_is_told_too(tmp_path: Path) -> None:
    with (
        console(StoreFiles(tmp_path)) as con,
        pytest.raises(QueryError, match="Conversion Error") as raised,
    ):
        list(con.run("select ('a' || range)::int from range(3)").rows())
    assert "exception_type" not in str(raised.value)


def test_carets_stand_under_wide_characters() -> None:
    shown, carets = pointed_at("select '東京', x", Place(0, 13, 1)).split("\n")
    assert shown == "LINE 1: select '東京', x"
    assert carets == " " * 23 + "^"


def test_a_long_line_is_cut_around_the_place() -> None:
    query = "select " + "a, " * 60 + "x, " + "b, " * 60
    place = Place(0, query.index("x"), 1)
    shown, carets = pointed_at(query, place).split("\n")
    assert len(shown) < 90
    assert shown[carets.index("^")] == "x"
