"""SQL is written in `store` alone: nobody else runs it, and nobody else has its text."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUNS = {"execute", "executemany", "sql"}  # what a DuckDB connection runs SQL by
STATEMENT = re.compile(
    r"\s*(select\s.+\sfrom\s|with\s+\w+\s+as\s*\(|insert\s+into\s|delete\s+from\s"
    r"|update\s+\w+\s+set\s|create\s+(or\s+replace\s+)?(temp\s+)?(table|view)\s)",
    re.DOTALL,
)


def is_statement(value: object) -> bool:
    """Whether a constant is SQL, in small or in capital letters; "Select one from" is English."""
    return isinstance(value, str) and any(map(STATEMENT.match, (value, value.swapcase())))


def sql_in(source: str) -> Iterator[str]:
    """Every call that runs SQL, and every string that is a statement."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in RUNS:
                yield ast.unparse(node.func)
        elif isinstance(node, ast.Constant) and is_statement(node.value):
            yield str(node.value)


@pytest.mark.parametrize("package", ["wgen_tui", "experiments"])
def test_only_the_store_has_sql(package: str) -> None:
    files = {path.relative_to(ROOT): path.read_text() for path in (ROOT / package).rglob("*.py")}
    assert files
    assert not [(str(path), text) for path, source in files.items() for text in sql_in(source)]


@pytest.mark.parametrize(
    "source",
    [
        "con.execute(query)",
        "self._con.sql(query, params=values)",
        'text = "select 1 from samples"',
        'text = f"select count(*) from {name}"',
        'text = f"SELECT *\\nFROM samples{where} order by all"',
        'con.run("delete from sample where run_id = ?")',
    ],
)
def test_sql_is_noticed(source: str) -> None:
    assert list(sql_in(source))


def test_words_are_no_sql() -> None:
    assert not list(
        sql_in('say("Select runs from the list, or update one.")\nsql.query(home, text)')
    )
