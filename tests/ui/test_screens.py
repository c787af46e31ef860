"""The six screens by keyboard, on a real home."""

from __future__ import annotations

import json

import pytest

from tests.builders.mini_home import MiniHome
from tests.builders.screen import messages, settled, strips, table, text
from wgen_tui.paths import Home
from wgen_tui.ui.app import WgenApp
from wgen_tui.ui.modals.dialogs import AskModal, ConfirmModal, HelpModal
from wgen_tui.ui.threads import Loaded
from wgen_tui.ui.widgets.table import VirtualTable

NAMES = ["experiments", "runs", "samples", "grade", "results", "sql"]


def detail(app: WgenApp) -> object:
    """The row of the sample that is shown in full."""
    return getattr(app.screen._detail, "row", None)


async def test_digits_go_to_every_screen_and_esc_leaves_the_editor(home: Home) -> None:
    app = WgenApp(home)
    async with app.run_test(size=(80, 24)) as pilot:
        for number, name in enumerate(NAMES, 1):
            await pilot.press(str(number))
            await settled(pilot, lambda name=name: getattr(app.screen, "SCOPE", "") == name)
        await pilot.press("1")
        await settled(pilot, lambda: app.screen.SCOPE == "experiments")
        await pilot.press("6", "e", "1")
        assert app.screen.SCOPE == "sql", "the editor has the keys"
        assert app.screen.query_one("#editor").text.endswith("all1")
        assert "esc leave" in text(app)
        await pilot.press("escape", "escape", "1")
        await settled(pilot, lambda: app.screen.SCOPE == "experiments")
        assert "esc leave" not in text(app)
        assert "Unexpected error" not in text(app)


async def test_card_shows_the_plan(home: Home) -> None:
    app = WgenApp(home, experiment="mini")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: "Old names make old answers." in text(app))
        assert "control" in text(app)
        assert "✓5" in text(app)


async def test_broken_definition_is_listed_with_its_error(mini: MiniHome) -> None:
    mini.definition("odd", "title: [")
    app = WgenApp(mini.home)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: any(i.slug == "odd" and i.error for i in app.screen._infos))
        infos = [table(app).row(i).slug for i in range(len(table(app)))]
        table(app).move_to(infos.index("odd"))
        await settled(pilot, lambda: "1 mistake" in text(app))


async def test_runs_detail_filter_and_samples_of_a_run(home: Home) -> None:
    app = WgenApp(home, screen="runs")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: "graded all" in text(app))
        assert "5 finished" in text(app)
        assert "graded all" in text(app), "colours of a log are left out"
        await pilot.press("slash", *"new seed=1", "enter")
        await settled(pilot, lambda: len(table(app)) == 2)
        await pilot.press("enter")
        await settled(pilot, lambda: app.screen.SCOPE == "samples" and len(table(app)) == 6)


async def test_new_runs_appear_and_removal_asks(home: Home, mini: MiniHome) -> None:
    app = WgenApp(home, screen="runs")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 6)
        failed = mini.run("old", 7)
        mini.launch([failed], "failed", "no room")
        await settled(pilot, lambda: len(table(app)) == 7)
        keys = [table(app).key_at(i) for i in range(7)]
        table(app).move_to(keys.index(failed))
        await settled(pilot, lambda: "no room" in text(app))
        await pilot.press("x")
        await settled(pilot, lambda: isinstance(app.screen, ConfirmModal))
        await pilot.press("n", "x", "y")
        await settled(pilot, lambda: len(table(app)) == 6)
        assert not home.run(failed).root.exists()


async def test_samples_filter_detail_and_new_ones(home: Home, mini: MiniHome) -> None:
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(pilot, lambda: table(app).current is not None and len(table(app)) == 30)
        await pilot.press("slash")
        await settled(pilot, lambda: isinstance(app.screen, AskModal))
        await pilot.press(*"label=era:old seed=1", "enter")
        await settled(pilot, lambda: len(table(app)) == 6)
        await settled(pilot, lambda: "By coach, sir" in text(app) and "hits=1" in text(app))
        await pilot.press("right_square_bracket")
        await settled(pilot, lambda: len(table(app)) == 3)
        await pilot.press("backspace")
        await settled(pilot, lambda: len(table(app)) == 30)
        mini.draw(mini.run("old", 2), lambda q, d: "By coach")
        await settled(pilot, lambda: "6 new" in text(app))
        assert len(table(app)) == 30, "the list does not move by itself"
        await pilot.press("r")
        await settled(pilot, lambda: len(table(app)) == 36)


async def test_what_a_model_wrote_is_shown_never_obeyed(home: Home) -> None:
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(160, 40)) as pilot:
        await settled(pilot, lambda: table(app).current is not None)
        await pilot.press("slash", *"owned", "enter")
        await settled(pilot, lambda: len(table(app)) == 6 and "sampl" in text(app))
        await settled(pilot, lambda: text(app).count("␛") > 6)
        await settled(pilot, lambda: "owned" in getattr(detail(app), "completion", ""))
        await settled(pilot, lambda: "prompt as the model read it" in text(app))
        shown = text(app)
        assert "[bold]" in shown
        assert not set(shown) & {"\x1b", "\x07", "\u202e"}


async def test_grading_is_blind_durable_and_undone(home: Home) -> None:
    app = WgenApp(home, screen="grade", experiment="mini")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: app.screen._item is not None)
        first = app.screen._item
        await settled(pilot, lambda: "Which century?" in text(app))
        assert "mini-old" not in text(app)
        assert "tiny-world" not in text(app)
        await pilot.press("o")
        await settled(pilot, lambda: app.screen._item.sample_id != first.sample_id)
        lines = [
            json.loads(line)
            for path in home.journal.glob("grades-*.jsonl")
            for line in path.read_text().splitlines()
        ]
        assert [(row["sample_id"], row["label"]) for row in lines] == [(first.sample_id, "old")]
        await settled(pilot, lambda: "1 of 33 graded" in text(app) and "last: old" in text(app))
        assert "undoes" in text(app)
        await pilot.press("u")
        await settled(pilot, lambda: app.screen._item.sample_id == first.sample_id)
        await settled(pilot, lambda: "0 of 33 graded" in text(app))
        await pilot.press("s")
        await settled(pilot, lambda: app.screen._item.sample_id != first.sample_id)


async def test_results_draw_intervals_and_lead_to_their_query(home: Home) -> None:
    app = WgenApp(home, screen="results", experiment="mini")
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 6)
        assert "●" in text(app)
        assert "100.0%" in text(app)
        await pilot.press("W")
        await settled(pilot, lambda: app.screen.SCOPE == "sql")
        assert "mini" in app.screen.query_one("#editor").text


async def test_sql_runs_exports_and_names_a_mistake(home: Home) -> None:
    app = WgenApp(home, screen="sql")
    async with app.run_test(size=(140, 40)) as pilot:
        grid = app.screen.query_one("#grid", VirtualTable)
        await settled(pilot, lambda: len(app.screen.query_one("#schema", VirtualTable)) > 10)
        await pilot.press("ctrl+j")
        await settled(pilot, lambda: len(grid) == 5)
        await pilot.press("X", "enter")
        await settled(
            pilot, lambda: home.exports.exists() and len(list(home.exports.iterdir())) == 1
        )
        assert len(next(home.exports.iterdir()).read_text().splitlines()) == 6
        app.screen.query_one("#editor").text = "select nonsense from samples"
        await pilot.press("f5")
        await settled(pilot, lambda: 'column "nonsense" not found' in text(app))


@pytest.mark.parametrize(("screen", "key"), [("experiments", "s"), ("runs", "x"), ("sql", "X")])
async def test_readonly_refuses_what_writes(home: Home, screen: str, key: str) -> None:
    app = WgenApp(home, readonly=True, screen=screen, experiment="mini")
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(
            pilot,
            lambda: "READ-ONLY" in text(app) and any(map(len, app.screen.query(VirtualTable))),
        )
        await pilot.press(key)
        await settled(pilot, lambda: "Read-only: Nothing is changed" in text(app))
        assert not app.screen.is_modal


async def test_readonly_grading_is_off(home: Home) -> None:
    app = WgenApp(home, readonly=True, screen="grade", experiment="mini")
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot, lambda: "Grading is off" in text(app))
        await pilot.press("o", "m")
        assert not list(home.journal.iterdir())


async def test_help_lists_the_keys_of_the_screen(home: Home) -> None:
    app = WgenApp(home, screen="runs")
    async with app.run_test(size=(100, 40)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 6)
        await pilot.press("question_mark")
        await settled(pilot, lambda: isinstance(app.screen, HelpModal))
        await settled(pilot, lambda: "Delete the run and its files." in text(app))
        await pilot.press("escape")
        assert app.screen.SCOPE == "runs"


async def test_an_older_answer_never_replaces_a_newer_one(home: Home) -> None:
    app = WgenApp(home, screen="runs")
    async with app.run_test() as pilot:
        await settled(pilot, lambda: len(table(app)) == 6)
        got = []
        for answer in ("first", "second"):
            app.screen.load("probe", lambda answer=answer: answer, got.append)
            await settled(pilot, lambda answer=answer: got[-1:] == [answer])
        late = app.screen._tickets["probe"] - 1
        app.screen.post_message(Loaded("probe", late, "late", None, got.append, None))
        await pilot.pause()
        assert got == ["first", "second"]


async def test_no_color_draws_without_colour(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = WgenApp(home, screen="runs")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: "✓ finished" in text(app))
        styles = [part.style for strip in strips(app) for part in strip if part.style is not None]
        colours = [c for style in styles for c in (style.color, style.bgcolor) if c is not None]
        assert colours
        assert all(colour.is_default for colour in colours)


@pytest.mark.parametrize("screen", ["grade", "results"])
async def test_no_samples_yet_is_said_in_its_place_not_over_it(home: Home, screen: str) -> None:
    app = WgenApp(home, screen=screen, experiment="tiny-robot")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: "wgen-tui run start tiny-robot" in text(app))
        assert "to choose an experiment" in text(app)
        assert not messages(app)


async def test_narrow_results_still_say_the_difference(home: Home) -> None:
    app = WgenApp(home, screen="results", experiment="mini")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: "old minus" in text(app))
        lines = text(app).splitlines()
        place = next(n for n, line in enumerate(lines) if "old minus" in line)
        assert "points" in lines[place]
        assert "+100.0 [" in lines[place + 1]
        assert lines[place + 1].rstrip().endswith("*"), "p and its star"


async def test_results_follow_runs_that_go_on(home: Home, mini: MiniHome) -> None:
    app = WgenApp(home, screen="results", experiment="mini")
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 6)
        before = table(app).row(0).item
        mini.draw(mini.run("old", 2), lambda q, d: "By coach")
        await settled(pilot, lambda: table(app).row(0).item.n > before.n)
        assert table(app).row(0).item.seeds == before.seeds + 1


async def test_a_click_moves_the_cursor_and_a_second_opens(home: Home) -> None:
    app = WgenApp(home, screen="results", experiment="mini")
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 6)
        await pilot.click(table(app), offset=(10, 3))
        await settled(pilot, lambda: table(app).cursor == 1)
        await pilot.click(table(app), offset=(10, 3), times=2)
        await settled(pilot, lambda: app.screen.SCOPE == "samples")


async def test_log_is_read_downwards_and_shows_its_end(home: Home) -> None:
    app = WgenApp(home, screen="runs")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: "graded all" in text(app))
        run = app.screen.row
        log = app.home.launch(run.launch_id).log
        log.write_text("".join(f"line {n}.\n" for n in range(100)))
        await settled(pilot, lambda: "line 99." in text(app))
        shown = text(app)
        assert shown.index("line 98.") < shown.index("line 99.")
        await pilot.resize_terminal(120, 30)
        await settled(pilot, lambda: "line 99." in text(app) and "line 84." not in text(app))


async def test_what_another_query_answered_does_not_stand_under_a_new_one(home: Home) -> None:
    app = WgenApp(home, screen="sql", experiment="mini")
    async with app.run_test(size=(140, 40)) as pilot:
        grid = app.screen.query_one("#grid", VirtualTable)
        await pilot.press("f5")
        await settled(pilot, lambda: len(grid) == 5)
        await pilot.press("5")
        await settled(pilot, lambda: app.screen.SCOPE == "results" and len(table(app)) == 6)
        await pilot.press("w")
        await settled(pilot, lambda: app.screen.SCOPE == "sql" and len(grid) == 0)
        await settled(pilot, lambda: "No query run yet" in text(app))


async def test_help_names_the_keys_of_the_rubric(home: Home) -> None:
    app = WgenApp(home, screen="grade", experiment="mini")
    async with app.run_test(size=(100, 40)) as pilot:
        await settled(pilot, lambda: app.screen._item is not None)
        await pilot.press("question_mark")
        await settled(pilot, lambda: "Grade it old" in text(app))


async def test_a_query_with_other_columns_follows(home: Home) -> None:
    app = WgenApp(home, screen="sql", experiment="mini")
    async with app.run_test(size=(140, 40)) as pilot:
        grid = app.screen.query_one("#grid", VirtualTable)
        for query, first in (
            ("select 1, 2, 3", (1, 2, 3)),
            ("select 4", (4,)),
            ("select 5, 6", (5, 6)),
        ):
            app.screen.query_one("#editor").text = query
            await pilot.press("f5")
            await settled(pilot, lambda first=first: grid.current == first)


async def test_i_says_what_p_tests_and_a_star_that_it_does_not_stand_alone(home: Home) -> None:
    app = WgenApp(home, screen="results", experiment="mini")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 6)
        await settled(pilot, lambda: "* with 2 and 2 seeds" in text(app))
        assert "0.333*" in text(app)
        assert "1 run" in text(app)
        await pilot.press("i")
        await settled(pilot, lambda: "p  A permutation exchanges" in text(app))
        await pilot.press("escape")
        await settled(pilot, lambda: "* with 2 and 2 seeds" in text(app))
        assert len(table(app)) == 6
