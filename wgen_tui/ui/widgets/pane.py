"""A scrolling text that j, k, g and G move through.

Promises: who asked for its end has the end, also of what comes or grows after the key, until they
scroll up or turn to something else.
"""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widgets import Static

from wgen_tui.ui import actions
from wgen_tui.ui.widgets.bars import say


class TextPane(VerticalScroll, can_focus=True, inherit_bindings=False):
    """One rich Text, never markup, in a scrolling pane."""

    BINDINGS = actions.bindings(actions.TEXT)
    _follows = False  # whether its end is shown, and is to be shown when there is more of it
    _awaits = True  # whether what was turned to has yet to be shown
    _turned_to: object = None

    class Resized(Message):
        """It has another size: what was drawn to fill it does not."""

        def __init__(self, pane: TextPane) -> None:
            super().__init__()
            self.pane = pane

        @property
        def control(self) -> TextPane:
            return self.pane

    def compose(self) -> ComposeResult:
        yield Static(markup=False)

    def turn_to(self, what: object) -> None:
        """Something else is being read: it begins at its top, unless G comes before it does."""
        if what != self._turned_to:
            self._turned_to, self._awaits, self._follows = what, True, False

    def show(self, text: Text, *, keep_place: bool = False) -> None:
        """Show `text` from its top, or from where the reader is; its end, if that was asked for."""
        self._follows = self._follows and (keep_place or self._awaits)
        self._put(text)
        if not keep_place and not self._follows:
            self.scroll_home(animate=False, immediate=True)

    def show_end(self, text: Text, *, anew: bool = False) -> None:
        """Show the end of `text`, unless the reader has gone up to read.

        Args:
            text: What is shown.
            anew: It is another text, which the reader has not seen.
        """
        if self.query_one(Static).content != text:  # asked every second
            self._follows = self._follows or anew or self.scroll_offset.y >= self.max_scroll_y
            self._put(text)

    def _put(self, text: Text) -> None:
        self._awaits = False
        body = self.query_one(Static)
        if body.content != text:  # a slow line carries only what is new
            body.update(text)
        self._keep_end()

    def _keep_end(self) -> None:
        """Go to the end once the text has its lines, unless the reader has gone up meanwhile."""
        if self._follows:
            self.call_after_refresh(self._go_to_end)

    def _go_to_end(self) -> None:
        if self._follows:
            self.scroll_end(animate=False, immediate=True)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._follows = self._follows and new_value >= self.max_scroll_y

    def watch_virtual_size(self) -> None:
        """There is more of the text, or less: a scrollbar that came has broken lines anew."""
        self._keep_end()

    def on_resize(self) -> None:
        """What showed its end still shows it: a line that another panel took is not lost below."""
        self._keep_end()
        self.post_message(TextPane.Resized(self))  # a subclass may have its own

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
        self._follows = False
        if self._scrolls(False):
            self.scroll_home(animate=False, immediate=True)  # before the key that comes next

    def action_scroll_end(self) -> None:
        self._follows = True
        if self._scrolls(True):
            self._go_to_end()
