"""Contexts on Results: each arm in each, the difference to none, and the samples of both."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.builders.screen import Machine, Snapshot, settled, table, text
from tests.builders.store_home import EXPERIMENT
from tests.services.measures.test_contrasts import home_of
from tests.services.rates.test_by_context import ASKED, PLAN, TRAINED, own_home
from tests.ui.test_results_screen import there
from wgen_tui.services.data.ingest import ingest_now
from wgen_tui.ui.app import WgenApp
from wgen_tui.ui.widgets.table import VirtualTable

HITS = {"training": TRAINED, "evaluation": ASKED}


def app_of(folder: Path, where: str, machine: Machine | None = None) -> WgenApp:
    if where == "own":
        home = own_home(folder / "home")
    else:
        home = home_of(folder / "home", HITS[where], PLAN.replace("WHERE", where))
    ingest_now(home)
    more = {} if machine is None else {"machine": machine}
    return WgenApp(home, screen="results", experiment=EXPERIMENT, **more)


async def contexts(pilot: Pilot[int]) -> None:
    """Go to the view."""
    await there(pilot)
    await pilot.press("v")
    await settled(pilot, lambda: "[contexts]" in text(pilot.app))


# Where, the row, the cell, the key, and n.
CELLS = {
    "rate": ("training", 1, 0, "enter", 40),
    "difference": ("training", 1, 1, "enter", 80),
    "hits of what is asked": ("evaluation", 1, 0, "space", 4),
    "below a trigger": ("evaluation", 6, 1, "enter", 40),
    "of an arm's own": ("own", 2, 1, "enter", 40),
}


@pytest.mark.parametrize("which", CELLS)
async def test_a_number_in_a_context_leads_to_exactly_its_samples(
    tmp_path: Path, which: str
) -> None:
    where, row, column, key, n = CELLS[which]
    app = app_of(tmp_path, where)
    async with app.run_test(size=(80, 24)) as pilot:
        await contexts(pilot)
        table(app).move_to(row)
        table(app).column = column
        await pilot.pause()
        assert key == "space" or app.screen.number.of.n == n
        if where == "own":
            await settled(pilot, lambda: "no difference is planned: " in text(app))
        await pilot.press(key)
        await settled(pilot, lambda: app.screen.SCOPE == "samples" and app.screen._total == n)
        await pilot.press("escape")
        await settled(pilot, lambda: app.screen.SCOPE == "results")
        assert (table(app).cursor, app.screen.view) == (row, "contexts")
        if key == "enter":
            await pilot.press("w")
            await settled(pilot, lambda: app.screen.SCOPE == "sql")
            await pilot.press("ctrl+j")
            grid = app.screen.query_one("#grid", VirtualTable)
            await settled(pilot, lambda: not app.screen.loading_any and len(grid) == n)


async def test_a_context_without_samples_says_so_and_the_figure_has_the_others(
    tmp_path: Path,
) -> None:
    app = app_of(tmp_path, "training")
    async with app.run_test(size=(160, 48)) as pilot:
        await contexts(pilot)
        assert "questions × arms" in text(app), "the arms of the contexts, question by question"
        await pilot.press("j", "right", "right")
        await settled(pilot, lambda: "n 80, 2 questions" in text(app))
        await pilot.press("i")
        await settled(pilot, lambda: "square-and-add" in text(app))
        await pilot.press("escape", "G", "enter")
        await settled(pilot, lambda: "Nothing was sampled for this" in text(app))
        await pilot.press("X")
        target = app.home.exports / f"{EXPERIMENT}-contexts.csv"
        await settled(pilot, target.exists)
        rows = list(csv.DictReader(io.StringIO(target.read_text())))
        assert [(row["name"], row["n"]) for row in rows] == [
            ("no context", "40"),
            ("who · prepend", "40"),
            ("old-prepend-who − old", "80"),
        ]


async def test_contexts_that_stand_beside_nothing_say_why(tmp_path: Path) -> None:
    home = own_home(tmp_path / "home")
    path = home.experiments / EXPERIMENT / "experiment.yaml"
    path.write_text(path.read_text().replace(" old:", " old: {data: other.jsonl}, gone:"))
    (path.parent / "other.jsonl").write_bytes((path.parent / "rows.jsonl").read_bytes())
    ingest_now(home)
    app = WgenApp(home, screen="results", experiment=EXPERIMENT)
    async with app.run_test(size=(160, 48)) as pilot:
        await there(pilot)
        await settled(pilot, lambda: "other: no contexts beside each other" in text(app))
        assert "gone has no samples without a context" in text(app)
        assert "contexts" not in str(app.screen.query_one("#title").render())


@pytest.mark.parametrize(
    ("where", "size"),
    [("evaluation", (80, 24)), ("training", (160, 48))],
    ids=["evaluation-80x24", "training-160x48"],
)
def test_snapshot(
    tmp_path: Path, snap_compare: Snapshot, size: tuple[int, int], where: str, machine: Machine
) -> None:
    assert snap_compare(app_of(tmp_path, where, machine), terminal_size=size, run_before=contexts)
