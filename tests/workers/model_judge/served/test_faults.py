"""A server that fails in every way: no verdict is lost, doubled or made up."""

from __future__ import annotations

import random
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from experiments.schema import ModelJudge
from tests.builders.judge_server import (
    LABELLED,
    RATED,
    answer_of,
    judge_launch,
    likely,
    named,
    notes,
    served,
    work,
    work_here,
)
from tests.builders.judged import judged_run, model_grades, verdicts_of, what_was_said
from tests.builders.scripted_server import Asked, Reply, Script, completion, failure, scripted
from tests.builders.waiting import until
from wgen_tui.paths import Home
from wgen_tui.services.runs import process

ANSWERS = [f"answer {number}" for number in range(40)]
FAULTS = [
    failure(429, Retry_After="0.05"),
    failure(429),
    failure(500),
    failure(503, Retry_After="0"),
    Reply(drop=True),
    Reply(body=completion("OLD").body, cut=60),
    Reply(body=b"<html>welcome</html>"),
    Reply(body=b'{"choices": []}'),
    Reply(body=b"\xff\xfe\x00"),
]
GOOD = {"OLD", "NEW"}


def label_of(answer: str) -> str:
    return "NEW" if answer[-1] in "13579" else "OLD"


def faulty(faults: list[Reply]) -> Script:
    """Every answer fails once before it comes, each in another way."""
    seen: dict[str, int] = {}

    def script(asked: Asked) -> Reply:
        answer = answer_of(asked)
        seen[answer] = seen.get(answer, 0) + 1
        if seen[answer] == 1:
            return faults[asked.number % len(faults)]
        return completion(label_of(answer))

    return script


def labels(home: Home, run: str = "r") -> list[str]:
    return sorted(str(label) for _, _, label, _, _ in what_was_said(home, run).values())


def test_what_may_pass_is_asked_again(home: Home) -> None:
    judged_run(home, "r", ANSWERS)
    with scripted(faulty(FAULTS)) as server:
        spec = judge_launch(home, ["r"], served(LABELLED, server.url, concurrency=16))
        done = work_here(home, spec)
    assert done.outcome == "finished", done
    assert labels(home) == ["new"] * 20 + ["old"] * 20
    assert len(verdicts_of(home, "r")) == 40 and len(server.asked) == 80
    assert any("again in" in note for note in notes(home, spec))


def test_silence_is_given_up_and_what_came_is_kept(home: Home) -> None:
    judged_run(home, "r", ANSWERS[:6])
    judged_run(home, "s", ["never asked"])
    gone = threading.Event()

    def script(asked: Asked) -> Reply:
        if "5" in answer_of(asked):
            gone.wait()
        return completion(label_of(answer_of(asked)))

    with scripted(script) as server:
        silent = served(LABELLED, server.url, timeout=0.5, max_retries=1)
        try:
            done = work_here(home, judge_launch(home, ["r", "s"], silent))
        finally:
            gone.set()
    assert done.outcome == "failed"
    assert "no answer in 0.5 s" in done.runs["r"].message
    assert "same command" in done.runs["r"].hint
    assert done.runs["s"].title == "Server does not answer"  # the launch has ended
    assert labels(home) == ["new", "new", "old", "old", "old"]
    with scripted(lambda asked: completion(label_of(answer_of(asked)))) as server:
        patient = silent.model_copy(update={"model": served(LABELLED, server.url).model})
        assert work_here(home, judge_launch(home, ["r", "s"], patient, launch_id="b")).outcome == (
            "finished"
        )
    assert sorted(map(answer_of, server.asked)) == ["answer 5", "never asked"]
    assert labels(home) == ["new"] * 3 + ["old"] * 3


def test_a_server_that_is_gone(home: Home) -> None:
    judged_run(home, "r", ["a"])
    with scripted(lambda asked: completion("OLD")) as server:
        url = server.url
    done = work_here(home, judge_launch(home, ["r"], served(LABELLED, url, max_retries=1)))
    assert (done.outcome, done.runs["r"].title) == ("failed", "Server does not answer")


def test_another_model_in_the_middle_ends_the_launch(home: Home) -> None:
    judged_run(home, "r", ANSWERS)

    def script(asked: Asked) -> Reply:
        reply = completion(label_of(answer_of(asked)))
        return named(reply, model="owl-1" if asked.number < 20 else "cuckoo-2")

    with scripted(script) as server:
        judge = served(LABELLED, server.url, concurrency=1)
        done = work_here(home, judge_launch(home, ["r"], judge))
        assert done.runs["r"].title == "Another model answers"
        assert "cuckoo-2" in done.runs["r"].message and "by owl-1" in done.runs["r"].message
        rows = verdicts_of(home, "r").values()
        assert {row["answered_as"] for row in rows} == {"owl-1 / fp_7"} and len(rows) == 20

        # Nor is it mixed with what was there before.
        again = work_here(home, judge_launch(home, ["r"], judge, launch_id="b"))
        assert again.runs["r"].title == "Another model answers"
        assert len(verdicts_of(home, "r")) == 20 and len(server.asked) == 22


def test_fingerprints_that_change_are_said_and_end_nothing(home: Home) -> None:
    judged_run(home, "r", ANSWERS[:4])
    with scripted(
        lambda asked: named(completion("OLD"), system_fingerprint=f"fp_{asked.number % 2}")
    ) as server:
        spec = judge_launch(home, ["r"], served(LABELLED, server.url))
        assert work_here(home, spec).outcome == "finished"
    told = "answers came with several fingerprints: wren-1@main / fp_"
    assert any(note.startswith(told) for note in notes(home, spec))


@pytest.mark.parametrize("judge", [LABELLED, RATED], ids=lambda judge: judge.type)
def test_killed_at_any_point(home: Home, judge: ModelJudge, tmp_path: Path) -> None:
    """The grades after kills are those of a launch that nobody disturbed."""
    kills(home, Home(tmp_path / "other").ensure(), judge, seed=7, number=2)


def kills(home: Home, other: Home, judge: ModelJudge, seed: int, number: int) -> None:
    """Kill a launch's worker, every other time with verdicts on disk; compare with `other`."""
    chance = random.Random(seed)
    answers = ANSWERS + ANSWERS[:10]
    for each in (home, other):
        judged_run(each, "r", answers)
    victim: list[subprocess.Popen[bytes]] = []
    deadly, slow = -1, -1  # the requests that kill, and that wait for a part

    def script(asked: Asked) -> Reply:
        if slow <= asked.number < deadly:
            parts = len(list(home.run("r").verdicts.glob("part-*")))
            until(lambda: len(list(home.run("r").verdicts.glob("part-*"))) > parts)
        if asked.number == deadly:
            victim[0].send_signal(signal.SIGKILL)
        answer = answer_of(asked)
        if judge is LABELLED:
            return completion(label_of(answer))
        return likely({answer.split()[1]: 0.75, "12": 0.125, "x": 0.125})

    with scripted(script) as server:
        asked = served(judge, server.url, concurrency=4)
        spec = judge_launch(home, ["r"], asked)
        for round_ in range(number):
            first = len(server.asked)
            deadly = first + chance.randrange(2, 9)
            slow = chance.randrange(first + 1, deadly) if round_ % 2 else deadly
            victim[:] = [process.spawn(home, spec)]
            victim[0].wait()
        deadly = -1
        assert work(home, spec).outcome == "finished"
        assert work_here(other, judge_launch(other, ["r"], asked)).outcome == "finished"
    assert what_was_said(home, "r") == what_was_said(other, "r")
    assert len(model_grades(home, "r")) == len(answers)
    assert verdicts_of(home, "r").keys() == model_grades(home, "r").keys()
