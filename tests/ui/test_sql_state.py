"""The SQL screen's state: pieces of a query, what can stand where, columns, mistakes, queries."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from store.console import TableInfo
from store.sql.mistakes import Place, QueryError
from wgen_tui.errors import WgenError
from wgen_tui.services.data.sql import Catalogue, QueryMistake, QueryResult
from wgen_tui.ui.state.sql import console, schema_tree
from wgen_tui.ui.state.sql.completion import offers
from wgen_tui.ui.state.sql.query_buffers import MOST, RESULTS_KEPT, Mistake, Queries, QueryBuffer
from wgen_tui.ui.state.sql.query_list import ListedQuery, columns, matching
from wgen_tui.ui.state.sql.sql_tokens import by_line, inside, pieces

SAMPLES = TableInfo("samples", "One row for each draw.", [("arm", "VARCHAR", ""), ("n", "INT", "")])
GRADES = TableInfo("grades", "", [("label", "VARCHAR", "what it is"), ("grader", "VARCHAR", "")])
WIDE = TableInfo("samples_wide", "", [("broken", "BOOLEAN", "")])
CATALOGUE = Catalogue([GRADES, SAMPLES, WIDE], ["from_json", "greatest", "sum", "sumkahan"], [])


def result(names: list[str], types: list[str], rows: list[tuple[Any, ...]]) -> console.Measured:
    return console.measured(QueryResult(names, types, rows, False, 0.1))


def offered(
    text: str, catalogue: Catalogue | None = CATALOGUE, *, asked: bool = False
) -> list[str]:
    """What is offered where `|` stands."""
    before, _, after = text.partition("|")
    listed = offers(before + after, len(before), catalogue, asked=asked).offers
    return [offer.name for offer in listed]


def test_the_pieces_of_a_query() -> None:
    text = "select 'it''s', count(*) as \"a b\", 1.5e3 -- Zürich\nfrom samples /* 東\n京 */ where x"
    found = [(text[piece.start : piece.end], piece.kind) for piece in pieces(text)]
    assert found == [
        ("select", "keyword"),
        ("'it''s'", "string"),
        ("count", "call"),
        ("as", "keyword"),
        ('"a b"', "name"),
        ("1.5e3", "number"),
        ("-- Zürich", "comment"),
        ("from", "keyword"),
        ("samples", "name"),
        ("/* 東\n京 */", "comment"),
        ("where", "keyword"),
        ("x", "name"),
    ]
    lines = by_line(text)
    assert [len(line) for line in lines] == [7, 3, 3]
    assert lines[2][0] == (0, 4, "comment")


@pytest.mark.parametrize("text", ["", "'", "/*", "$$", '"', "select '\n\n'", "--", "\n\n"])
def test_unfinished_text_is_taken(text: str) -> None:
    assert len(by_line(text)) == text.count("\n") + 1
    for place in range(len(text) + 1):
        inside(text, place)


def test_what_can_stand_where() -> None:
    assert offered("select * from |", asked=True) == ["grades", "samples", "samples_wide"]
    assert offered("select * from sam|") == ["samples", "samples_wide"]
    assert offered("select * from wide|") == ["samples_wide"]
    assert offered("select * from SAM|") == ["samples", "samples_wide"]
    assert offered("select s.| from samples s") == ["arm", "n"]
    assert offered("select samples.a|") == ["arm"]
    assert offered("select a| from samples")[0] == "arm"
    assert "label" not in offered("select l| from samples")
    assert offered("select arm fro|") == ["from", "from_json"], "the word, not the function"
    assert offered("select su|") == ["sum", "sumkahan", "summarize"]
    assert offered("gr|")[:4] == ["grader", "grades", "group", "greatest"]
    assert "group" in offered("gr|")


def test_nothing_is_offered_where_nothing_helps() -> None:
    assert offered("select 'sam|'") == []
    assert offered("-- sam|") == []
    assert offered("select * from samples|") == []
    assert offered("select |") == []
    assert offered("select * from sam|", None) == []


def test_columns_are_as_wide_as_the_whole_result_needs() -> None:
    rows = [(1, "a", None)] * 500 + [(1000, "modern_audubon", "x" * 90)]
    shown = result(["n", "arm", "completion"], ["BIGINT", "VARCHAR", "VARCHAR"], rows)
    assert shown.widths == (4, 14, console.WIDEST)
    listed = console.columns(shown, 0, 80)
    assert [(column.width, column.align) for column in listed] == [
        (4, "right"),
        (14, "left"),
        (0, "left"),  # what is left
    ]
    assert result(["東京"], ["VARCHAR"], [("日本語",)]).widths == (6,)
    assert result(["at"], ["TIMESTAMP"], [(datetime(2026, 1, 2),)]).widths == (19,)  # noqa: DTZ001


@pytest.mark.parametrize("width", [10, 24, 25, 60, 200])
def test_every_column_can_be_brought_to_stand_whole(width: int) -> None:
    names = [f"column_{place}" for place in range(12)]
    shown = result(names, ["VARCHAR"] * 12, [tuple("y" * (place * 5) for place in range(12))])
    most = console.last_first(shown, width)
    seen = set()
    for first in range(most + 1):
        seen |= set(range(first, first + console.fits(shown, first, width)))
    assert seen == set(range(12))
    assert most + console.fits(shown, most, width) == 12


def test_a_plan_is_shown_line_by_line() -> None:
    shown = result(["explain_key", "explain_value"], ["VARCHAR"] * 2, [("plan", "scan\n  all")])
    assert (shown.names, shown.rows) == (("plan",), [("scan",), ("  all",)])


def test_rows_as_text_have_headings_where_there_are_several() -> None:
    shown = result(["a", "b"], ["VARCHAR", "INT"], [("x\ny", 1), (None, 2)])
    assert console.as_text(shown, shown.rows[:1]) == "x y\t1"
    assert console.as_text(shown, shown.rows) == "a\tb\nx y\t1\n–\t2"


def test_a_mistake_says_its_place_and_the_offer() -> None:
    error = QueryMistake(
        QueryError("Catalog Error: No table gs!\nmore", query="from gs", place=Place(0, 5, 2)),
        "grades",
    )
    mistake = Mistake.of(error, "select 1;\nxx from gs", (1, 3))
    assert mistake.place == (1, 8, 2)
    assert mistake.text == "line 2, column 9: No table gs!\ngrades? ctrl+y takes it"
    assert Mistake.of(WgenError("Busy.", hint="Later."), "", (0, 0)).text == "Busy. Later."


def test_rows_that_were_dropped_are_none_and_take_no_place() -> None:
    shown = result(["a"], ["INT"], [(1,)])
    queries = Queries([QueryBuffer("first")])
    first = queries.current
    queries.keep(first, shown, "first", "first")
    assert first.result_title("first") == "result · 1 row in 0.10 s"
    assert first.result_title("second") == "result before the change · 1 row in 0.10 s"
    queries.drop_rows(first)
    assert (first.shown, first.result_title("second"), first.let_go) == (None, "result", False)
    for number in range(RESULTS_KEPT):
        queries.add(str(number))
        queries.keep(queries.current, shown, "", "")
    assert all(buffer.shown for buffer in queries.every[1:])


def test_several_queries() -> None:
    queries = Queries([QueryBuffer("a")])
    assert queries.title == "query"
    assert not queries.move(1)
    assert queries.add("b")
    assert (queries.title, queries.current.text) == ("query 2 of 2", "b")
    assert queries.move(1)
    assert queries.current.text == "a"
    queries.close()
    assert queries.current.text == "b"
    queries.close()
    assert queries.current.text == ""
    assert all(queries.add("") for _ in range(MOST - 1))
    assert not queries.add("")


def test_few_results_are_in_memory() -> None:
    queries = Queries([QueryBuffer("first")])
    first = queries.current
    shown = result(["a"], ["INT"], [(1,)])
    for number in range(RESULTS_KEPT + 1):
        queries.add(str(number))
    for buffer in queries.every[: RESULTS_KEPT + 1]:
        queries.keep(buffer, shown, "", "")
    assert [buffer.shown is not None for buffer in queries.every] == [
        *[False] + [True] * RESULTS_KEPT,
        False,
    ]
    assert first.let_go
    queries.keep(first, shown, "first", "first")
    assert not first.let_go and queries.every[1].let_go


def test_the_tree_is_folded_to_its_views() -> None:
    tables = CATALOGUE.tables
    assert [line.name for line in schema_tree.lines(tables, ())] == [
        "grades",
        "samples",
        "samples_wide",
    ]
    lines = schema_tree.lines(tables, {"grades"})
    assert [line.name for line in lines][:3] == ["grades", "label", "grader"]
    assert len({line.key for line in lines}) == len(lines)
    assert schema_tree.describe(lines[1]) == "label (varchar): what it is"


def test_words_narrow_a_list_of_queries() -> None:
    listed = [ListedQuery("rate by arm", "the share", "select 1"), ListedQuery("other", "", "x")]
    assert matching(listed, "SHARE rate") == listed[:1]
    assert matching(listed, "") == listed
    assert len(columns(listed)[0]) == 2
    assert len(columns(listed[1:])[0]) == 1
