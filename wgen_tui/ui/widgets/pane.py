"""A scrolling text that j, k, g and G move through."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.widgets import Static


class TextPane(VerticalScroll, can_focus=True):
    """One rich Text, never markup, in a scrolling pane."""

    BINDINGS = [  # noqa: RUF012
        Binding("j", "scroll_down", "down", show=False),
        Binding("k", "scroll_up", "up", show=False),
        Binding("g", "scroll_home", "top", show=False),
        Binding("G,upper_g", "scroll_end", "end", show=False),
    ]

    def compose(self) -> ComposeResult:
        yield Static(markup=False)

    def show(self, text: Text, *, keep_place: bool = False) -> None:
        """Show `text` from its top, or from where the reader is."""
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
            self.scroll_end(animate=False)
