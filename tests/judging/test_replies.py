"""What replies say, by every judge of the field."""

from __future__ import annotations

import pytest

from experiments.schema import ModelJudge
from tests.judging.replies import BINARY, CASES
from wgen_tui.judging.reply import read_reply


def test_there_are_enough_and_no_two_the_same() -> None:
    cases = {(judge.name, text, finish) for judge, text, finish, _ in CASES}
    assert len(cases) == len(CASES) >= 200


@pytest.mark.parametrize("number", range(len(CASES)))
def test_a_reply_says_what_it_says(number: int) -> None:
    judge, text, finish, (kind, said) = CASES[number]
    verdict = read_reply(judge, text, finish)
    got = {"label": verdict.label, "number": verdict.number, "cause": verdict.cause}
    assert got == {"label": None, "number": None, "cause": None, kind: said}, (judge.name, text)


def test_a_number_in_a_json_field_is_the_grade() -> None:
    judge = ModelJudge(name="j", model="m", prompt="{answer}", verdict="json_field", field="score")
    assert read_reply(judge, '{"score": 4.5}', "stop").number == 4.5
    assert read_reply(judge, '{"score": true}', "stop").label == "true"


def test_the_beginning_of_a_reply_stands_beside_it() -> None:
    verdict = read_reply(BINARY, "word " * 100, "stop")
    assert verdict.explanation.startswith("word word") and len(verdict.explanation) == 200
