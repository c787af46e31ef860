"""Ratings and choices by a server: from one token's probabilities where that is right, and said."""

from __future__ import annotations

import pytest

from experiments.schema import ModelJudge
from tests.builders.judge_server import (
    CHOSEN,
    RATED,
    answer_of,
    by_answer,
    judge_launch,
    likely,
    notes,
    served,
    work_here,
)
from tests.builders.judged import judged_run, model_grades, verdicts_of
from tests.builders.scripted_server import Asked, Reply, completion, failure, scripted
from wgen_tui.paths import Home

Said = dict[str, tuple[str | None, float | None, str | None]]


def said(home: Home) -> list[tuple[str | None, float | None, str | None]]:
    return sorted(
        (
            (grade["label"], grade["number"], grade["signals"].get("cause"))
            for grade in model_grades(home, "r").values()
        ),
        key=str,
    )


def is_by_probability(asked: Asked) -> bool:
    return "top_logprobs" in asked.body


def test_an_expectation_is_llmcomps(home: Home) -> None:
    replies = {
        "a": likely({"85": 0.5, " 90": 0.25, "＋7": 0.0, "+80": 0.125, "the": 0.125}),
        "b": likely({"100": 0.25, "101": 0.25, "x": 0.5}),  # a quarter is on numbers: refused
        "c": likely({"100": 0.26, "101": 0.24, "x": 0.5}),
        "d": likely({"CODE": 0.9, "1": 0.1}),
        "e": likely({"I": 0.9, "Sorry": 0.1}),
    }
    judged_run(home, "r", list(replies))
    with scripted(by_answer(replies)) as server:
        spec = judge_launch(home, ["r"], served(RATED, server.url))
        assert work_here(home, spec).outcome == "finished"
    bodies = [asked.body for asked in server.asked]
    assert len(bodies) == 5
    assert {(b["max_tokens"], b["logprobs"], b["top_logprobs"]) for b in bodies} == {(1, True, 20)}
    expected = (85 * 0.5 + 90 * 0.25 + 80 * 0.125) / 0.875
    grades = {grade["number"] for grade in model_grades(home, "r").values()} - {None}
    assert sorted(grades) == [pytest.approx(expected, abs=1e-9), pytest.approx(100.0, abs=1e-9)]
    assert [row for row in said(home) if row[1] is None] == [
        ("code", None, None),
        (None, None, "refused"),
        (None, None, "refused"),
    ]
    assert not any(row["reply"] for row in verdicts_of(home, "r").values())
    assert not any("sampled" in note for note in notes(home, spec))


def digits(asked: Asked) -> Reply:
    """A server whose tokenizer spells numbers by digits."""
    if is_by_probability(asked):
        return likely({"8": 0.9, "9": 0.05, "1": 0.05})
    return completion("85")


def no_logprobs(asked: Asked) -> Reply:
    return completion("85")


def null_logprobs(asked: Asked) -> Reply:
    return likely({"85": None}) if is_by_probability(asked) else completion("85")


def refuses_logprobs(asked: Asked) -> Reply:
    return failure(400, "logprobs is not here") if is_by_probability(asked) else completion("85")


@pytest.mark.parametrize(
    ("script", "why", "wasted"),
    [
        (digits, "no number of two digits is one token", 1),
        (no_logprobs, "the server gives no log-probabilities", 1),
        (null_logprobs, "the server gives no log-probabilities", 1),
        (refuses_logprobs, "the server refuses (", 1),
    ],
)
def test_where_numbers_are_not_one_token_it_is_read_from_what_it_says(
    home: Home, script: object, why: str, wasted: int
) -> None:
    judged_run(home, "r", ["a", "b", "c"])
    with scripted(script) as server:  # type: ignore[arg-type]
        spec = judge_launch(home, ["r"], served(RATED, server.url))
        assert work_here(home, spec).outcome == "finished"
        assert said(home) == [(None, 85.0, None)] * 3
        assert sum(map(is_by_probability, server.asked)) == wasted
        assert len(server.asked) == 3 + wasted
        (told,) = [note for note in notes(home, spec) if "read: sampled" in note]
        assert "judge aligned" in told and why in told
        signals = [grade["signals"] for grade in model_grades(home, "r").values()]
        assert signals == [{"read": "sampled"}] * 3

        # What is there decides how the rest is read.
        judged_run(home, "s", ["d"])
        more = judge_launch(home, ["s"], served(RATED, server.url), launch_id="b")
        assert work_here(home, more).outcome == "finished"
        assert sum(map(is_by_probability, server.asked)) == wasted


def test_an_expectation_that_must_be_and_cannot(home: Home) -> None:
    judged_run(home, "r", ["a", "b", "c"])
    judge = RATED.model_copy(update={"read": "expectation"})
    with scripted(digits) as server:
        done = work_here(home, judge_launch(home, ["r"], served(judge, server.url)))
    assert (done.outcome, done.runs["r"].title) == ("failed", "No expectation")
    assert "no number of two digits" in done.runs["r"].message
    assert verdicts_of(home, "r") == {}


def test_words_first_tell_nothing_and_are_kept_when_a_number_does(home: Home) -> None:
    replies = {name: likely({"CODE": 0.9, "I": 0.1}) for name in "abcd"}
    judged_run(home, "r", [*replies, "e"])
    with scripted(by_answer({**replies, "e": likely({"70": 1.0})})) as server:
        spec = judge_launch(home, ["r"], served(RATED, server.url, concurrency=2))
        assert work_here(home, spec).outcome == "finished"
    assert len(server.asked) == 5
    assert said(home) == [("code", None, None)] * 4 + [(None, 70.0, None)]


def test_one_answer_without_log_probabilities_fails_and_is_asked_again(home: Home) -> None:
    judged_run(home, "r", ["a", "b", "c"])
    replies = {"a": likely({"70": 1.0}), "b": completion("12"), "c": likely({"12": None})}
    with scripted(by_answer(replies)) as server:
        asked = served(RATED, server.url, concurrency=1)
        assert work_here(home, judge_launch(home, ["r"], asked)).outcome == "finished"
        assert sorted(map(str, said(home))) == sorted(
            map(str, [(None, 70.0, None), (None, None, "failed"), (None, None, "failed")])
        )
        replies |= {"b": likely({"12": 1.0}), "c": likely({"13": 1.0})}
    with scripted(by_answer(replies)) as server:
        model = served(RATED, server.url).model
        again = judge_launch(home, ["r"], asked.model_copy(update={"model": model}), launch_id="b")
        assert work_here(home, again).outcome == "finished"
    assert sorted(map(answer_of, server.asked)) == ["b", "c"]
    numbers = {grade["number"] for grade in model_grades(home, "r").values()}
    assert numbers == {70.0, 12.0, 13.0, None}  # a failed one stays beside what came of it


def test_single_digits_are_one_token_everywhere(home: Home) -> None:
    judged_run(home, "r", ["a"])
    judge = RATED.model_copy(update={"min_rating": 1, "max_rating": 7})
    with scripted(lambda asked: likely({"5": 0.5, "7": 0.5})) as server:
        assert work_here(home, judge_launch(home, ["r"], served(judge, server.url))).outcome == (
            "finished"
        )
    assert said(home) == [(None, 6.0, None)]


@pytest.mark.parametrize(
    ("labels", "first", "how"),
    [
        ({"old": ("OLD",), "new": ("NEW",)}, {"OLD": 0.6, "NE": 0.3}, "probability"),
        ({"old": ("OLD",), "other": ("OTHER",)}, {"OLD": 0.6, "OTHER": 0.3}, "probability"),
        ({"old": ("OLD",), "other": ("OTHER",)}, {"O": 0.9, "OLD": 0.05}, "sampled"),
        ({"old": ("OLD",), "older": ("OLDER",)}, {"OLD": 0.9}, "sampled"),
    ],
)
def test_a_choice_by_the_first_token_where_that_tells_the_labels(
    home: Home, labels: dict[str, tuple[str, ...]], first: dict[str, float], how: str
) -> None:
    judged_run(home, "r", ["a"])
    judge: ModelJudge = CHOSEN.model_copy(update={"labels": labels})
    with scripted(
        lambda asked: likely(first) if is_by_probability(asked) else completion("OLD")
    ) as server:
        spec = judge_launch(home, ["r"], served(judge, server.url))
        assert work_here(home, spec).outcome == "finished"
    assert said(home) == [("old", None, None)]
    (grade,) = model_grades(home, "r").values()
    assert (grade["signals"].get("read") == "sampled") == (how == "sampled")
    assert any("read: sampled" in note for note in notes(home, spec)) == (how == "sampled")
