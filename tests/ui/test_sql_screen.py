"""Screen 6 as a person uses it: mistakes, columns, rows, completion, history, queries, names."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.builders.screen import messages, settled, table, text
from wgen_tui.paths import Home
from wgen_tui.services.data import query_history, sql
from wgen_tui.ui.app import WgenApp
from wgen_tui.ui.modals.dialogs import HelpModal
from wgen_tui.ui.widgets.bars import KeyBar, TopBar
from wgen_tui.ui.widgets.result_table import ResultTable
from wgen_tui.ui.widgets.sql_editor import Completions, SqlEditor

SIZES = [(80, 24), (120, 40)]


def editor(app: WgenApp) -> SqlEditor:
    return app.screen.query_one("#editor", SqlEditor)


def grid(app: WgenApp) -> ResultTable:
    return app.screen.query_one("#grid", ResultTable)


def said(app: WgenApp) -> str:
    """What a key did, wherever it is said."""
    return text(app) + "\n".join(messages(app))


async def opened(pilot: Pilot[Any], app: WgenApp) -> None:
    await settled(pilot, lambda: len(app.screen.query_one("#schema")) > 5)


async def run(pilot: Pilot[Any], app: WgenApp, query: str) -> None:
    """Write a query and run it to its end."""
    editor(app).text = query
    await pilot.press("f5")
    await settled(pilot, lambda: app.screen._under_way is None)
    await pilot.pause()


async def test_a_failed_query_leaves_no_rows_of_the_one_before(home: Home) -> None:
    app = WgenApp(home, screen="sql")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("f5")
        await settled(pilot, lambda: "result · 5 rows" in text(app))
        await pilot.press("e", "f7", *"selct 1", "f5")
        await settled(pilot, lambda: "No rows: the query failed." in text(app))
        assert len(grid(app)) == 0 and grid(app).result is None
        await pilot.press("escape", "y")
        await settled(pilot, lambda: "There is no row to copy." in said(app))
        assert 'line 1, column 1: syntax error at or near "selct"' in text(app)
        assert "select? ctrl+y takes it" in text(app)
        marked = editor(app).get_line(0)
        assert [(span.start, span.end) for span in marked.spans if "underline" in str(span.style)]
        await pilot.press("j")
        assert "syntax error" in text(app), "it stays until the next run"
        await pilot.press("ctrl+y")
        assert editor(app).text == "select 1"
        assert "syntax error" not in text(app)
        await pilot.press("f5")
        await settled(pilot, lambda: "result · 1 row " in text(app))


async def test_without_an_offer_ctrl_y_redoes_what_was_undone(home: Home) -> None:
    app = WgenApp(home, screen="sql")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("e", "f7", *"abc", "ctrl+z", "ctrl+y")
        assert editor(app).text == "abc"
        await pilot.press("escape", "ctrl+y")
        await settled(pilot, lambda: "No name is offered" in said(app))


async def test_a_selected_part_runs_and_its_mistake_is_marked_where_it_stands(home: Home) -> None:
    app = WgenApp(home, screen="sql")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        editor(app).text = "select 1;\nselect cout(1)"
        editor(app).selection = type(editor(app).selection)((1, 0), (1, 14))
        await pilot.press("f5")
        await settled(pilot, lambda: "line 2, column 8" in text(app))
        await pilot.press("ctrl+y")
        assert editor(app).text == "select 1;\nselect count(1)"


@pytest.mark.parametrize("size", SIZES)
async def test_every_column_of_a_result_can_be_seen(home: Home, size: tuple[int, int]) -> None:
    app = WgenApp(home, screen="sql")
    async with app.run_test(size=size) as pilot:
        await opened(pilot, app)
        await run(pilot, app, "select * from samples order by sample_id")
        names = grid(app).result.names
        seen = set()
        for _ in names:
            heading = text(app).split("result ·")[1].splitlines()[1]
            seen |= {name for name in names if f" {name} " in f" {heading} "}
            await pilot.press("greater_than_sign")
        assert seen == set(names)
        await settled(pilot, lambda: "The last column is shown" in said(app))
        await pilot.press(*["left"] * len(names))
        assert grid(app).first_column == 0
        await settled(pilot, lambda: "The first column is shown" in said(app))


async def test_a_row_opens_as_a_list_and_its_values_are_whole(home: Home) -> None:
    app = WgenApp(home, screen="sql")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        long = "word " * 30
        await run(pilot, app, f"select 1 as a, '{long}end' as b union all select 2, 'z'")
        await pilot.press("g", "enter")
        await settled(pilot, lambda: "row 1 of 2" in text(app))
        await pilot.press("j")
        await settled(pilot, lambda: "end" in text(app))
        await pilot.press("y")
        assert app.clipboard == f"{long}end"
        await pilot.press("right_square_bracket")
        await settled(pilot, lambda: "row 2 of 2" in text(app))
        await pilot.press("escape")
        await settled(pilot, lambda: not app.screen.is_modal)
        assert grid(app).cursor == 1


async def test_columns_do_not_jump_on_the_way_down(home: Home) -> None:
    app = WgenApp(home, screen="sql")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await run(
            pilot,
            app,
            "select case when range > 300 then 'modern_audubon' else 'a' end as arm, range as n "
            "from range(400) order by n",
        )
        await pilot.press("G")
        await settled(pilot, lambda: "▶ modern_audubon" in text(app))
        assert "arm              n" in text(app)


async def test_completion_takes_tab_and_leaves_enter_alone(home: Home) -> None:
    app = WgenApp(home, screen="sql")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        completions = app.screen.query_one(Completions)
        await pilot.press("e", "f7", *"from gra")
        await settled(pilot, lambda: completions.display and "grades_all" in text(app))
        await pilot.press("tab")
        assert editor(app).text == "from grades"
        assert not completions.display
        await pilot.press("space", *"whe", "enter", "x")
        assert editor(app).text == "from grades whe\nx"
        await pilot.press("f7", *"from gra", "down", "enter")
        assert editor(app).text == "from grades_all"
        await pilot.press("f7", *"from gra", "escape")
        assert not completions.display
        assert editor(app).has_focus
        await pilot.press("escape")
        assert not editor(app).has_focus


async def test_history_is_there_in_the_next_session(home: Home) -> None:
    app = WgenApp(home, screen="sql")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await run(pilot, app, "select 41 as kept")
    assert query_history.read(home) == ["select 41 as kept"]
    app = WgenApp(home, screen="sql")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("ctrl+r", *"kept", "enter")
        await settled(pilot, lambda: editor(app).text == "select 41 as kept")


async def test_saved_queries_run(home: Home) -> None:
    app = WgenApp(home, screen="sql")
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, app)
        await pilot.press("s", *"frequent", "enter")
        await settled(pilot, lambda: "row_number() over" in editor(app).text)
        await pilot.press("ctrl+j")
        await settled(pilot, lambda: "By coach, sir" in text(app))


async def test_several_queries_keep_their_text_and_rows(home: Home) -> None:
    app = WgenApp(home, screen="sql")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await run(pilot, app, "select 1 as one")
        await pilot.press("ctrl+n", *"select 2 as two")
        await pilot.press("f5")
        await settled(pilot, lambda: grid(app).current == (2,))
        assert "query 2 of 2" in text(app)
        await pilot.press("f3")
        assert (editor(app).text, grid(app).current) == ("select 1 as one", (1,))
        await pilot.press("escape", "right_square_bracket", "x")
        assert editor(app).text == "select 1 as one"
        await pilot.press("ctrl+r", *"two", "enter")
        await settled(pilot, lambda: editor(app).text == "select 2 as two")


async def test_a_running_query_is_cancelled(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    app = WgenApp(home, screen="sql")
    began = threading.Event()
    query = sql.query

    def told(*args: Any, **more: Any) -> sql.QueryResult:
        began.set()
        return query(*args, **more)

    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await run(pilot, app, "select 1 as before")
        monkeypatch.setattr(sql, "query", told)
        editor(app).text = "select sum(a.range * b.range) from range(3000000) a, range(3000000) b"
        await pilot.press("f5")
        await settled(pilot, lambda: began.is_set() and "running… esc cancels" in text(app))
        await settled(pilot, lambda: "The query runs; esc cancels it." in text(app))
        assert "before" not in text(app), "rows of the run before go when the next takes its time"
        await pilot.press("escape")
        await settled(pilot, lambda: "Cancelled." in text(app))
        assert "running" not in text(app)
        assert "No rows: the query was cancelled." in text(app), "it did not fail"
        await settled(pilot, lambda: not list(app.workers))


async def test_rows_say_when_the_text_above_them_is_another(home: Home) -> None:
    app = WgenApp(home, screen="sql")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await run(pilot, app, "select range as n from range(9)")
        await pilot.press("e", "x")
        await settled(pilot, lambda: "result before the change · 9 rows" in text(app))
        await pilot.press("backspace")
        await settled(pilot, lambda: "result · 9 rows" in text(app))


async def test_a_query_keeps_the_row_that_its_cursor_stands_on(home: Home) -> None:
    app = WgenApp(home, screen="sql")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await run(pilot, app, "select range as n from range(9)")
        await pilot.press("j", "j", "ctrl+n", "f3")
        await settled(pilot, lambda: grid(app).current == (2,))


async def test_the_editor_names_the_keys_that_write_nothing_and_tabs_can_be_clicked(
    home: Home,
) -> None:
    app = WgenApp(home, screen="sql")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("e")
        before = editor(app).text
        keys = text(app).splitlines()[-1]
        assert keys.startswith("ctrl+j run  tab complete  esc leave  ctrl+r history  ctrl+n new")
        assert keys.endswith(" f1 all keys")
        await pilot.click(KeyBar, offset=(keys.index("all keys"), 0))
        await settled(pilot, lambda: isinstance(app.screen, HelpModal))
        await pilot.press("escape")
        await settled(pilot, lambda: editor(app).has_focus)
        sql_screen = app.screen
        await pilot.click(TopBar, offset=(18, 0))
        await settled(pilot, lambda: app.screen.SCOPE == "runs")
        assert sql_screen.query_one("#editor").text == before, "no digit is written"


async def test_the_tree_unfolds_and_inserts_names(home: Home) -> None:
    app = WgenApp(home, screen="sql")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        editor(app).text = "select"
        editor(app).move_cursor((0, 6))
        await pilot.press("i")
        await settled(pilot, lambda: "d goes there" in said(app))
        await pilot.press("d", "enter", "j")
        await settled(pilot, lambda: "▶     grade_id" in text(app))
        await pilot.press("i")
        assert editor(app).text == "select grade_id"
        await pilot.press("d")
        assert grid(app).has_focus
        assert "▾ grades" not in text(app)
        await pilot.press("question_mark")
        await settled(pilot, lambda: "In the editor" in text(app))


async def test_marked_rows_are_copied_with_their_headings(home: Home) -> None:
    app = WgenApp(home, screen="sql")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await run(pilot, app, "select range as n, 'x' as word from range(5) order by n")
        await pilot.press("g", "y")
        assert app.clipboard == "0\tx"
        await pilot.press("space", "j", "space")
        await settled(pilot, lambda: "2 marked" in text(app))
        await pilot.press("y")
        assert app.clipboard == "n\tword\n0\tx\n2\tx"
        await pilot.press("f5")
        await settled(pilot, lambda: "marked" not in text(app))


async def test_rows_open_their_samples_and_esc_comes_back(home: Home) -> None:
    app = WgenApp(home, screen="sql")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await run(pilot, app, "select 1 as a")
        await pilot.press("o")
        await settled(pilot, lambda: "no sample_id" in said(app))
        await run(pilot, app, "select sample_id, arm from samples order by sample_id")
        wanted = [row[0] for row in grid(app).result.rows[:2]]
        await pilot.press("g", "enter")
        await settled(pilot, lambda: "row 1 of" in text(app))
        await pilot.press("enter")
        await settled(pilot, lambda: app.screen.SCOPE == "samples" and len(table(app)) == 1)
        assert app.screen._fields["ids"] == (wanted[0],)
        await pilot.press("escape")
        await settled(pilot, lambda: app.screen.SCOPE == "sql")
        await pilot.press("space", "space", "o")
        await settled(pilot, lambda: app.screen.SCOPE == "samples" and len(table(app)) == 2)
        assert app.screen._fields["ids"] == tuple(wanted)


async def test_an_export_writes_the_query_whose_rows_are_shown(home: Home) -> None:
    app = WgenApp(home, screen="sql")
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot, app)
        await pilot.press("X")
        await settled(pilot, lambda: "no result yet" in said(app))
        await run(pilot, app, "pivot samples on arm using count(*) group by seed")
        editor(app).text = "select 'another'"
        target = home.root / "out.csv"
        await pilot.press("X")
        await settled(pilot, lambda: app.screen.is_modal)
        app.screen.query_one("Input").value = str(target.with_suffix(".txt"))
        await pilot.press("enter")
        await settled(pilot, lambda: "no known format" in text(app))
        app.screen.query_one("Input").value = str(target)
        await pilot.press("enter")
        await settled(pilot, target.exists)
        assert target.read_text().startswith("seed,")
        await pilot.press("X")
        await settled(pilot, lambda: app.screen.is_modal)
        app.screen.query_one("Input").value = str(target)
        await pilot.press("enter")
        await settled(pilot, lambda: "is there already" in said(app))


async def test_no_key_touches_the_database(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    app = WgenApp(home, screen="sql")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await run(pilot, app, "select * from samples")
        main = threading.get_ident()

        called = []

        def refuse(result: Any) -> Any:
            def instead(*args: Any, **more: Any) -> Any:
                called.append(threading.get_ident())
                return result

            return instead

        for name in ("query", "export", "schema", "catalogue"):
            monkeypatch.setattr(sql, name, refuse(sql.QueryResult([], [], [], False, 0.0)))
        for name in ("read", "add"):
            monkeypatch.setattr(query_history, name, refuse([]))
        keys = "f5 e a tab escape d i enter escape l h s escape ctrl+r escape ctrl+n escape x y X"
        for key in keys.split():
            await pilot.press(key)
        await settled(pilot, lambda: called)
        assert main not in called, "a key waits for it"
