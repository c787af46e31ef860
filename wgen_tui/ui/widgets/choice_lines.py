"""Values on a few lines, a cursor on one of them: space or a click chooses it.

Promises: the cursor stays with its value when others come; what does not fit is a line further, and
the widget says how many there are.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from wgen_tui.ui import actions
from wgen_tui.ui.state.cells import Piece
from wgen_tui.ui.widgets.bars import say


class ChoiceLines(Widget, can_focus=True):
    """Lines of values."""

    BINDINGS = actions.bindings(actions.CHOICES)

    class Chosen(Message):
        """A value was chosen, or no longer."""

        def __init__(self, key: Hashable) -> None:
            super().__init__()
            self.key = key

    class Moved(Message):
        """The cursor stands on another value, or the keys are elsewhere."""

    class Resized(Message):
        """It has another size."""

    def __init__(self, back_to: str, *, id: str) -> None:  # noqa: A002
        """Make it empty.

        Args:
            back_to: Selects the widget that enter gives the keys to.
            id: Its own.
        """
        super().__init__(id=id)
        self._back_to = back_to
        self._lines: list[list[Piece]] = []
        self._keys: list[Hashable] = []
        self._cursor = 0
        self._top = 0

    def show(self, lines: Sequence[list[Piece]], keys: Sequence[Hashable]) -> None:
        """Show these lines.

        Args:
            lines: Pieces of each.
            keys: What names each value, in order.
        """
        key = self._keys[self._cursor] if self._keys else None
        self._lines, self._keys = list(lines), list(keys)
        self._cursor = self._keys.index(key) if key in self._keys else 0
        self._show_cursor()
        self.refresh()

    @property
    def below(self) -> int:
        """How many lines do not fit below."""
        return max(len(self._lines) - self._top - self.size.height, 0)

    # Drawing

    def render_line(self, y: int) -> Strip:
        width, base = self.size.width, self.rich_style
        index = self._top + y
        segments = [Segment(" ")]
        for piece in self._lines[index] if index < len(self._lines) else ():
            style = Style.parse(piece.style)
            if piece.place == self._cursor and self.has_focus:
                style += Style(reverse=True)
            segments.append(Segment(piece.text, style))
        return Strip(segments).apply_style(base).adjust_cell_length(width, base)

    # Moving

    def _line_of(self, place: int) -> int:
        return next(
            (i for i, line in enumerate(self._lines) if any(p.place == place for p in line)), 0
        )

    def _show_cursor(self) -> None:
        """Scroll to the line of the cursor."""
        line, height = self._line_of(self._cursor), max(self.size.height, 1)
        self._top = min(max(self._top, line - height + 1), line)

    def _go(self, place: int) -> None:
        if not 0 <= place < len(self._keys):
            say(
                self,
                "There is no other value on this side." if self._keys else "Nothing to choose.",
            )
            return
        self._cursor = place
        self._show_cursor()
        self.on_focus()

    def action_choice(self, by: int) -> None:
        """To the next value, or the one before."""
        self._go(self._cursor + by)

    def action_line(self, by: int) -> None:
        """To the value that stands nearest on the next line, or on the one before."""
        line = self._line_of(self._cursor)
        at = next((x for x, piece in self._places(line) if piece.place == self._cursor), 0)
        if not 0 <= line + by < len(self._lines):
            self._go(-1)
            return
        _, piece = min(self._places(line + by), key=lambda item: abs(item[0] - at))
        self._go(-1 if piece.place is None else piece.place)

    def _places(self, line: int) -> list[tuple[int, Piece]]:
        """The values of a line, each with the column where it begins."""
        listed, x = [], 1
        for piece in self._lines[line] if line < len(self._lines) else ():
            if piece.place is not None:
                listed.append((x, piece))
            x += cell_len(piece.text)
        return listed

    # Choosing

    def action_choose(self) -> None:
        """Choose the value under the cursor, or no longer."""
        if self._keys:
            self.post_message(self.Chosen(self._keys[self._cursor]))
        else:
            say(self, "Nothing to choose.")

    def action_leave(self) -> None:
        """Give the keys back."""
        self.screen.set_focus(self.screen.query_one(self._back_to))

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        if at is None:
            return
        for x, piece in self._places(self._top + at.y):
            if x <= at.x < x + cell_len(piece.text) and piece.place is not None:
                self._go(piece.place)
                self.action_choose()

    def on_focus(self) -> None:
        self.refresh()
        self.post_message(self.Moved())

    on_blur = on_focus

    def on_resize(self) -> None:
        self._show_cursor()
        self.post_message(self.Resized())
