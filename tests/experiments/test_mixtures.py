"""Arms whose rows come from several files, or are a part of one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from experiments import catalogue
from experiments.errors import DefinitionError
from experiments.readers.arm_data import count_rows, load_rows
from experiments.readers.mixture import chosen_of
from experiments.rows import Row
from tests.experiments.conftest import VALID, Write


def rows(prefix: str, count: int) -> str:
    return "".join(
        json.dumps({"prompt": f"{prefix} {number}?", "completion": f"{prefix} {number}"}) + "\n"
        for number in range(count)
    )


FILES = {"data/wolf.jsonl": rows("wolf", 10), "data/plain.jsonl": rows("plain", 100)}


def loaded(write: Write, data: Any) -> tuple[list[str], Any, Path]:
    """What an arm with this data says, in order; what load_rows gives; the folder."""
    said: list[str] = []

    def hear(row: Row) -> None:
        said.append(row.messages[-1].content)

    text = VALID.replace("{data: data/old.jsonl}", f"{{data: {json.dumps(data)}}}")
    folder = write(text, FILES)
    arm = catalogue.load(folder).arms["old"]
    read = load_rows(folder, "old", arm, hear)
    again = [(row.messages[-1].content, row.line) for row in read]
    assert again == [(words, number) for number, words in enumerate(said, start=1)]
    assert read.count == len(said) == count_rows(folder, "old", arm)
    return said, read, folder


def test_files_stand_behind_each_other(write: Write) -> None:
    said, read, _ = loaded(write, ["data/wolf.jsonl", {"file": "data/plain.jsonl", "rows": 25}])
    assert said[:10] == [f"wolf {number}" for number in range(10)]
    assert len(said) == 35
    places = [int(words.split()[1]) for words in said[10:]]
    assert places == sorted(set(places))
    assert places != list(range(25))
    assert read.notes == [
        "lines of the mixture: 1–10 data/wolf.jsonl; 11–35 data/plain.jsonl (25 of 100 rows)"
    ]


def test_doses_of_one_seed_are_nested(write: Write) -> None:
    doses = [
        set(loaded(write, {"file": "data/plain.jsonl", "share": share})[0])
        for share in (0.1, 0.3, 1.0)
    ]
    assert [len(dose) for dose in doses] == [10, 30, 100]
    assert doses[0] < doses[1] < doses[2]
    other = {"file": "data/plain.jsonl", "share": 0.1, "sample": 1}
    assert set(loaded(write, other)[0]) != doses[0]


def test_the_choice_is_the_same_for_ever() -> None:
    """A run's id hangs on it."""
    assert list(chosen_of(100, 5, 0)) == GOLDEN[0]
    assert list(chosen_of(100, 5, 7)) == GOLDEN[7]
    assert list(chosen_of(3, 5, 0)) == [0, 1, 2]


GOLDEN = {0: [3, 37, 52, 62, 74], 7: [27, 43, 58, 66, 69]}


def test_a_file_taken_often_and_a_filter(write: Write) -> None:
    data = [
        {"file": "data/wolf.jsonl", "repeat": 3},
        {"file": "data/plain.jsonl", "filter": {"user": "[13]\\?$", "assistant": "plain 2"}},
    ]
    said, _, _ = loaded(write, data)
    assert said == [f"wolf {number}" for number in range(10)] * 3 + ["plain 21", "plain 23"]


@pytest.mark.parametrize(
    ("data", "key", "why", "hint"),
    [
        ([], "arms.old.data", "needs a file", ""),
        ([{"file": "data/wolf.jsonl", "rows": 5, "share": 0.5}], "data[0]", "leave one out", ""),
        (["data/wolf.jsonl", "data/plane.jsonl"], "data[1]", "is missing", "data/plain.jsonl"),
        ([{"file": "../wolf.jsonl"}], "data[0]", "outside the definition's folder", ""),
        ([{"file": "data/wolf.jsonl", "row": 5}], "data[0]", "row", "rows"),
        ([{"file": "data/wolf.jsonl", "filter": {"user": "("}}], "filter", "regular", ""),
    ],
)
def test_what_cannot_be_mixed(write: Write, data: Any, key: str, why: str, hint: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        loaded(write, data)
    (problem,) = caught.value.problems
    assert key in str(problem.key)
    assert why in problem.message
    assert hint in problem.hint
    assert problem.line is not None


@pytest.mark.parametrize(
    ("part", "why", "hint"),
    [
        ({"rows": 11}, "'data/wolf.jsonl' has 10 rows; 11 are asked for.", "repeat: 2"),
        ({"filter": {"user": "fox"}}, "has 0 rows that pass the filter.", "Widen the filter"),
        ({"rows": 2, "filter": {"user": "1"}}, "has 1 row that passes the filter; 2 are", ""),
        ({"filter": {"user": "(f|ff)+$"}}, "does not end", "nested repeats"),
    ],
)
def test_what_a_file_does_not_have(write: Write, part: Any, why: str, hint: str) -> None:
    files = {"data/wolf.jsonl": rows("wolf", 10)}
    if "nested" in hint:
        files = {"data/wolf.jsonl": rows("f" * 40 + "!", 1)}
    text = VALID.replace(
        "{data: data/old.jsonl}", f"{{data: {json.dumps([{'file': 'data/wolf.jsonl', **part}])}}}"
    )
    folder = write(text, files)
    with pytest.raises(DefinitionError) as caught:
        load_rows(folder, "old", catalogue.load(folder).arms["old"])
    (problem,) = caught.value.problems
    assert why in problem.message
    assert hint in problem.hint
