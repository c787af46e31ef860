"""Grading: what comes next has been read before the key, whatever becomes of the database."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders import store_home
from tests.builders.definition import write_definition
from tests.builders.model import make_model
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.data.database import files_of
from wgen_tui.services.grading.grading_plan import PlanChoice
from wgen_tui.services.grading.read_ahead import ReadAhead
from wgen_tui.services.grading.session import AHEAD, GradingSession, session

RUBRIC = "\nrubrics: [{name: feel, labels: {warm: w, cold: c}}]\n"
RUN = store_home.StoredRun("old", 0)


@pytest.fixture
def grading(tmp_path: Path) -> GradingSession:
    """A session over twelve samples."""
    home = Home(store_home.write_home(tmp_path / "home", n=4, runs=[RUN]))
    slug = store_home.EXPERIMENT
    folder = write_definition(home.root / "experiments" / slug, make_model(tmp_path / "model"))
    with (folder / "experiment.yaml").open("a") as stream:
        stream.write(RUBRIC)
    return session(home.ensure(), slug, "feel", "ada", plan=PlanChoice(1000, "random", 0))


def read_to_the_end(grading: GradingSession) -> None:
    """Let what comes next be read, and wait until it has been."""
    grading.read_ahead()
    reading = grading._ahead.reading
    assert reading is not None
    reading.result()


def test_the_next_samples_need_no_database(grading: GradingSession, tmp_path: Path) -> None:
    first = grading.next()
    assert first is not None
    read_to_the_end(grading)
    shutil.rmtree(tmp_path / "home" / "runs")
    files_of(Home(tmp_path / "home")).database.unlink(missing_ok=True)
    seen = {first.sample_id}
    for number in range(1, 1 + AHEAD // 2):
        grading.grade("warm")
        item = grading.next()
        assert item is not None
        assert item.position == number + 1
        assert item.completion
        seen.add(item.sample_id)
    assert len(seen) == 1 + AHEAD // 2


@pytest.mark.parametrize("go_on", [GradingSession.skip, GradingSession.next])
def test_every_sample_comes_once_and_the_skipped_again(
    grading: GradingSession, go_on: Callable[[GradingSession], object]
) -> None:
    first = grading.next()
    assert first is not None
    go_on(grading)
    seen = []
    while len(seen) < 11:
        grading.grade("cold")
        item = grading.next()
        assert item is not None
        seen.append(item.sample_id)
    assert len(set(seen)) == 11
    assert seen[-1] == first.sample_id, "what was skipped comes again, last"
    grading.grade("cold")
    assert grading.next() is None
    undone = grading.undo()
    assert undone is not None
    assert undone.sample_id == first.sample_id


def test_samples_that_are_gone_are_passed_over(grading: GradingSession, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "home" / "runs")
    assert grading.next() is None


def test_one_opening_reads_several_and_others_are_forgotten(
    grading: GradingSession, tmp_path: Path
) -> None:
    ids = list(grading._queue)
    ahead = ReadAhead(Home(tmp_path / "home"))
    ahead.fetch(ids[:4])
    assert ahead.reading is not None
    ahead.reading.result()
    assert list(ahead._read) == ids[:4]
    taken = ahead.take(ids[0])
    assert taken is not None
    assert taken.row.sample_id == ids[0]
    before = ahead.reading
    ahead.fetch(ids[1:5])
    assert ahead.reading is before, "three of four are there"
    ahead.fetch(ids[3:7])
    assert ahead.reading is not before
    ahead.reading.result()
    assert set(ahead._read) == set(ids[3:7])


def test_a_label_of_another_rubric_is_refused(grading: GradingSession) -> None:
    grading.next()
    with pytest.raises(UsageError, match="tepid"):
        grading.grade("tepid")
