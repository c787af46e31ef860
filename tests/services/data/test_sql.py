"""Queries that people write: what is near a mistake, what there is, and what was asked before."""

from __future__ import annotations

import json

import pytest

from wgen_tui.paths import Home
from wgen_tui.services.data import query_history, sql

NEAREST = [
    ("select * from grads", "grades"),  # DuckDB itself would offer one of its own tables
    ("selct 1", "select"),
    ("select cout(*) from samples", "count"),
    ("select completon from samples", "completion"),
    ("select s.completon from samples s", "completion"),
    ("select 1::intgr", "integer"),
    ("select zzzzzz from samples", ""),
]


def test_what_is_near_a_mistake_is_offered(home: Home) -> None:
    for query, near in NEAREST:
        with pytest.raises(sql.QueryMistake) as raised:
            sql.query(home, query)
        assert raised.value.nearest == near, query
        assert raised.value.place is not None, query
        assert raised.value.hint == (f"Did you mean {near}?" if near else sql.HINT), query


def test_the_catalogue_has_views_functions_and_words(home: Home) -> None:
    catalogue = sql.catalogue(home)
    assert "samples" in [table.name for table in catalogue.tables]
    assert {"count", "quantile_disc"} <= set(catalogue.functions)
    assert "select" in catalogue.words
    assert not [name for name in catalogue.functions if not name.isidentifier()]


def test_history_keeps_each_query_once_the_newest_first(home: Home) -> None:
    for text in ("select 1", "select 2", "select 1", "select\n'é'"):
        query_history.add(home, text)
    assert query_history.read(home) == ["select\n'é'", "select 1", "select 2"]
    with home.query_history.open("a") as stream:
        stream.write('{"sql": 3}\nno json\n')
    assert query_history.read(home)[0] == "select\n'é'"


def test_history_is_not_written_under_readonly(home: Home) -> None:
    readonly = Home(home.root, readonly=True)
    assert query_history.add(readonly, "select 1") == ["select 1"]
    assert not home.query_history.exists()
    assert query_history.add(Home(home.root / "none"), "select 1") == ["select 1"]


def test_history_stays_small(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_history, "KEPT", 3)
    monkeypatch.setattr(query_history, "TRIMMED_AT", 200)
    for number in range(40):
        query_history.add(home, f"select {number}")
    assert query_history.read(home) == ["select 39", "select 38", "select 37"]
    lines = home.query_history.read_text().splitlines()
    assert len(lines) < 15
    assert json.loads(lines[-1]) == {"sql": "select 39"}
    assert query_history.add(home, "select " + "1" * 5000)[0].startswith("select 1111")
    assert len(home.query_history.read_text()) < 500


def test_a_query_with_a_line_separator_stays_one_query(home: Home) -> None:
    odd = "select 'a\u2028b\x85'"
    query_history.add(home, odd)
    assert query_history.read(home)[0] == odd
