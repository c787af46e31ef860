"""What a panel asks of runs, what replies are read again, and what is written."""

from __future__ import annotations

import gc
import json
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

from experiments.schema import ModelJudge
from tests.builders.judged import (
    asked,
    judged_run,
    model_grades,
    panel,
    sample_key,
    verdicts_of,
    what_was_said,
)
from wgen_tui.paths import Home
from wgen_tui.protocol.judging import AskedJudge, Panel
from wgen_tui.protocol.runs import Endpoint, ModelRef
from wgen_tui.run_files import parts, reply_index, verdict_writer, verdicts
from wgen_tui.run_files.verdict_record import Reply
from wgen_tui.run_files.verdict_writer import Asking, VerdictWriter
from wgen_tui.run_files.verdicts import AskedVerdicts, graded_by_models, missing_verdicts

LABELS = {"old": ("OLD",), "new": ("NEW",)}
GREEDY = ModelJudge(name="old", model="m", prompt="{question} {answer}", labels=LABELS)
DRAWN = GREEDY.model_copy(update={"temperature": 1.0})


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").ensure()


def writer(home: Home, asks: Panel, *runs: str, launch: str = "l") -> VerdictWriter:
    return VerdictWriter(home, "x", launch, runs, asks)


def answer_all(
    home: Home, asks: Panel, *runs: str, launch: str = "l", text: str = "OLD"
) -> list[Asking]:
    """Answer whatever is asked; what was asked comes back."""
    writes = writer(home, asks, *runs, launch=launch)
    askings = []
    for run in runs:
        for asking in writes.begin(run):
            askings.append(asking)
            writes.record(asking, Reply(text=text, finish_reason="stop", tokens=1, cost=2.0))
    writes.flush()
    return askings


def test_equal_prompts_of_a_greedy_judge_are_asked_once(home: Home) -> None:
    judged_run(home, "r", ["a", "a", "b", "a"])
    askings = answer_all(home, panel(asked(GREEDY)), "r")
    assert [len(asking.verdicts) for asking in askings] == [3, 1]
    rows = verdicts_of(home, "r")
    assert len(rows) == 4 and sum(row["cost"] for row in rows.values()) == 4.0
    assert {row["label"] for row in model_grades(home, "r").values()} == {"old"}
    assert rows.keys() == model_grades(home, "r").keys()
    assert missing_verdicts(home, ["r"], panel(asked(GREEDY))) == {"r": 0}
    assert answer_all(home, panel(asked(GREEDY)), "r") == []


def test_each_sample_of_a_judge_that_draws_is_asked_for_itself(home: Home) -> None:
    judged_run(home, "r", ["a", "a"])
    asks = panel(asked(DRAWN.model_copy(update={"repeat": 2, "paraphrases": ("{answer}?",)})))
    assert missing_verdicts(home, ["r"], asks) == {"r": 8}
    assert len(answer_all(home, asks, "r")) == 8
    graders = {row["grader"] for row in model_grades(home, "r").values()}
    assert graders == {
        "model:judge-model",
        "model:judge-model (repeat 2)",
        "model:judge-model (wording 2)",
        "model:judge-model (wording 2) (repeat 2)",
    }


def test_replies_are_shared_between_the_runs_of_an_experiment_alone(home: Home) -> None:
    judged_run(home, "r", ["a"])
    judged_run(home, "s", ["a"])
    judged_run(home, "t", ["a"], experiment="other")
    asks = panel(asked(GREEDY))
    assert len(answer_all(home, asks, "r")) == 1
    assert answer_all(home, asks, "s", launch="m") == []
    [row] = verdicts_of(home, "s").values()
    assert (row["reply"], row["cost"], row["launch_id"]) == ("OLD", None, "m")
    assert model_grades(home, "s").popitem()[1]["signals"] == {"cached": True}
    assert len(VerdictWriter(home, "other", "n", ("t",), asks).begin("t")) == 1


def test_another_reading_asks_nobody(home: Home) -> None:
    judged_run(home, "r", ["a", "b"])
    answer_all(home, panel(asked(GREEDY)), "r", text="ANSWER: OLD")
    other = GREEDY.model_copy(update={"labels": {"ancient": ("OLD",)}})
    assert missing_verdicts(home, ["r"], panel(asked(other))) == {"r": 2}
    assert answer_all(home, panel(asked(other)), "r", launch="m") == []
    labels = sorted(row["label"] for row in model_grades(home, "r").values())
    assert labels == ["ancient", "ancient", "old", "old"]


def test_another_prompt_or_asker_is_asked(home: Home) -> None:
    judged_run(home, "r", ["a"])
    answer_all(home, panel(asked(GREEDY)), "r")
    for other in (
        asked(GREEDY.model_copy(update={"prompt": "{answer}"})),
        asked(GREEDY, weights=("other",)),
        asked(GREEDY.model_copy(update={"thinking": True})),
        asked(DRAWN),
    ):
        assert len(writer(home, panel(other), "r").begin("r")) == 1


def test_a_kill_between_verdict_and_grade_is_made_good(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged_run(home, "r", ["a", "b"])
    asks = panel(asked(DRAWN))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(parts, "write_grades", killed)
        with pytest.raises(KeyboardInterrupt):
            answer_all(home, asks, "r")
    assert len(verdicts_of(home, "r")) == 2 and model_grades(home, "r") == {}
    assert missing_verdicts(home, ["r"], asks) == {"r": 2}
    assert answer_all(home, asks, "r") == []
    assert verdicts_of(home, "r").keys() == model_grades(home, "r").keys()


def test_a_failed_verdict_is_kept_and_asked_again(home: Home) -> None:
    judged_run(home, "r", ["a", "b"])
    asks = panel(asked(GREEDY))
    writes = writer(home, asks, "r")
    first, second = writes.begin("r")
    writes.record(first, Reply(failed="HTTP 400: too long"))
    writes.record(second, Reply(text="NEW", finish_reason="stop"))
    writes.flush()
    assert (writes.total, writes.done, writes.failed) == (2, 1, 1)
    causes = {row["cause"] for row in verdicts_of(home, "r").values()}
    assert causes == {"failed", None}
    [failed] = [row for row in model_grades(home, "r").values() if row["label"] is None]
    assert failed["explanation"] == "HTTP 400: too long" and failed["signals"]["cause"] == "failed"
    assert missing_verdicts(home, ["r"], asks) == {"r": 1}
    assert [a.prompt for a in answer_all(home, asks, "r", launch="m")] == [first.prompt]
    grades = [row for row in model_grades(home, "r").values()]
    assert len(grades) == 3  # the newest of a sample, judge and grader counts
    by_sample = {row["sample_id"]: row["label"] for row in sorted(grades, key=_time)}
    assert by_sample == {sample_key("r", 0): "old", sample_key("r", 1): "new"}


def _time(row: dict[str, str]) -> str:
    return row["created_at"]


def test_what_is_not_judged(home: Home) -> None:
    judged_run(home, "r", ["a", "", "c", "d", "e"], refused=[2])
    judged_run(home, "s", ["a"], question="other")
    every = panel(asked(GREEDY))
    assert missing_verdicts(home, ["r", "s"], every) == {"r": 4, "s": 0}
    named = panel(asked(GREEDY), samples=(sample_key("r", 0), sample_key("r", 2)))
    assert missing_verdicts(home, ["r", "s"], named) == {"r": 1, "s": 0}
    only = panel(asked(GREEDY), prompts={"p1": every.prompts["p1"]})
    assert missing_verdicts(home, ["r"], only) == {"r": 2}
    writes = writer(home, only, "r")
    writes.begin("r")
    assert writes.elsewhere == 3
    writes = writer(home, only, "s")
    writes.begin("s")
    assert writes.elsewhere == 0, "a question that no judge of the panel grades"


def test_a_pilot_takes_the_same_samples_for_every_judge_and_again(home: Home) -> None:
    judged_run(home, "r", [f"a{number}" for number in range(40)])
    judged_run(home, "s", [f"b{number}" for number in range(40)])
    other = GREEDY.model_copy(update={"name": "other"})
    pilot = panel(asked(GREEDY), asked(other), limit=20)
    asks = AskedVerdicts(home, ("r", "s"), pilot)
    taken = {name: set[int]() for name in ("old", "other")}
    for run in ("r", "s"):
        for verdict in asks.missing(run):
            taken[verdict.by.judge.name].add(verdict.sample_id)
    assert taken["old"] == taken["other"] and len(taken["old"]) == 20
    counts = missing_verdicts(home, ["r", "s"], pilot)
    assert sum(counts.values()) == 40 and min(counts.values()) > 5
    answer_all(home, pilot, "r", "s")
    assert missing_verdicts(home, ["r", "s"], pilot) == {"r": 0, "s": 0}
    more = panel(asked(GREEDY), asked(other), limit=30)
    assert sum(missing_verdicts(home, ["r", "s"], more).values()) == 20


def test_words_that_came_to_a_rating_are_asked_for(home: Home) -> None:
    judged_run(home, "r", ["a"])
    rating = ModelJudge(name="n", model="m", prompt="{answer}", type="rating_judge")
    writes = writer(home, panel(asked(rating)), "r")
    [asking] = writes.begin("r")
    writes.record(asking, Reply(probabilities={"85": 0.5, "7": 0.1}, finish_reason="stop"))
    writes.flush()
    [grade] = model_grades(home, "r").values()
    assert grade["number"] == pytest.approx((85 * 0.5 + 0.7) / 0.6)
    strict = rating.model_copy(update={"refusal_threshold": 0.3})
    assert writer(home, panel(asked(strict)), "r").begin("r") == []
    worded = rating.model_copy(update={"words": ("CODE",)})
    assert len(writer(home, panel(asked(worded)), "r").begin("r")) == 1
    both = writer(home, panel(asked(strict), asked(worded)), "r").begin("r")
    assert [asking.asked.judge.words for asking in both] == [("CODE",)]


def test_parts_are_written_as_they_fill(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict_writer, "PART_ROWS", 3)
    judged_run(home, "r", [f"a{number}" for number in range(8)])
    writes = writer(home, panel(asked(GREEDY)), "r")
    for number, asking in enumerate(writes.begin("r"), start=1):
        writes.record(asking, Reply(text="OLD", finish_reason="stop"))
        assert len(what_was_said(home, "r")) == number // 3 * 3
    writes.flush()
    assert len(what_was_said(home, "r")) == 8


def test_a_served_judge_has_its_tokens_read(home: Home) -> None:
    judged_run(home, "r", ["a"])
    served = ModelRef(
        name="s:m", location="m", endpoint=Endpoint(name="s", base_url="http://localhost")
    )
    rating = ModelJudge(
        name="n", model="m", prompt="{answer}", type="rating_judge", words=("CODE",)
    )
    by: AskedJudge = asked(rating, served, precision=None, template=None)
    writes = writer(home, panel(by), "r")
    [asking] = writes.begin("r")
    writes.record(asking, Reply(probabilities={"CODE": 0.9}, finish_reason="stop"))
    writes.flush()
    assert [row["label"] for row in model_grades(home, "r").values()] == ["code"]


def held(root: object) -> int:
    """How many objects a writer keeps alive, but for code."""
    seen: dict[int, object] = {}
    waiting = [root]
    while waiting:
        item = waiting.pop()
        if id(item) in seen or isinstance(item, type | ModuleType | FunctionType):
            continue
        seen[id(item)] = item
        waiting += gc.get_referents(item)
    return len(seen)


def replied(home: Home, number: int) -> Panel:
    """A run with so many verdicts, and another whose samples say what its first did."""
    judged_run(home, "r", [f"a{place}" for place in range(number)])
    judged_run(home, "s", [f"a{place}" for place in range(0, number, 100)])
    asks = panel(asked(GREEDY))
    answer_all(home, asks, "r", text="It is OLD, I should say.\nANSWER: OLD")
    return asks


def test_what_is_held_does_not_grow_with_the_replies(tmp_path: Path) -> None:
    counts = []
    for number in (1_000, 20_000):
        home = Home(tmp_path / str(number)).ensure()
        writes = writer(home, replied(home, number), "s", "r")
        paths = len(list(home.run("r").verdicts.iterdir()))
        counts.append(held(writes) - paths)
        assert writes.begin("s") == [] and writes.cached == number // 100
        writes.flush()
        assert len(model_grades(home, "s")) == number // 100
    assert counts[0] == counts[1]


def test_a_part_that_is_damaged_after_it_was_counted_is_asked_again(home: Home) -> None:
    asks = replied(home, 100)
    writes = writer(home, asks, "s")
    [part] = home.run("r").verdicts.glob("part-*")
    part.write_bytes(part.read_bytes()[:-20])
    assert len(writes.begin("s")) == 1


def test_replies_whose_keys_look_alike_are_told_apart(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reply_index, "hash", lambda _: 7, raising=False)
    asks = replied(home, 200)  # its samples 0 and 100, the oldest and one between
    writes = writer(home, asks, "s")
    [asking] = writes.begin("s")
    assert (writes.cached, asking.prompt.messages[-1].content) == (1, "Name a bird. a100")


def test_grades_are_counted_by_their_keys_without_reading_what_they_say(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged_run(home, "r", [f'"grader":"model:{number}' for number in range(20)])
    quoted = GREEDY.model_copy(update={"name": 'an "old" \\ one', "description": "grade_id"})
    said = '{"grade_id":7,"grader":"model:'
    answer_all(home, panel(asked(GREEDY), asked(quoted)), "r", text=said)
    grades = set(model_grades(home, "r"))
    run = home.run("r")

    def refuse(line: bytes) -> None:
        raise AssertionError(line)

    with monkeypatch.context() as patch:
        patch.setattr(verdicts, "parse", refuse)
        assert graded_by_models(run) == grades and len(grades) == 40

    [part] = run.grades.glob("part-*.jsonl")
    rows = [json.loads(line) for line in part.read_text().splitlines()]
    other = [json.dumps(row, sort_keys=True, separators=(",", ":")) for row in rows[::2]]
    rules = [json.dumps({**row, "grader": "rule:old"}, separators=(",", ":")) for row in rows]
    written = part.read_text().splitlines()[1::2]
    lines = [line for trio in zip(rules[::2], other, written, strict=True) for line in trio]
    part.write_text("\n".join([*lines, '{"grade_id":3,"grader":"model:', ""]))
    assert graded_by_models(run) == grades
