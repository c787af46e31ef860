"""A scrolling text: who asked for its end has the end of what comes and grows afterwards."""

from __future__ import annotations

from rich.text import Text
from textual.app import App, ComposeResult

from tests.builders.screen import settled
from wgen_tui.ui.widgets.pane import TextPane


class Host(App[None]):
    def compose(self) -> ComposeResult:
        yield TextPane()


def lines(count: int, word: str = "line") -> Text:
    return Text("\n".join(f"{word} {number}" for number in range(count)))


async def test_the_end_that_was_asked_for_is_kept_until_the_reader_goes_up() -> None:
    app = Host()
    async with app.run_test(size=(40, 10)) as pilot:
        pane = app.query_one(TextPane)
        pane.focus()
        pane.turn_to(1)
        await pilot.press("G")  # before there is anything
        pane.show(lines(50))
        await settled(pilot, lambda: pane.scroll_offset.y == pane.max_scroll_y == 40)
        pane.show(lines(90), keep_place=True)  # more of it
        await settled(pilot, lambda: pane.scroll_offset.y == pane.max_scroll_y == 80)
        await pilot.resize_terminal(40, 7)
        await settled(pilot, lambda: pane.scroll_offset.y == pane.max_scroll_y == 83)
        pane.turn_to(1)  # the same again
        await pilot.press("k")
        await settled(pilot, lambda: pane.scroll_offset.y == 82)
        pane.show(lines(95), keep_place=True)
        await settled(pilot, lambda: pane.max_scroll_y == 88)
        assert pane.scroll_offset.y == 82


async def test_something_else_begins_at_its_top_unless_its_end_is_asked_for() -> None:
    app = Host()
    async with app.run_test(size=(40, 10)) as pilot:
        pane = app.query_one(TextPane)
        pane.focus()
        pane.show(lines(50))
        await pilot.press("G")
        await settled(pilot, lambda: pane.scroll_offset.y == 40)
        pane.turn_to(2)
        pane.show(lines(60, "other"))
        await settled(pilot, lambda: pane.max_scroll_y == 50)
        assert pane.scroll_offset.y == 0
        pane.turn_to(3)
        await pilot.press("G")
        pane.show(lines(70, "third"))
        await settled(pilot, lambda: pane.scroll_offset.y == pane.max_scroll_y == 60)
        pane.show(lines(80, "fourth"))  # of which nobody knew
        await settled(pilot, lambda: pane.max_scroll_y == 70)
        assert pane.scroll_offset.y == 0
