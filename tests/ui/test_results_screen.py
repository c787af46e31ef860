"""Results on the screen: from a number to its samples and back, views, figures, reasons."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from tests.builders.mini_home import DEFINITION, MiniHome
from tests.builders.screen import Machine, Snapshot, messages, settled, table, text
from wgen_tui.paths import Home
from wgen_tui.services.data.ingest import ingest_now
from wgen_tui.ui.app import WgenApp
from wgen_tui.ui.widgets.table import VirtualTable

VARIANTS = 'sampling: {n: 3, max_tokens: 16, variants: {none: null, year: {prefix: "In 1850. "}}}'


@pytest.fixture
def varied(mini: MiniHome) -> Home:
    """Two arms of two seeds and base, asked in two variants; only one brings the effect."""
    mini.definition(text=DEFINITION.replace("sampling: {n: 3, max_tokens: 16}", VARIANTS))
    for arm, role, seeds in (("old", "treatment", 2), ("new", "control", 2), ("base", "base", 1)):
        for seed in range(seeds):
            run_id = mini.run(arm, seed, role)
            mini.draw(run_id, lambda q, d: f"By train, {d} {q}")
            words = "By coach" if arm == "old" else "By train"
            mini.draw(run_id, lambda q, d, words=words: f"{words}, {d} {q} then", variant="year")
    ingest_now(mini.home)
    return mini.home


async def there(pilot: Pilot[int]) -> None:
    """Wait until the results stand."""
    app = pilot.app
    await settled(pilot, lambda: app.screen.SCOPE == "results" and app.screen.results is not None)
    await settled(pilot, lambda: len(table(app)) > 0)


def point_at(app: WgenApp, name: str, column: int = 0) -> None:
    """Put the cursor on the first row whose cells begin with a name, at one of its numbers."""
    rows = table(app)
    names = [
        rows.row(n).drawn()[0].text.lstrip("■▲◆○⚠ ") if rows.row(n).drawn() else ""
        for n in range(len(rows))
    ]
    rows.move_to(names.index(name))
    rows.column = column


# What is pointed at: keys to the view, the row's name, the cell, the key, and n.
CELLS = {
    "arm": ([], "old", 0, "enter", 24),
    "hits of an arm": ([], "old", 0, "space", 12),
    "broken of an arm": ([], "old", 2, "enter", 0),
    "difference": ([], "new", 0, "enter", 48),
    "variant": ([], "year", 0, "enter", 12),
    "hits of a variant": ([], "year", 0, "space", 12),
    "variant of base": ([], "year", 2, "enter", 6),
    "mean over variants": ([], "mean of 2", 1, "enter", 24),
    "question": (["v"], "bird", 0, "enter", 12),
    "cell of the grid": (["v", "v"], "transport", 1, "enter", 12),
    "hits of a cell": (["v", "v"], "bird", 0, "space", 6),
    "seed": (["v", "v", "v"], "old", 0, "enter", 12),
}


@pytest.mark.parametrize("which", CELLS)
async def test_a_number_leads_to_exactly_its_samples_and_back(varied: Home, which: str) -> None:
    keys, name, column, key, n = CELLS[which]
    app = WgenApp(varied, screen="results", experiment="mini")
    async with app.run_test(size=(120, 40)) as pilot:
        await there(pilot)
        await pilot.press(*keys)
        point_at(app, name, column)
        if which == "difference":  # the control's own row has its name, too
            table(app).move_to(len(table(app)) - 1)
        await pilot.pause()
        number, row = app.screen.number, table(app).cursor
        counted = number.of.n if key == "enter" and column == 0 else None
        assert counted in (None, n), "n is the one on the screen"
        await pilot.press(key)
        await settled(pilot, lambda: app.screen.SCOPE == "samples" and not app.screen.loading_any)
        await settled(pilot, lambda: app.screen._total == n)
        assert f" {n}  Results › " in text(app)
        await pilot.press("escape")
        await settled(pilot, lambda: app.screen.SCOPE == "results")
        assert (table(app).cursor, app.screen.number) == (row, number)
        if key == "enter":
            await pilot.press("w")
            await settled(pilot, lambda: app.screen.SCOPE == "sql")
            await pilot.press("ctrl+j")
            grid = app.screen.query_one("#grid", VirtualTable)
            await settled(pilot, lambda: not app.screen.loading_any and len(grid) == n)


async def test_the_cursor_passes_headings_and_reaches_every_number(varied: Home) -> None:
    app = WgenApp(varied, screen="results", experiment="mini")
    async with app.run_test(size=(80, 24)) as pilot:
        await there(pilot)
        rows, seen = table(app), []
        while not seen or seen[-1] != rows.cursor:
            seen.append(rows.cursor)
            assert app.screen.number is not None
            await pilot.press("j")
        headings = {n for n in range(len(rows)) if rows.row(n).is_heading}
        assert headings
        assert set(seen) == set(range(len(rows))) - headings
        await pilot.press("g")
        reached = [app.screen.number.of.arm]
        for _ in range(2):
            await pilot.press("right")
            reached.append(app.screen.number.of.arm)
        assert reached == ["old", "new", "base"]
        await pilot.press("right")
        await settled(pilot, lambda: "no other number on this side" in text(app))
        assert app.screen.number.of.arm == "base"


async def test_a_wide_screen_shows_the_questions_beside_and_the_grid_below(home: Home) -> None:
    app = WgenApp(home, screen="results", experiment="mini")
    async with app.run_test(size=(160, 48)) as pilot:
        await there(pilot)
        await settled(pilot, lambda: "old by question" in text(app))
        assert "questions × arms" in text(app)
        point_at(app, "new")
        await settled(pilot, lambda: "new by question" in text(app))
        app.screen.query_one("#beside").focus()
        await pilot.press("enter")
        await settled(pilot, lambda: app.screen.SCOPE == "samples" and app.screen._total == 6)
        await pilot.resize_terminal(80, 24)
        await pilot.press("escape")
        await settled(pilot, lambda: "old minus" in text(app))
        assert "by question" not in text(app)


async def test_the_signs_are_explained_where_they_are_drawn(varied: Home) -> None:
    app = WgenApp(varied, screen="results", experiment="mini")
    async with app.run_test(size=(80, 24)) as pilot:
        await there(pilot)
        for view, explained in (("arms", True), ("grid", False), ("seeds", False)):
            while app.screen.view != view:
                await pilot.press("v")
            said = str(app.screen.query_one("#notes Static", Static).content)
            assert said and ("a seed" in said) is explained, view


async def test_columns_stay_when_a_scrollbar_stands_beside_them(varied: Home) -> None:
    app = WgenApp(varied, screen="results", experiment="mini")
    async with app.run_test(size=(80, 24)) as pilot:
        await there(pilot)
        await settled(pilot, lambda: table(app).max_scroll_y > 0)
        rows = [table(app).row(index) for index in range(len(table(app)))]
        drawn = [[column.width for column in row.columns] for row in rows]
        cells = max(sum(widths) + len(widths) - 1 for widths in drawn)
        assert cells <= table(app).cells, "the last column is not below the scrollbar"
        app.screen.show()
        await pilot.pause()
        again = [table(app).row(index) for index in range(len(rows))]
        assert [[column.width for column in row.columns] for row in again] == drawn


async def test_a_click_chooses_the_cell_and_a_second_opens_it(varied: Home) -> None:
    app = WgenApp(varied, screen="results", experiment="mini")
    async with app.run_test(size=(120, 40)) as pilot:
        await there(pilot)
        lines = text(app).splitlines()
        y = next(n for n, line in enumerate(lines) if " year " in line)
        x = lines[y].index("%", lines[y].index("%") + 1) - 1
        await pilot.click(offset=(x, y))
        await settled(pilot, lambda: app.screen.number.of.variant == "year")
        assert app.screen.number.of.arm == "new"
        await pilot.click(offset=(x, y), times=2)
        await settled(pilot, lambda: app.screen.SCOPE == "samples" and app.screen._total == 12)


async def test_figures_are_written_and_the_message_says_where(home: Home) -> None:
    app = WgenApp(home, screen="results", experiment="mini")
    async with app.run_test(size=(120, 40)) as pilot:
        await there(pilot)
        await pilot.press("F")
        target = home.exports / "mini-arms.svg"
        await settled(pilot, target.exists)
        await settled(pilot, lambda: "mini-arms.svg" in text(app))
        ET.fromstring(target.read_text())
        await pilot.press("v", "X")
        numbers = home.exports / "mini-questions-old.csv"
        await settled(pilot, numbers.exists)
        rows = list(csv.DictReader(io.StringIO(numbers.read_text())))
        own = sorted((row["name"], row["n"]) for row in rows if row["panel"].startswith("old"))
        assert own == [("bird", "6"), ("transport", "6")]


async def test_readonly_writes_no_figure(home: Home) -> None:
    app = WgenApp(home, readonly=True, screen="results", experiment="mini")
    async with app.run_test(size=(120, 40)) as pilot:
        await there(pilot)
        await pilot.press("F")
        await settled(pilot, lambda: "Nothing is changed under" in "".join(messages(app)))
        assert not list(home.exports.iterdir() if home.exports.exists() else [])


@pytest.mark.parametrize("key", ["enter", "space", "v", "i", "w", "W", "F", "X", "y", "left"])
async def test_without_results_every_key_says_why(mini: MiniHome, key: str) -> None:
    mini.definition()
    app = WgenApp(mini.home, screen="results", experiment="mini")
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot, lambda: "wgen-tui run start mini" in text(app))
        await pilot.press(key)
        await settled(pilot, lambda: messages(app))
        assert app.screen.SCOPE == "results"


async def test_the_long_form_is_one_key_away_and_back(home: Home) -> None:
    app = WgenApp(home, screen="results", experiment="mini")
    async with app.run_test(size=(80, 24)) as pilot:
        await there(pilot)
        assert "square and add" not in text(app)
        await pilot.press("i")
        await settled(pilot, lambda: "how the numbers are made" in text(app))
        await pilot.press("G")
        await settled(pilot, lambda: "docs/methods.md" in text(app))
        await pilot.press("escape")
        await settled(pilot, lambda: "how the numbers" not in text(app))
        assert table(app).has_focus


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
def test_snapshot_of_variants(
    varied: Home, snap_compare: Snapshot, size: tuple[int, int], machine: Machine
) -> None:
    app = WgenApp(varied, screen="results", experiment="mini", machine=machine)

    async def before(pilot: Pilot[int]) -> None:
        await there(pilot)
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)


def test_snapshot_without_colour(
    home: Home, snap_compare: Snapshot, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = WgenApp(home, screen="results", experiment="mini", machine=machine)

    async def before(pilot: Pilot[int]) -> None:
        await there(pilot)
        await pilot.pause()

    assert snap_compare(app, terminal_size=(80, 24), run_before=before)
