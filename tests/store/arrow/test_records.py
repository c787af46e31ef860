"""Lines parsed in bulk are the rows that they are one by one, and damage is named alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from store.arrow import records
from store.arrow.json_columns import read_columns
from tests.builders import store_home

SAMPLE = store_home.sample_rows(store_home.RUNS[1], 1)[0]
PLAIN = store_home.grade_line(SAMPLE, "era", "modern")


def grade(**more: Any) -> str:
    return json.dumps({**json.loads(PLAIN), **more}, ensure_ascii=False) + "\n"


@pytest.mark.parametrize(
    "text",
    [
        PLAIN * 3,
        grade(signals={}) + grade(signals={"a": 1e-05, "b": 1.0, "c": True, "d": None}),
        grade(signals={"quoted": 'a "b" {c} \\ é \u2028', "list": [1, 2]}),
        grade(explanation='says "signals": {"x": 1}', label=None, number=3, seconds=1.5),
        PLAIN.replace(", ", ",").replace(": ", ":"),
        grade(a_newer_key={"deep": {"er": 1}}),
        grade(created_at="2026-01-02T03:04:05.123456+02:00"),
    ],
)
def test_plain_lines_are_read_in_bulk(text: str) -> None:
    found = read_columns(text.encode(), records.GRADE_LINES)
    assert found is not None
    rows = [records.GRADE_LINES.row(json.loads(line)) for line in text.split("\n")[:-1]]
    assert found.equals(records.to_table(rows, records.GRADE_LINES.schema))


@pytest.mark.parametrize(
    "text",
    [
        PLAIN + "\n" + PLAIN,
        grade(signals={"in": "x}, {y"}),
        grade(signals={"deep": {"er": 1}}),
        grade(signals=None),
        PLAIN.replace('"signals": {"hits": 1}, ', ""),
    ],
)
def test_other_lines_are_read_one_by_one(tmp_path: Path, text: str) -> None:
    assert read_columns(text.encode(), records.GRADE_LINES) is None
    path = tmp_path / "grades.jsonl"
    path.write_text(text)
    found = records.read_jsonl(path, records.GRADE_LINES)
    rows = [records.GRADE_LINES.row(json.loads(line)) for line in text.split("\n") if line.strip()]
    assert found.table.equals(records.to_table(rows, records.GRADE_LINES.schema))
    assert found.size == len(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (PLAIN + "nonsense\n" + PLAIN, "JSONDecodeError: .*b'nonsense'"),
        (PLAIN.strip() + PLAIN, "JSONDecodeError: Extra data"),
        ("[1]\n", "AttributeError|TypeError"),
        (grade(label=5), "label: "),
        (grade(created_at="yesterday"), "created_at: "),
        (grade(grade_id=2**70), "grade_id: "),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "grades.jsonl"
    path.write_text(text)
    with pytest.raises(records.Damaged, match=why):
        records.read_jsonl(path, records.GRADE_LINES)


def test_bytes_that_are_no_text_are_damage(tmp_path: Path) -> None:
    path = tmp_path / "grades.jsonl"
    path.write_bytes(PLAIN.encode().replace(b"made", b"\xff\xfe"))
    with pytest.raises(records.Damaged, match="UnicodeDecodeError"):
        records.read_jsonl(path, records.GRADE_LINES)


def test_metrics_have_the_run_of_their_folder(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    text = "".join(store_home.metric_line(step) for step in range(3, 5))
    path.write_text(text + '{"step": 5, "at": "20')
    lines = records.metric_lines("a-run")
    assert read_columns(text.encode(), lines) is not None
    found = records.read_jsonl(path, lines)
    rows = [lines.row(json.loads(line)) for line in text.splitlines()]
    assert found.table.equals(records.to_table(rows, lines.schema))
    assert found.size == len(text)
    path.write_text('{"step": 5}\n')
    with pytest.raises(records.Damaged, match="KeyError: 'at'"):
        records.read_jsonl(path, lines)
