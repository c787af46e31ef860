"""The queries that come with the program run, and say what they claim."""

from __future__ import annotations

from store.console import console
from store.layout import StoreFiles
from store.sql.saved import FIRST, saved_queries


def test_saved_queries_run_and_name_the_experiment(files: StoreFiles) -> None:
    with console(files) as con:
        for query in saved_queries():
            result = con.run(query.sql)
            rows = list(result.rows())
            assert result.columns[0] == "experiment", query.name
            assert "order by" in query.sql, query.name
            assert query.answers and not query.answers.startswith("-"), query.name
            if not query.name.startswith("disagreements"):  # nobody has graded there
                assert rows, query.name


def test_there_are_those_that_were_asked_for() -> None:
    assert [query.name for query in saved_queries()] == [
        "rate by arm and seed",
        "most frequent texts by arm",
        "disagreements of people and rule",
        "slowest launches",
        "answers by length",
        "duplicates between seeds",
    ]


def test_a_label_that_nobody_got_has_a_rate_of_nothing(files: StoreFiles) -> None:
    rate = saved_queries()[0].sql
    with console(files) as con:
        result = con.run(rate)
        rows = [dict(zip(result.columns, row, strict=True)) for row in result.rows()]
    base = [r for r in rows if r["arm"] == "base" and r["label"] == "19th_century"]
    assert [(r["percent"], r["k"], r["n"]) for r in base] == [(0.0, 0, 30)]


def test_the_first_query_keeps_experiments_apart(files: StoreFiles) -> None:
    with console(files) as con:
        assert con.run(FIRST).columns == ["experiment", "arm", "seed", "n"]
