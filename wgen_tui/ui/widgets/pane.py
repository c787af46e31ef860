"""A scrolling text that j, k, g and G move through."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from wgen_tui.ui import actions
from wgen_tui.ui.widgets.bars import say


class TextPane(VerticalScroll, can_focus=True, inherit_bindings=False):
    """One rich Text, never markup, in a scrolling pane."""

    BINDINGS = actions.bindings(actions.TEXT)
    _follows = False  # whether its end is shown, and is to be shown when it has another size

    def compose(self) -> ComposeResult:
        yield Static(markup=False)

    def show(self, text: Text, *, keep_place: bool = False) -> None:
        """Show `text` from its top, or from where the reader is."""
        self._follows = False
        body = self.query_one(Static)
        if body.content != text:  # a slow line carries only what is new
            body.update(text)
        if not keep_place:
            self.scroll_home(animate=False)

    def show_end(self, text: Text) -> None:
        """Show the end of `text`, unless the reader has gone up to read."""
        body = self.query_one(Static)
        if body.content == text:
            return  # asked every second: a slow line carries only what is new
        at_end = self.scroll_offset.y >= self.max_scroll_y
        body.update(text)
        if at_end:
            self._follows = True
            self.scroll_end(animate=False)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._follows = self._follows and new_value >= self.max_scroll_y

    def on_resize(self) -> None:
        """What showed its end still shows it: a line that another panel took is not lost below."""
        if self._follows:
            self.scroll_end(animate=False)

    # A key that moves nothing says so: scrolling that is not allowed would pass it on in silence.

    def _scrolls(self, down: bool) -> bool:
        """Whether there is more on this side; says so where there is not."""
        more = self.scroll_offset.y < self.max_scroll_y if down else self.scroll_offset.y > 0
        if not more and self.max_scroll_y <= 0:
            say(self, "All of this text is shown.")
        elif not more:
            say(self, "This is its end." if down else "This is its beginning.")
        return more

    def action_scroll_down(self) -> None:
        if self._scrolls(True):
            super().action_scroll_down()

    def action_scroll_up(self) -> None:
        if self._scrolls(False):
            super().action_scroll_up()

    def action_page_down(self) -> None:
        if self._scrolls(True):
            super().action_page_down()

    def action_page_up(self) -> None:
        if self._scrolls(False):
            super().action_page_up()

    def action_scroll_home(self) -> None:
        if self._scrolls(False):
            super().action_scroll_home()

    def action_scroll_end(self) -> None:
        if self._scrolls(True):
            super().action_scroll_end()
