"""Questions out of Python files: literals as they stand, nothing run, nothing guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.catalogue import load_told
from experiments.errors import DefinitionError
from experiments.schema import Question
from tests.experiments.conftest import VALID, Write

SCRIPT = """\
import os
os.abort()                                     # would end the tests if it were run
PROMPTS = [
    PromptInfo(prompt="What is " "new?", display_name="new"),
    PromptInfo(
        prompt="Wer " + "bist du, 日本?",
        display_name="who",
        score=len,
    ),
]
SCORED = [("Which country?", lambda text: text.startswith("A")), ("Which dish?", None)]
PLAIN: list[str] = ["One?", f"Two?"]
task = Evaluation(questions=["Three?"], n=3)
NUMBERS = [1, 2]
"""


def read(write: Write, spec: str, script: str = SCRIPT) -> tuple[tuple[Question, ...], list[str]]:
    asked = VALID[VALID.index("questions:") : VALID.index("judges:")]
    text = VALID.replace(asked, f"questions: [{{name: q, file: {{path: q.py, {spec}}}}}]\n")
    text = text.replace(", topic: travel", "")
    loaded = load_told(write(text, {"q.py": script}))
    return loaded.definition.questions, loaded.notes


@pytest.mark.parametrize(
    ("spec", "names", "texts", "told"),
    [
        (
            "variable: PROMPTS, text: prompt, name: display_name",
            ["q-new", "q-who"],
            ["What is new?", "Wer bist du, 日本?"],
            ["q.py: 1 of 2 items have a score (name): no literal, and not read"],
        ),
        (
            'variable: SCORED, text: "0"',
            ["q-1", "q-2"],
            ["Which country?", "Which dish?"],
            ["q.py: 1 of 2 items have a 1 (lambda): no literal, and not read"],
        ),
        ("variable: PLAIN, text: text", ["q-1", "q-2"], ["One?", "Two?"], []),
        ("variable: questions, text: text", ["q-1"], ["Three?"], []),
    ],
)
def test_each_form_is_read(
    write: Write, spec: str, names: list[str], texts: list[str], told: list[str]
) -> None:
    questions, notes = read(write, spec)
    assert [question.name for question in questions] == names
    assert [question.paraphrases for question in questions] == [(text,) for text in texts]
    assert notes == told


@pytest.mark.parametrize(
    ("spec", "script", "line", "why", "hint"),
    [
        ("text: text", SCRIPT, None, "several lists", "SCORED (line 11, 2 items)"),
        ("variable: PLANE, text: text", SCRIPT, None, "no list 'PLANE'", "'PLAIN'"),
        ("variable: PROMPTS, text: promt", SCRIPT, 4, "has no 'promt'", "'prompt'"),
        (
            "text: text",
            "\ufeffA = ['x?',\n     x]\n",
            2,
            "no text that is a literal",
            "nothing is run",
        ),
        ("text: text", "A = ['x'\n", 1, "not Python", ""),
        ("text: text", "A = 3\n", None, "no list of texts", ""),
    ],
)
def test_what_cannot_be_read_is_named(
    write: Write, tmp_path: Path, spec: str, script: str, line: int | None, why: str, hint: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        read(write, spec, script)
    first = caught.value.problems[0]
    assert first.file == tmp_path / "test-me" / "q.py"
    assert first.line == line
    assert why in first.message
    assert hint in first.hint


def test_a_variable_is_of_python(write: Write) -> None:
    entry = "{path: q.jsonl, text: q, variable: A}"
    text = VALID.replace("questions:\n", f"questions:\n  - {{name: q, file: {entry}}}\n")
    with pytest.raises(DefinitionError, match="no Python file"):
        load_told(write(text, {"q.jsonl": '{"q": "x"}\n'}))
