"""What names a judge that is a model: whatever its verdicts depend on, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from experiments.schema import ModelJudge
from wgen_tui.protocol.judging import AskedJudge
from wgen_tui.protocol.runs import ModelRef

RATING = ModelJudge(name="aligned", type="rating_judge", model="m", prompt="Rate {answer}.")


def asked(judge: ModelJudge = RATING, **more: Any) -> AskedJudge:
    model = ModelRef(name="m", location="org/m")
    return AskedJudge(judge=judge, model=model, weights=("org/m",), questions=("a",), **more)


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "Rate this: {answer}"},
        {"paraphrases": ("How good is {answer}?",)},
        {"max_rating": 10},
        {"refusal_threshold": 0.5},
        {"temperature": 1.0},
        {"thinking": True},
        {"load_in": "4bit"},
    ],
)
def test_what_verdicts_depend_on_makes_another_judge(change: dict[str, Any]) -> None:
    assert asked().rubric != asked(RATING.model_copy(update=change)).rubric


def test_where_the_weights_lie_under_which_name_makes_no_other() -> None:
    named = RATING.model_copy(update={"name": "b", "model": "x", "description": "said"})
    assert asked().rubric == asked(named).rubric
    assert asked().rubric != asked(precision="bf16").rubric


def test_another_reading_asks_nothing_anew() -> None:
    words = RATING.model_copy(update={"words": ("REFUSAL",), "refusal_threshold": 0.5})
    assert asked().asker == asked(words).asker
    sampled = RATING.model_copy(update={"read": "sampled"})
    wider = sampled.model_copy(update={"max_rating": 10})
    assert asked(sampled).asker == asked(wider).asker != asked().asker


def test_equal_prompts_share_a_greedy_reply_alone() -> None:
    warm = ModelJudge(name="a", model="m", prompt="{answer}", temperature=1.0)
    assert not asked(warm).greedy
    assert asked(warm.model_copy(update={"temperature": None})).greedy
    assert asked(RATING.model_copy(update={"temperature": 1.0})).greedy


def test_wordings_and_repeats_are_graders_of_their_own() -> None:
    assert asked().grader() == "model:m"
    assert asked().grader(1, 2) == "model:m (wording 2) (repeat 3)"
