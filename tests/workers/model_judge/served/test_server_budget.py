"""A budget is never passed, and what it leaves open is said and can be judged later."""

from __future__ import annotations

import pytest

from tests.builders.judge_server import LABELLED, PRICES, judge_launch, served, work_here
from tests.builders.judged import judged_run, model_grades, verdicts_of
from tests.builders.scripted_server import Asked, Reply, completion, scripted
from wgen_tui.paths import Home

ANSWERS = [f"answer {number}" for number in range(30)]
JUDGE = LABELLED.model_copy(update={"max_tokens": 3})
EACH = 0.013  # seven tokens in and three out


def spent(home: Home, run: str = "r") -> float:
    return sum(row["cost"] for row in verdicts_of(home, run).values())


def test_a_launch_stops_before_its_budget_is_passed(home: Home) -> None:
    judged_run(home, "r", ANSWERS)
    judged_run(home, "s", ["more"])
    with scripted(lambda asked: completion("OLD")) as server:
        judge = served(JUDGE, server.url, concurrency=8, **PRICES)
        done = work_here(home, judge_launch(home, ["r", "s"], judge, budget=0.2))
        assert done.outcome == "failed"
        assert {run.title for run in done.runs.values()} == {"Budget reached"}
        paid = len(server.asked) * EACH
        assert spent(home) == pytest.approx(paid)
        # The dearest that the next could have been, a token for each byte of it, did not fit.
        assert 0.2 - 0.1 < paid <= 0.2
        missing = 31 - len(server.asked)
        message = done.runs["r"].message
        assert "the budget of 0.2" in message and f"{missing} verdicts are missing" in message
        assert f"{paid:.4g} is spent" in message

        more = work_here(home, judge_launch(home, ["r", "s"], judge, launch_id="b", budget=9))
        assert more.outcome == "finished"
        assert len(server.asked) == 31  # none twice
    assert len(model_grades(home, "r")) == 30


def test_a_second_attempt_at_a_launch_goes_on_with_what_is_left(home: Home) -> None:
    judged_run(home, "r", ANSWERS)
    with scripted(lambda asked: completion("OLD")) as server:
        spec = judge_launch(home, ["r"], served(JUDGE, server.url, **PRICES), budget=0.2)
        work_here(home, spec)
        asked = len(server.asked)
        assert work_here(home, spec).runs["r"].title == "Budget reached"
        assert len(server.asked) == asked


def test_lost_and_uncounted_answers_count_as_dear_as_they_may_be(home: Home) -> None:
    judged_run(home, "r", ANSWERS)

    def script(asked: Asked) -> Reply:
        if asked.number % 2:
            return completion("OLD")
        return Reply(body=completion("OLD").body, cut=50)

    with scripted(script) as server:
        judge = served(JUDGE, server.url, concurrency=2, max_retries=9, **PRICES)
        done = work_here(home, judge_launch(home, ["r"], judge, budget=0.5))
    assert done.runs["r"].title == "Budget reached"
    assert "answers that got lost" in done.runs["r"].message
    assert len(server.asked) * EACH <= 0.5


def test_a_budget_without_prices(home: Home) -> None:
    judged_run(home, "r", ANSWERS[:1])
    with scripted(lambda asked: completion("OLD")) as server:
        done = work_here(home, judge_launch(home, ["r"], served(JUDGE, server.url), budget=0.5))
    assert (done.title, len(server.asked)) == ("No prices", 0)
    assert "[endpoints.owls]" in done.hint
