"""A budget is never passed, and what it leaves open is said and can be judged later."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from tests.builders.judge_server import LABELLED, PRICES, judge_launch, served, work_here
from tests.builders.judged import judged_run, model_grades, verdicts_of
from tests.builders.scripted_server import Asked, Reply, completion, scripted
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import DoneRecord
from wgen_tui.protocol.runs import Endpoint
from wgen_tui.services.control.restart import restart_runs
from wgen_tui.services.runs import process
from wgen_tui.workers.model_judge.budget import Budget, BudgetReached
from wgen_tui.workers.model_judge.ledger import Ledger

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


def test_a_kill_lets_no_more_be_spent(home: Home) -> None:
    judged_run(home, "r", ANSWERS)
    workers: list[subprocess.Popen[bytes]] = []

    def script(asked: Asked) -> Reply:
        if asked.number % 4 == 3:  # what it answered before is not on disk yet
            workers[-1].kill()
        return completion("OLD")

    with scripted(script) as server:
        judge = served(JUDGE, server.url, concurrency=2, **PRICES)
        spec = judge_launch(home, ["r"], judge, budget=0.3)
        done = home.launch(spec.launch_id).done
        while not done.exists() and len(workers) < 20:
            workers.append(process.spawn(home, spec))
            workers[-1].wait()
        assert len(workers) > 2
        record = DoneRecord.model_validate_json(done.read_bytes())
        assert record.runs["r"].title == "Budget reached"
        assert "went for answers that got lost" in record.runs["r"].message
        asked = len(server.asked)
        assert 0.1 < asked * EACH <= 0.3

        for _ in range(2):  # a retry, and a retry of that
            [copy] = restart_runs(home, ["r"])
            assert copy.judge is not None and copy.judge.panel is not None
            assert copy.judge.panel.paid_from == spec.launch_id
            assert work_here(home, copy).runs["r"].title == "Budget reached"
        assert len(server.asked) == asked


def test_retries_side_by_side_share_a_budget(tmp_path: Path) -> None:
    endpoint = Endpoint(name="owls", base_url="http://localhost", **PRICES)

    async def spend(budget: Budget, each: float, counts: tuple[int | None, int | None]) -> None:
        async with budget.request(each) as paid:
            paid.pay(*counts)

    async def killed(budget: Budget) -> None:
        async with budget.request(2.0):
            await asyncio.Event().wait()

    async def both() -> str:
        one = Budget(endpoint, 10.0, Ledger(tmp_path / "ledger", before=1.0))
        two = Budget(endpoint, 10.0, Ledger(tmp_path / "ledger", before=1.0))
        await spend(one, 4.0, (1000, 1000))  # three, not four
        await spend(two, 2.0, (None, None))  # as dear as it may be
        task = asyncio.ensure_future(killed(two))
        while not two._on_their_way:
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await spend(one, 2.0, (0, 0))
        with pytest.raises(BudgetReached) as reached:
            await spend(two, 2.5, (0, 0))
        await spend(two, 2.0, (0, 0))
        return str(reached.value)

    said = asyncio.run(both())
    assert "6 is spent, up to 2 went for answers that got lost" in said
    with (tmp_path / "ledger").open("ab") as stream:
        stream.write(b"asked 1.")  # what a full disk cut short
    last = Ledger(tmp_path / "ledger")
    with last.locked():
        last.ask(0.5)
    assert (last.spent, last.open) == (6.0, 2.5)
    assert Ledger(tmp_path / "ledger").open == 2.5


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
