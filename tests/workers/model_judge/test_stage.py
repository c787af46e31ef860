"""Judges of every type through the worker: killed, stopped, resumed, read anew."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from experiments.schema import ModelJudge
from tests.builders.home import write_launch, write_run
from tests.builders.judge_model import make_judge_model
from tests.builders.judged import (
    asked,
    judged_run,
    model_grades,
    panel,
    verdicts_of,
    what_was_said,
)
from tests.builders.waiting import until
from tests.builders.worker_process import WorkerProcess
from wgen_tui.paths import Home
from wgen_tui.protocol.judging import AskedJudge, Panel
from wgen_tui.protocol.launches import Event, JudgeStage, LaunchSpec, read_done
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.run_files.verdicts import missing_verdicts
from wgen_tui.workers.model_judge.stage import judge
from wgen_tui.workers.runtime import Worker, WorkerError

PROMPT = "Judge this answer : {question} [A] {answer} [B] Judge"
SPEAKS = ModelJudge(name="speaks", model="m", prompt=PROMPT, verdict="whole", max_tokens=4)
DRAWS = ModelJudge(
    name="draws", model="m", prompt=PROMPT, verdict="one_token", temperature=1.0, repeat=2
)
RATES = ModelJudge(
    name="rates", model="m", prompt=PROMPT, type="rating_judge", refusal_threshold=1.0
)
WRITES = ModelJudge(
    name="writes", model="m", prompt=PROMPT, type="rating_judge", read="sampled", max_tokens=2
)
CHOOSES = ModelJudge(
    name="chooses",
    model="m",
    prompt=PROMPT,
    paraphrases=("{answer} Judge",),
    type="choice",
    labels={"old": ("OLD",), "new": ("NEW",)},
)
EVERY = (SPEAKS, DRAWS, RATES, WRITES, CHOOSES)
LONG = 2_200  # samples, of which the first part has 2,000


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelRef:
    folder = make_judge_model(tmp_path_factory.mktemp("judge") / "model", digits=True)
    return ModelRef(name="tiny-judge", location=str(folder))


def answers(count: int) -> list[str]:
    return [f"w{number % 40} w{number // 40} w{number % 7} {number}" for number in range(count)]


def make_home(root: Path, count: int) -> Home:
    home = Home(root).ensure()
    judged_run(home, "r", [*answers(count), "", "ANSWER: OLD"], refused=[1])
    judged_run(home, "s", answers(count // 2))
    return home


def launch(home: Home, asks: Panel, *run_ids: str, name: str = "judge-1") -> LaunchSpec:
    stage = JudgeStage(judges=(), panel=asks)
    return write_launch(home, name, "judge", run_ids, judge=stage)


def asks_of(model: ModelRef, *judges: ModelJudge, **fields: Any) -> Panel:
    return panel(*(_asked(judge, model) for judge in judges), **fields)


def _asked(judge: ModelJudge, model: ModelRef) -> AskedJudge:
    return asked(judge, model, precision="fp32")


def judge_here(home: Home, spec: LaunchSpec) -> Worker:
    worker = Worker(home, spec, home.launch(spec.launch_id))
    judge(worker)
    return worker


def events(home: Home, spec: LaunchSpec) -> list[Event]:
    lines = home.launch(spec.launch_id).events.read_text().splitlines()
    return [Event.model_validate_json(line) for line in lines]


def test_judges_of_every_type_judge(tmp_path: Path, model: ModelRef) -> None:
    home = make_home(tmp_path / "home", 30)
    asks = asks_of(model, *EVERY)
    spec = launch(home, asks, "r", "s")
    worker = judge_here(home, spec)
    assert {outcome.outcome for outcome in worker.outcomes.values()} == {"finished"}
    assert missing_verdicts(home, ["r", "s"], asks) == {"r": 0, "s": 0}

    rows, grades = verdicts_of(home, "r"), model_grades(home, "r")
    assert rows.keys() == grades.keys() and len(rows) == 31 * 7  # one sample was refused
    by_judge: dict[str, list[dict[str, Any]]] = {}
    for row in rows.values():
        by_judge.setdefault(row["judge"], []).append({**row, **grades[row["verdict_id"]]})
    assert all(0 <= row["number"] <= 100 for row in by_judge["rates"])
    assert all(row["label"] in ("old", "new") for row in by_judge["chooses"])
    assert {row["wording"] for row in by_judge["chooses"]} == {0, 1}
    assert {row["repeat"] for row in by_judge["draws"]} == {0, 1}
    assert all(row["reply"] is not None and row["tokens"] == 1 for row in by_judge["draws"])
    for row in (*by_judge["speaks"], *by_judge["writes"]):
        read = row["label"] is not None or row["number"] is not None
        assert read == (row["cause"] is None)
    # "ANSWER: OLD" could be the verdict of a judge that says OLD, or anything, but of no rating.
    fenced = {row["judge"] for row in grades.values() if row["signals"].get("fenced")}
    assert fenced == {"speaks", "draws", "chooses"}
    assert all(row["engine"].startswith("transformers") for row in rows.values())

    told = events(home, spec)
    assert {event.unit for event in told if event.kind == "progress"} == {"verdicts"}
    last = [event for event in told if event.kind == "progress" and event.run_id == "r"][-1]
    assert last.done == last.total == 31 * 7 and (last.rate or 0) > 0


@pytest.mark.slow
def test_a_judge_that_is_killed_goes_on(tmp_path: Path, model: ModelRef) -> None:
    once = {"paraphrases": (), "repeat": 1}
    asks = asks_of(model, *(j.model_copy(update=once) for j in (CHOOSES, DRAWS)))
    home = make_home(tmp_path / "home", LONG)
    spec = launch(home, asks, "r", "s")
    process = WorkerProcess(home, spec)
    first = home.run("r").verdicts / f"part-{spec.launch_id}-00000.parquet"
    until(lambda: first.exists() or process.poll() is not None)
    process.kill()
    assert process.wait() == -signal.SIGKILL, "it ended too soon"
    before = what_was_said(home, "r")
    assert missing_verdicts(home, ["s"], asks)["s"] == LONG // 2 * 2

    process = WorkerProcess(home, spec)
    assert process.wait() == 0
    done = read_done(home.launch(spec.launch_id).done)
    assert done is not None and done.outcome == "finished"

    whole = make_home(tmp_path / "whole", LONG)
    judge_here(whole, launch(whole, asks, "r", "s"))
    for run in ("r", "s"):
        said = what_was_said(home, run)
        assert said.keys() == what_was_said(whole, run).keys() == verdicts_of(home, run).keys()
        differ = [key for key, told in what_was_said(whole, run).items() if said[key] != told]
        assert differ == []
    assert before.items() <= what_was_said(home, "r").items()


class StoppedWorker(Worker):
    """A worker that is told to stop while it works."""

    polls = 0

    def check_cancelled(self, run_id: str) -> None:
        self.polls += 1
        if self.polls == 4:
            self.stop(signal.SIGTERM, None)
        super().check_cancelled(run_id)


def test_a_judge_that_is_stopped_keeps_what_it_has(tmp_path: Path, model: ModelRef) -> None:
    home = make_home(tmp_path / "home", 200)
    asks = asks_of(model, CHOOSES)
    spec = launch(home, asks, "r", "s")
    worker = StoppedWorker(home, spec, home.launch(spec.launch_id))
    judge(worker)
    assert {outcome.outcome for outcome in worker.outcomes.values()} == {"cancelled"}
    kept = what_was_said(home, "r")
    assert 0 < len(kept) < 200 and verdicts_of(home, "r").keys() == kept.keys()
    judge_here(home, spec)
    assert missing_verdicts(home, ["r", "s"], asks) == {"r": 0, "s": 0}
    assert kept.items() <= what_was_said(home, "r").items()


def test_another_reading_loads_no_model(tmp_path: Path, model: ModelRef) -> None:
    home = Home(tmp_path / "home").ensure()
    judged_run(home, "r", answers(10))
    judge_here(home, launch(home, asks_of(model, SPEAKS), "r"))
    first = next(row["reply"] for row in verdicts_of(home, "r").values())
    other = SPEAKS.model_copy(update={"labels": {"hit": (first,)}})
    gone = model.model_copy(update={"location": str(tmp_path / "gone")})
    spec = launch(home, asks_of(gone, other), "r", name="judge-2")
    worker = judge_here(home, spec)
    assert worker.outcomes["r"].outcome == "finished"
    assert not [event for event in events(home, spec) if event.kind == "ready"]
    assert "hit" in {row["label"] for row in model_grades(home, "r").values()}


def test_a_pilot_and_named_samples_alone_are_judged(tmp_path: Path, model: ModelRef) -> None:
    home = make_home(tmp_path / "home", 30)
    judge_here(home, launch(home, asks_of(model, CHOOSES, limit=5), "r", "s"))
    said = {**what_was_said(home, "r"), **what_was_said(home, "s")}
    assert len(said) == 10  # two wordings


def test_what_cannot_be_judged_is_said(tmp_path: Path, model: ModelRef) -> None:
    home = make_home(tmp_path / "home", 4)
    write_run(home, "t")
    gone = model.model_copy(update={"location": str(tmp_path / "gone")})
    worker = judge_here(home, launch(home, asks_of(model, CHOOSES), "t", "s"))
    assert worker.outcomes["t"].title == "Nothing to judge"
    assert worker.outcomes["s"].outcome == "finished"

    worker = judge_here(home, launch(home, asks_of(gone, SPEAKS), "r", name="judge-2"))
    assert worker.outcomes["r"].title == "Model not loaded"

    eight = SPEAKS.model_copy(update={"name": "eight", "load_in": "8bit"})
    worker = judge_here(home, launch(home, asks_of(model, SPEAKS, eight), "r", name="judge-3"))
    assert worker.outcomes["r"].message == "Judges 'speaks' and 'eight' are loaded differently."

    with pytest.raises(WorkerError, match="no judges that are models"):
        judge_here(home, write_launch(home, "judge-4", "judge", ["r"]))
