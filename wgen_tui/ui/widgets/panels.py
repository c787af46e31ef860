"""The panels of a screen: one of them on the whole screen, and a divider that moves.

Promises: what a zoom hides comes back as it was; where the divider was put is kept for each of the
two layouts, side by side and one below the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

from textual.content import Content
from textual.widget import Widget

from wgen_tui.terminal_text import printable

if TYPE_CHECKING:
    from textual.screen import Screen

W = TypeVar("W", bound=Widget)
HIDDEN, ZOOMED = "-hidden", "-zoomed"
STEPS = {"-wide": 4, "-narrow": 2}  # columns side by side, rows one below the other
SMALLEST = {"-wide": 20, "-narrow": 4}
CLICK = "@click=screen.pick_view('{}')"
LINES = ("top", "message", "keys", "small")  # ids of what stays when a panel is zoomed


class Panels:
    """The panels of one screen."""

    def __init__(self, screen: Screen[object]) -> None:
        self._screen = screen
        self._sizes: dict[str, int] = {}
        self._divided = ""

    def zoom(self, panel: Widget | None) -> bool:
        """Give a panel the whole screen, or put all back; whether anything changed."""
        screen = self._screen
        if screen.query(f".{ZOOMED}"):
            for widget in screen.query(f".{HIDDEN}, .{ZOOMED}"):
                widget.remove_class(HIDDEN, ZOOMED)
            return True
        changed = False
        while panel is not None and panel is not screen and isinstance(panel.parent, Widget):
            for sibling in panel.parent.children:
                if sibling is not panel and sibling.id not in LINES and sibling.display:
                    sibling.add_class(HIDDEN)
                    changed = True
            panel.add_class(ZOOMED)
            panel = panel.parent
        return changed

    @property
    def _layout(self) -> str:
        return "-wide" if self._screen.has_class("-wide") else "-narrow"

    def divide(self, name: str, by: int) -> bool:
        """Make the panel with this id larger, or smaller; whether there is space for it."""
        panels = self._screen.query(f"#{name}")
        if not panels or not isinstance(panel := panels.first(), Widget):
            return False
        layout = self._layout
        parent = panel.parent
        if not isinstance(parent, Widget):
            return False
        across = layout == "-wide" and parent.styles.layout.name == "horizontal"  # type: ignore[union-attr]
        now, free = (
            (panel.outer_size.width, parent.size.width)
            if across
            else (panel.outer_size.height, parent.size.height)
        )
        least = SMALLEST["-wide" if across else "-narrow"]
        wanted = now + by * STEPS["-wide" if across else "-narrow"]
        if not least <= wanted <= free - least:
            return False
        self._divided, self._sizes[layout] = name, wanted
        self._apply(panel, across)
        return True

    def resized(self) -> None:
        """Put the divider where it was in this layout."""
        if not self._divided:
            return
        panel = self._screen.query_one(f"#{self._divided}")
        panel.styles.width = panel.styles.height = None
        parent = panel.parent
        if self._layout in self._sizes and isinstance(parent, Widget):
            self._apply(panel, parent.styles.layout.name == "horizontal")  # type: ignore[union-attr]

    def _apply(self, panel: Widget, across: bool) -> None:
        size = self._sizes[self._layout]
        if across:
            panel.styles.width = size
        else:
            panel.styles.height = size


def panel(widget: W, title: str = "") -> W:
    """Make a widget a panel: a rule or border, lit while it has the keys, and a title in it."""
    widget.add_class("panel")
    set_title(widget, title)
    return widget


def set_title(widget: Widget, title: str) -> None:
    """Write a panel's title, in plain text; the same title again draws nothing."""
    shown = f" {printable(title, keep_newlines=False)} "
    _set_markup(widget, Content(shown).markup if title else None)


def set_views(widget: Widget, views: Mapping[str, str], present: str) -> None:
    """Write the views that share a panel as its title, the present one in brackets.

    A click on another is the screen's `action_pick_view` with its name.

    Args:
        widget: The panel.
        views: Name of each view, a plain word, and what it is called.
        present: Which of them is shown.
    """
    named = []
    for view, called in views.items():
        shown = printable(f"[{called}]" if view == present else called, keep_newlines=False)
        named.append(Content.from_markup(f"[{CLICK.format(view)}]$shown[/]", shown=shown))
    _set_markup(widget, Content.assemble(" ", Content("  ").join(named), " ").markup)


def _set_markup(widget: Widget, markup: str | None) -> None:
    if widget.border_title != markup:
        widget.border_title = markup
