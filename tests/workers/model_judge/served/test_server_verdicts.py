"""Judges at a server: what is asked, what is kept, and what says nothing with its cause."""

from __future__ import annotations

import json

import pytest

from tests.builders.home import write_run
from tests.builders.judge_server import (
    LABELLED,
    PRICES,
    answer_of,
    by_answer,
    judge_launch,
    notes,
    served,
    work,
    work_here,
)
from tests.builders.judged import judged_run, model_grades, verdicts_of, what_was_said
from tests.builders.scripted_server import Asked, Reply, completion, failure, scripted
from wgen_tui.paths import Home

KEY = "sk-planted-0123456789"


def test_each_prompt_is_asked_once_and_all_that_came_is_kept(home: Home) -> None:
    judged_run(home, "r", ["a", "b", "a", "c"])
    judged_run(home, "s", ["a", "d"])
    judge = LABELLED.model_copy(update={"system": "You judge.", "max_tokens": 5})
    with scripted(lambda asked: completion("ANSWER: OLD")) as server:
        spec = judge_launch(home, ["r", "s"], served(judge, server.url, concurrency=3, **PRICES))
        done = work(home, spec)
    assert done.outcome == "finished", done
    assert sorted(map(answer_of, server.asked)) == ["a", "b", "c", "d"]
    assert server.asked[0].body == {
        "model": "owl-1",
        "temperature": 0.0,
        "max_tokens": 5,
        "messages": [
            {"role": "system", "content": "You judge."},
            server.asked[0].body["messages"][1],
        ],
    }
    rows = [*verdicts_of(home, "r").values(), *verdicts_of(home, "s").values()]
    assert {row["answered_as"] for row in rows} == {"wren-1@main / fp_7"}
    assert {row["engine"] for row in rows} == {f"owls {server.url} / wren-1@main / fp_7"}
    assert {(row["reply"], row["prompt_tokens"], row["tokens"]) for row in rows} == {
        ("ANSWER: OLD", 7, 3)
    }
    assert sum(row["cost"] or 0.0 for row in rows) == pytest.approx(4 * 0.013)
    assert {row["label"] for row in model_grades(home, "r").values()} == {"old"}
    assert len(model_grades(home, "r")) == 4
    assert "3 answers of owls: 21 tokens in, 9 out, cost 0.039" in notes(home, spec)
    again = judge_launch(home, ["r", "s"], served(judge, server.url), launch_id="again")
    assert work_here(home, again).outcome == "finished"  # nobody is there to be asked


def test_sampled_verdicts_have_seeds_of_their_own(home: Home) -> None:
    judged_run(home, "r", ["a", "a"])
    judge = LABELLED.model_copy(update={"temperature": 0.7, "repeat": 2, "max_tokens": 5})
    names = {"max_tokens": "max_completion_tokens", "top_logprobs": "n_probs"}
    with scripted(lambda asked: completion("OLD")) as server:
        work_here(home, judge_launch(home, ["r"], served(judge, server.url, parameters=names)))
    bodies = [asked.body for asked in server.asked]
    assert len({body["seed"] for body in bodies}) == 4
    assert all(0 <= body["seed"] < 2**31 for body in bodies)
    assert {(body["temperature"], body["max_completion_tokens"]) for body in bodies} == {(0.7, 5)}
    assert not any("max_tokens" in body for body in bodies)


EMPTY = {"message": {"content": None}}
SAYS_NOTHING = {
    "filtered": (completion("", finish_reason="content_filter"), "refused"),
    "refusal field": (completion(message={"content": None, "refusal": "No."}), "refused"),
    "refuses": (completion("I'm sorry, I can't help with that."), "refused"),
    "cut": (completion("Let me think about", finish_reason="length"), "cut"),
    "null": (completion(**EMPTY), "empty"),
    "thinks": (completion(message={"content": None, "reasoning_content": "Hm"}), "empty"),
    "thinks long": (
        completion(message={"content": None, "reasoning": "Hm"}, finish_reason="length"),
        "cut",
    ),
    "odd": (completion("Both, \x1b[31mreally."), "unparsed"),
    "too long": (failure(400, "maximum context length is 4096 tokens"), "failed"),
    "too large": (failure(413), "failed"),
    "unprocessable": (failure(422), "failed"),
}


def test_what_says_nothing_is_missing_with_its_cause(home: Home) -> None:
    replies: dict[str, Reply] = {name: reply for name, (reply, _) in SAYS_NOTHING.items()}
    judged_run(home, "r", ["fine", *replies])
    with scripted(by_answer({**replies, "fine": completion("NEW")})) as server:
        spec = judge_launch(home, ["r"], served(LABELLED, server.url))
        done = work_here(home, spec)
    assert done.outcome == "finished", done
    grades = model_grades(home, "r").values()
    causes = sorted(str(grade["signals"].get("cause")) for grade in grades)
    assert causes == sorted(["None", *(cause for _, cause in SAYS_NOTHING.values())])
    assert [grade["label"] for grade in grades if grade["label"]] == ["new"]
    told = notes(home, spec)
    counted = "11 of 12 verdicts are missing: 3 failed, 3 refused, 2 cut, 2 empty, 1 unparsed"
    assert counted in told
    assert any("2 of 9 answers are empty" in note for note in told)
    assert any("status 400: maximum context length is 4096 tokens" in note for note in told)
    failed = [row for row in verdicts_of(home, "r").values() if row["cause"] == "failed"]
    assert len(failed) == 3

    # Those that failed are asked again, the others are not.
    with scripted(lambda asked: completion("OLD")) as better:
        asked = served(LABELLED, server.url)
        model = asked.model.model_copy(
            update={"endpoint": asked.model.endpoint.model_copy(update={"base_url": better.url})}  # type: ignore[union-attr]
        )
        moved = asked.model_copy(update={"model": model})
        assert (
            work_here(home, judge_launch(home, ["r"], moved, launch_id="b")).outcome == "finished"
        )
    assert sorted(map(answer_of, better.asked)) == ["too large", "too long", "unprocessable"]
    said = [label for _, _, label, _, _ in what_was_said(home, "r").values() if label]
    assert sorted(said) == ["new", "old", "old", "old"]


def test_a_server_that_refuses_every_prompt_ends_the_judge_early(home: Home) -> None:
    judged_run(home, "r", [f"a{number}" for number in range(60)])
    judged_run(home, "s", ["b"])
    with scripted(lambda asked: failure(400, "no such parameter")) as server:
        done = work_here(home, judge_launch(home, ["r", "s"], served(LABELLED, server.url)))
    assert done.outcome == "failed"
    assert {run.title for run in done.runs.values()} == {"Server refused"}
    assert "no such parameter" in done.runs["r"].message
    assert len(server.asked) <= 8 + 8  # as many as are under way when the eighth is refused
    assert verdicts_of(home, "r") == model_grades(home, "r") == {}


def test_one_judge_that_is_refused_does_not_stop_the_others(home: Home) -> None:
    judged_run(home, "r", ["a", "b"])
    other = LABELLED.model_copy(update={"name": "other", "max_tokens": 7})

    def script(asked: Asked) -> Reply:
        bad = asked.body["max_tokens"] == 7
        return failure(400, "max_tokens") if bad else completion("OLD")

    with scripted(script) as server:
        judges = [served(judge, server.url) for judge in (other, LABELLED)]
        done = work_here(home, judge_launch(home, ["r"], *judges))
    assert done.outcome == "failed" and "max_tokens" in done.runs["r"].message
    assert [grade["judge"] for grade in model_grades(home, "r").values()] == ["old", "old"]


def test_no_key_is_written(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OWLS_KEY", KEY)
    judged_run(home, "r", ["a", "b"])
    body = {**json.loads(completion("OLD").body), "model": KEY, "system_fingerprint": f"f {KEY}"}
    replies = {"a": Reply(body=json.dumps(body).encode()), "b": failure(400, f"bad {KEY}")}
    with scripted(by_answer(replies)) as server:
        spec = judge_launch(home, ["r"], served(LABELLED, server.url, api_key_env="OWLS_KEY"))
        work_here(home, spec)
    assert server.asked[0].headers["Authorization"] == f"Bearer {KEY}"
    assert {row["answered_as"] for row in verdicts_of(home, "r").values()} == {"*** / f ***", None}
    for path in home.root.rglob("*"):
        if path.is_file() and path.suffix != ".parquet":
            assert KEY.encode() not in path.read_bytes()
    for row in verdicts_of(home, "r").values():
        assert KEY not in str(row)


def test_a_run_without_samples_does_not_stop_the_others(home: Home) -> None:
    write_run(home, "empty")
    judged_run(home, "r", ["a"])
    with scripted(lambda asked: completion("OLD")) as server:
        done = work_here(home, judge_launch(home, ["empty", "r"], served(LABELLED, server.url)))
    outcomes = {run_id: (run.outcome, run.title) for run_id, run in done.runs.items()}
    assert outcomes == {"empty": ("failed", "Nothing to judge"), "r": ("finished", "")}


def test_thinking_is_switched_as_the_endpoint_says(home: Home) -> None:
    judged_run(home, "r", ["a"])
    switches = {"thinking_on": {"effort": "high"}, "thinking_off": {"effort": "none"}}
    thinks = LABELLED.model_copy(update={"name": "thinks", "thinking": True})
    with scripted(lambda asked: completion("OLD")) as server:
        judges = [served(judge, server.url, **switches) for judge in (LABELLED, thinks)]
        assert work_here(home, judge_launch(home, ["r"], *judges)).outcome == "finished"
    assert sorted(asked.body["effort"] for asked in server.asked) == ["high", "none"]
