"""A few kills of `make drill ARGS="store"`: ingest, verify, rebuild, migration, compaction."""

from __future__ import annotations

from pathlib import Path

from tests.drill.store_kills import ACTIONS, drill


def test_a_killed_database_loses_and_doubles_nothing(tmp_path: Path) -> None:
    lines: list[str] = []
    verdict = drill(tmp_path, kills=5, seed=4, draws=10, say=lines.append)
    assert verdict.wrong == []
    assert len(lines) == 5
    assert len(ACTIONS) == 5
