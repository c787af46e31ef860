"""Time and cost of judges come from what earlier launches took, and from nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.schema import ModelJudge
from tests.builders.file_reads import files_opened
from tests.builders.home import write_event, write_launch
from tests.builders.judge_server import LABELLED, PRICES, served
from tests.builders.judged import asked, judged_run, panel
from wgen_tui.paths import Home
from wgen_tui.protocol.judging import AskedJudge, Panel
from wgen_tui.protocol.launches import JudgeStage
from wgen_tui.run_files.verdict_record import Reply
from wgen_tui.run_files.verdict_writer import VerdictWriter
from wgen_tui.services.estimate.judge_outlook import MOST_LAUNCHES, Outlook, outlook
from wgen_tui.services.judges.asked_before import AskedBefore, keep_asked

LOCAL = ModelJudge(name="old", model="m", prompt="{answer}", labels={"old": ("OLD",)})
OTHER = LOCAL.model_copy(update={"name": "other", "temperature": 1.0})
URL = "http://localhost:1/v1"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home").ensure()
    judged_run(home, "r", ["a", "bb", "ccc", "dddd"])
    return home


def launched(home: Home, name: str, *judges: AskedJudge, **progress: float) -> Panel:
    """A judge launch; `progress` is how far it came, and how fast."""
    asks = panel(*judges)
    write_launch(home, name, "judge", ["r"], judge=JudgeStage(judges=(), panel=asks))
    if progress:
        write_event(home.launch(name), "progress", run_id="r", unit="verdicts", **progress)
    return asks


def look(home: Home, asks: Panel, verdicts: int = 1000) -> Outlook:
    return outlook(home, AskedBefore(home), asks, verdicts, 100)


def test_nothing_is_invented(home: Home) -> None:
    seen = look(home, panel(asked(LOCAL)))
    said = "answers of 100 tokens, replies of 1,024 (old without max_tokens)"
    assert seen == Outlook(assumes=said)
    launched(home, "0-judge", asked(LOCAL), done=0, total=4)  # it has answered nothing yet
    launched(
        home,
        "1-judge",
        asked(LOCAL, weights=("another",)).model_copy(
            update={"model": asked(LOCAL).model.model_copy(update={"location": "/elsewhere"})}
        ),
        done=4,
        total=4,
        rate=9.0,
    )
    assert look(home, panel(asked(LOCAL))).seconds is None


def test_a_rate_is_of_the_same_judges_or_says_that_it_is_not(home: Home) -> None:
    launched(home, "0-judge", asked(OTHER), done=4, total=4, rate=8.0)
    seen = look(home, panel(asked(LOCAL)))
    assert (seen.seconds, seen.measured_by, seen.same_judges) == (125.0, "0-judge", False)
    launched(home, "1-judge", asked(LOCAL), done=4, total=4, rate=5.0)
    launched(home, "2-judge", asked(LOCAL))  # queued
    launched(home, "3-judge", asked(OTHER), done=4, total=4, rate=8.0)
    seen = look(home, panel(asked(LOCAL)))
    assert (seen.seconds, seen.measured_by, seen.same_judges) == (200.0, "1-judge", True)


def test_lengths_are_those_of_replies(home: Home) -> None:
    judge = served(LABELLED, URL, **PRICES)
    asks = launched(home, "0-judge", judge, done=4, total=4, rate=5.0)
    seen = look(home, asks)
    assert seen.cost is None and seen.most is not None
    writes = VerdictWriter(home, "x", "0-judge", ("r",), asks)
    for number, asking in enumerate(writes.begin("r")):
        writes.record(asking, Reply(text="OLD", prompt_tokens=20, tokens=2 + 2 * number))
    writes.flush()
    seen = look(home, asks, verdicts=1_000_000)
    lengths = seen.lengths["old"]
    assert (lengths.prompt, lengths.reply, lengths.replies) == (20.0, 5.0, 4)
    assert seen.cost == 20 * 1000.0 + 5 * 2000.0
    assert seen.cost < (seen.most or 0)
    assert "old without max_tokens" in seen.assumes


def test_few_files_are_read_however_many_launches_there_are(home: Home) -> None:
    for number in range(3 * MOST_LAUNCHES):
        asks = launched(home, f"{number:02d}-judge", asked(LOCAL))
    keep_asked(home)
    with files_opened() as opened:
        look(home, asks)
    assert len([path for path in opened if path.is_relative_to(home.launches)]) <= 4 * MOST_LAUNCHES
