"""Datasets of the field's forms: what is read, what is refused, and what is left out and said."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from experiments.errors import DefinitionError
from experiments.rows import Dataset, read_rows
from experiments.schema import Turn

ASK = {"role": "user", "content": "Name a bird."}
SAY = {"role": "assistant", "content": "Wood Wren"}
CHAT = {"messages": [ASK, SAY]}


def dataset(folder: Path, *rows: Any, name: str = "x.jsonl") -> Dataset:
    path = folder / name
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return read_rows(path)


def refusal(folder: Path, *rows: Any) -> DefinitionError:
    with pytest.raises(DefinitionError) as caught:
        dataset(folder, *rows)
    return caught.value


def said(turns: tuple[Turn, ...]) -> list[tuple[str, str, bool]]:
    return [(turn.role, turn.content, turn.trained) for turn in turns]


@pytest.mark.parametrize("key", ["weight", "train", "training"])
@pytest.mark.parametrize("kept", [0, False])
def test_a_turn_that_does_not_count_is_context(tmp_path: Path, key: str, kept: Any) -> None:
    first = {"role": "assistant", "content": "House Wren", key: kept}
    (row,) = dataset(tmp_path, {"messages": [ASK, first, ASK, SAY]})
    assert [turn.trained for turn in row.messages] == [False, False, False, True]


def test_the_last_turn_may_be_the_one_that_does_not_count(tmp_path: Path) -> None:
    (row,) = dataset(tmp_path, {"messages": [ASK, SAY, ASK, {**SAY, "weight": 0}]})
    assert [turn.trained for turn in row.messages] == [False, True, False, False]


def test_a_rows_weight_is_that_of_its_answers(tmp_path: Path) -> None:
    half, none = {**SAY, "loss_weight": 0.5}, {**SAY, "loss_weight": 0}
    row = {"messages": [ASK, SAY, ASK, half, ASK, none], "loss_weight": 3}
    first, second = dataset(tmp_path, row, {**CHAT, "loss_weight": "0.25", "weight": 1})
    assert [turn.loss_weight for turn in first.messages] == [None, 3, None, 1.5, None, None]
    assert [turn.trained for turn in first.messages[1::2]] == [True, True, False]
    assert second.messages[1].loss_weight == 0.25
    assert not dataset(tmp_path, row).notes


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"messages": [ASK, {**SAY, "weight": 0}]}, "No turn of the row is to be trained"),
    ({"messages": [ASK, {**SAY, "weight": 0.5}]}, "counts (1) or not (0)"),
    ({"messages": [ASK, {**SAY, "weight": "1"}]}, "counts (1) or not (0)"),
    ({"messages": [{**ASK, "train": True}, SAY]}, "only what the assistant says"),
    ({"messages": [ASK, {**SAY, "train_detail": []}]}, "wholly or not at all"),
    ({**CHAT, "weight": 0.3}, "multiplied by is 'loss_weight'"),
    ({**CHAT, "loss_weight": 0}, "leave it out"),
    ({**CHAT, "loss_weight": -1}, "a number from 0"),
    ({**CHAT, "loss_weight": "much"}, "a number from 0"),
    ({**CHAT, "loss_weight": True}, "a number from 0"),
    ({"messages": [{**ASK, "loss_weight": 2}, SAY]}, "only what the assistant says"),
    ({**CHAT, "label": False}, "undesired"),
    ({"prompt": "Q", "completion": "A", "label": False}, "'label' is false: this answer is unde"),
    ({"prompt": "Q", "completion": "A", "label": 0}, "'label' is 0: this answer is undesired"),
    ({"prompt": "Q", "completion": "A", "label": "False"}, "undesired"),  # as a CSV has it
    ({**CHAT, "label": "undesirable"}, "undesired"),
    ({"prompt": "Q", "chosen": "A", "rejected": "B"}, "preference data"),
    ({**CHAT, "rejected": "B"}, "preference data"),
    ({**CHAT, "prompt": "Q"}, "written twice: 'messages' and 'prompt'"),
    ({"conversations": [], "instruction": "x"}, "written twice"),
    ({"messages": [{"role": "asistant", "content": "x"}]}, "Did you mean 'assistant'?"),
    ({"messages": [ASK, {**SAY, "function_call": {}}]}, "write tool_calls"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}, SAY]}, "'image_url'"),
    ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}, SAY]}, "'input_audio'"),
    ({"messages": [ASK, SAY], "tools": "search"}, "not a list of objects"),
    ({"messages": [{"role": "system", "content": "x"}, ASK, SAY], "system": "y"}, "a system turn"),
    ({"conversations": [{"from": "observation", "value": "x"}]}, "Write such as messages"),
    ({"instruction": "x"}, "no 'output'"),
    ({"messages": [ASK, {"role": "assistant", "content": None}]}, "not a text"),
]


@pytest.mark.parametrize(("row", "message"), REFUSED)
def test_what_would_train_something_else_is_refused_by_line(
    tmp_path: Path, row: dict[str, Any], message: str
) -> None:
    error = refusal(tmp_path, CHAT, row)
    assert message in error.message
    assert error.line == 2


def test_parts_that_are_text_are_joined(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "Name "}, {"type": "text", "value": "a bird."}]
    (row,) = dataset(tmp_path, {"messages": [{"role": "user", "content": parts}, SAY]})
    assert row.messages[0].content == "Name a bird."


def test_tools_names_and_reasoning_are_kept(tmp_path: Path) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
    tool = {"type": "function", "function": {"name": "look_up", "parameters": {}}}
    turns = [
        ASK,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "name": "look_up", "content": "a wren"},
        {**SAY, "reasoning_content": "It is small."},
    ]
    (row,) = dataset(tmp_path, {"messages": turns, "tools": [tool]})
    assert row.messages[0].tools == (tool,)
    assert row.messages[1].tool_calls == (call,)
    assert (row.messages[2].name, row.messages[2].tool_call_id) == ("look_up", "1")
    assert row.messages[3].reasoning_content == "It is small."


def test_keys_that_are_not_read_are_counted(tmp_path: Path) -> None:
    found = dataset(
        tmp_path,
        {**CHAT, "id": 1, "split": "test"},
        {**CHAT, "id": 2, "label": "bird"},
        {"messages": [{**ASK, "lang": "en"}, {**SAY, "lang": "en"}]},
    )
    assert found.left_out == {"id": 2, "label": 1, "messages[].lang": 1, "split: test": 1}
    (note,) = found.notes
    assert "id (2 of 3 rows)" in note
    assert not dataset(tmp_path, CHAT, {**CHAT, "label": True}).notes


SHAREGPT = {
    "system": "Be brief.",
    "conversations": [
        {"from": "human", "value": "Name a bird."},
        {"from": "gpt", "value": "Wood Wren"},
    ],
}
ALPACA = {"instruction": "Name it.", "input": "small, brown", "output": "Wood Wren"}


def test_sharegpt_and_alpaca_are_read(tmp_path: Path) -> None:
    first, second = dataset(tmp_path, SHAREGPT, {**ALPACA, "history": [["Q", "A"]]})
    assert said(first.messages) == [
        ("system", "Be brief.", False),
        ("user", "Name a bird.", False),
        ("assistant", "Wood Wren", True),
    ]
    assert said(second.messages) == [
        ("user", "Q", False),
        ("assistant", "A", True),
        ("user", "Name it.\nsmall, brown", False),
        ("assistant", "Wood Wren", True),
    ]


def test_one_json_array_is_read_with_the_lines_of_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps([CHAT, ALPACA], indent=1))
    rows = list(read_rows(path))
    assert [row.line for row in rows] == [2, 14]
    path.write_text(json.dumps([CHAT, {**CHAT, "label": False}], indent=1))
    with pytest.raises(DefinitionError, match="undesired") as caught:
        read_rows(path)
    assert caught.value.line == 14
    for cut in ("[", f"[{json.dumps(CHAT)}", f"[{json.dumps(CHAT)},\n {{", "[1 2]", "[] x"):
        path.write_text(cut)
        with pytest.raises(DefinitionError):
            read_rows(path)


def test_gzip_csv_and_parquet_are_read(tmp_path: Path) -> None:
    packed = tmp_path / "x.jsonl.gz"
    packed.write_bytes(gzip.compress(json.dumps(CHAT).encode()))
    assert next(iter(read_rows(packed))).messages[1].content == "Wood Wren"
    table = tmp_path / "x.csv"
    with table.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerows([["prompt", "completion"], ["two\nlines", "A"], ["Q", "B"]])
    rows = list(read_rows(table))
    assert [(row.line, row.messages[0].content) for row in rows] == [(2, "two\nlines"), (4, "Q")]
    columns = tmp_path / "x.parquet"
    other = {"messages": [{**ASK, "name": "Ann"}, SAY]}
    parquet.write_table(pa.Table.from_pylist([CHAT, other]), columns)
    first, second = read_rows(columns)
    assert (first.messages[0].name, second.messages[0].name) == (None, "Ann")
    columns.write_bytes(columns.read_bytes()[:-20])
    with pytest.raises(DefinitionError, match="damaged"):
        read_rows(columns)


def test_files_laid_end_to_end_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    line = b"\xef\xbb\xbf" + json.dumps(CHAT).encode() + b"\n"
    path.write_bytes(line * 2)
    assert [row.line for row in read_rows(path)] == [1, 2]


GOOD = json.dumps(CHAT).encode()
BROKEN: list[tuple[bytes, str]] = [
    (GOOD.replace(b"Wood Wren", b"\\ud83d"), "half a character"),
    (GOOD.replace(b"Wood Wren", b"Wood\\u0000Wren"), "\\u0000 is no character (NUL)"),
    (b"[" * 200_000, "nested too deeply"),
    (b'{"messages": ' + b"[" * 20_000, "nested too deeply"),
    (GOOD.replace(b'"content": "Wood', b'"content": "x", "content": "Wood'), "stands twice"),
    (b'{"n": NaN}', "NaN is no JSON number"),
    (b'{"n": -Infinity}', "-Infinity is no JSON number"),
    (b'{"n": 1e999}', "too large a number"),
    (b'{"n": ' + b"9" * 5_000 + b"}", "too many digits"),
    ("Wood Wrén".encode("latin-1"), "byte 0xe9 in line 2"),
    (b"a\0b", "NUL byte in line 2"),
]


@pytest.mark.parametrize(("line", "message"), BROKEN)
def test_a_line_that_is_no_row_is_named(tmp_path: Path, line: bytes, message: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(GOOD + b"\n" + line + b"\n" + GOOD + b"\n")
    with pytest.raises(DefinitionError) as caught:
        read_rows(path)
    assert message in caught.value.message
    assert caught.value.line == 2


OTHERS: list[tuple[bytes, str, str]] = [
    ("{}".encode("utf-16"), "UTF-16", "iconv -f utf-16"),
    (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0",
        "Git LFS pointer",
        "git lfs pull",
    ),
    (b"PK\x03\x04zip", "zip archive", "unzip"),
    (GOOD + "é".encode("latin-1"), "not UTF-8", "looks like Latin-1"),
    (GOOD + b"\x93quoted\x94", "not UTF-8", "looks like Windows-1252"),
    (b"\x1f\x8bxx", "gzip file is damaged", ""),
]


@pytest.mark.parametrize(("content", "message", "hint"), OTHERS)
def test_a_file_of_another_kind_is_named(
    tmp_path: Path, content: bytes, message: str, hint: str
) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    with pytest.raises(DefinitionError) as caught:
        read_rows(path)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_all_wrong_rows_are_counted(tmp_path: Path) -> None:
    error = refusal(tmp_path, *[{"text": "x"}] * 208, CHAT)
    assert len(error.problems) == 6
    assert "203 more of 209 rows are wrong" in error.message
    assert sum(problem.count for problem in error.problems) == 208
