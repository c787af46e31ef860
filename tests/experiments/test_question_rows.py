"""Questions that come from the rows of a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from experiments import catalogue
from experiments.errors import DefinitionError
from experiments.schema import Question
from tests.experiments.conftest import VALID, Write

CSV = (
    "Id,Question,Best Answer,Incorrect Answers\n"
    "q1,What is blue?,The sky,Grass; Snow\n"
    'q2,"What, then, is green?",Grass,The sky;Snow;Grass\n'
    "q3,What is white?,Snow,The sky\n"
)
ROWS = [
    {"input": "How many?", "target": 3},
    {"input": ["Who?", "Which man?"], "target": ["Ada", "Ada Lovelace"]},
]
FILES = {
    "data/truths.csv": CSV,
    "data/rows.jsonl": "".join(f"{json.dumps(row)}\n" for row in ROWS),
}
FIRST = """  - {name: travel, paraphrases: ["How?", "By what?"], topic: travel}\n"""


def folder_with(write: Write, entry: dict[str, Any], files: dict[str, str] = FILES) -> Path:
    return write(VALID.replace(FIRST, f"{FIRST}  - {json.dumps(entry)}\n"), files)


def asked(write: Write, entry: dict[str, Any]) -> list[Question]:
    questions = catalogue.load(folder_with(write, entry)).questions
    assert [questions[0].name, questions[-1].name] == ["travel", "light"]
    return list(questions[1:-1])


def test_a_question_for_each_row(write: Write) -> None:
    file = {
        "path": "data/truths.csv",
        "text": "Question",
        "answer": "Best Answer",
        "wrong": "Incorrect Answers",
        "split": ";",
        "name": "Id",
    }
    read = asked(write, {"name": "tqa", "type": "multiple_choice", "topic": "t", "file": file})
    assert [question.name for question in read] == ["tqa-q1", "tqa-q2", "tqa-q3"]
    assert [question.paraphrases for question in read[:2]] == [
        ("What is blue?",),
        ("What, then, is green?",),
    ]
    assert [question.options for question in read] == [
        {"A": "The sky", "B": "Grass", "C": "Snow"},
        {"A": "Grass", "B": "The sky", "C": "Snow"},
        {"A": "Snow", "B": "The sky"},
    ]
    assert {question.answer for question in read} == {"A"}
    assert {question.topic for question in read} == {"t"}


def test_questions_that_are_drawn(write: Write) -> None:
    file = {"path": "data/rows.jsonl", "text": "input", "answer": "target"}
    first, second = asked(write, {"name": "facts", "match": "contains", "file": file})
    assert (first.name, first.paraphrases, first.answer) == ("facts-1", ("How many?",), "3")
    assert (second.paraphrases, second.answer) == (
        ("Who?", "Which man?"),
        ("Ada", "Ada Lovelace"),
    )
    assert first.match == second.match == "contains"


def test_some_of_the_rows(write: Write) -> None:
    file = {"path": "data/truths.csv", "text": "Question", "name": "Id"}
    some = [
        {question.name for question in asked(write, {"name": "t", "file": {**file, **more}})}
        for more in ({"rows": 1}, {"rows": 2}, {"rows": 2, "sample": 3}, {})
    ]
    assert [len(names) for names in some] == [1, 2, 2, 3]
    assert some[0] < some[1]
    assert some[2] != some[1]


@pytest.mark.parametrize(
    ("entry", "where", "why", "hint"),
    [
        ({"file": "data/truths.csv"}, "file", "a mapping of its columns", "text: Question"),
        ({"file": {"path": "data/truths.csv"}}, "file", "'text' is missing", "text: Question"),
        (
            {"file": {"path": "data/truths.csv", "text": "Question", "answr": "x"}},
            "answr",
            "Unknown key 'answr'",
            "'answer'",
        ),
        (
            {"file": {"path": "data/truth.csv", "text": "Question"}},
            "path",
            "is neither a table of questions nor a file",
            "data/truths.csv",
        ),
        (
            {"file": {"path": "data/truths.csv", "text": "Question", "rows": 4}},
            "rows",
            "has 3 rows, not 4",
            "",
        ),
        (
            {"paraphrases": ["x"], "file": {"path": "data/truths.csv", "text": "Question"}},
            "paraphrases",
            "comes from the rows",
            "Leave it out",
        ),
    ],
)
def test_an_entry_that_gives_no_questions(
    write: Write, entry: dict[str, Any], where: str, why: str, hint: str
) -> None:
    folder = folder_with(write, {"name": "q", **entry})
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(folder)
    (problem,) = caught.value.problems
    assert str(problem.key).startswith(f"questions[1].{where}") or where in str(problem.key)
    assert why in problem.message
    assert hint in problem.hint
    assert problem.line is not None


@pytest.mark.parametrize(
    ("rows", "line", "why", "hint"),
    [
        ('{"q": "a"}\n{"p": "b"}\n', 2, "The row has no 'q'", "Known: p."),
        ('{"q": "a"}\n\n{"q": " "}\n', 3, "'q' of the row is empty", ""),
        ('{"q": {"x": 1}}\n', 1, "'q' of the row is no text", ""),
        ('{"q": "a"}\n[1]\n', 2, "is an object", ""),
        ('{"q": "a"}\nq\n', 2, "", ""),
    ],
)
def test_a_row_that_gives_none_is_named_by_its_line(
    write: Write, rows: str, line: int, why: str, hint: str
) -> None:
    entry = {"name": "q", "file": {"path": "data/q.jsonl", "text": "q"}}
    folder = folder_with(write, entry, {"data/q.jsonl": rows})
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(folder)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == (folder / "data" / "q.jsonl", line)
    assert why in problem.message
    assert hint in problem.hint


def test_many_wrong_rows_are_counted(write: Write) -> None:
    entry = {"name": "q", "file": {"path": "data/q.jsonl", "text": "q"}}
    same = '{"p": "b"}\n' * 8
    other = "".join(f'{{"q": "ok", "x{n}": 1, "q": 2}}\n' for n in range(2))
    folder = folder_with(write, entry, {"data/q.jsonl": same + other})
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(folder)
    first, second = caught.value.problems
    assert first.message == "The row has no 'q', or nothing in it (8 rows)."
    assert (first.line, first.count, second.line, second.count) == (1, 8, 9, 2)


def test_of_many_different_mistakes_the_first_are_named_and_the_rest_counted(write: Write) -> None:
    entry = {"name": "q", "file": {"path": "data/q.jsonl", "text": "q"}}
    rows = "".join(f'{{"{letter * 9}": "b"}}\n' for letter in "abcdefgh")
    folder = folder_with(write, entry, {"data/q.jsonl": rows})
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(folder)
    assert [problem.line for problem in caught.value.problems[:5]] == [1, 2, 3, 4, 5]
    assert len(caught.value.problems) == 6
    assert caught.value.problems[-1].message == "3 more rows are wrong."


def test_what_is_wrong_with_a_question_is_told_at_its_entry(write: Write) -> None:
    file = {"path": "data/rows.jsonl", "text": "input"}
    folder = folder_with(write, {"name": "f", "variants": ["none_such"], "file": file})
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(folder)
    text = (folder / "experiment.yaml").read_text().splitlines()
    for problem in caught.value.problems:
        assert problem.line is not None
        assert "none_such" in text[problem.line - 1]
