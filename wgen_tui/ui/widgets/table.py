"""A table that holds the rows on the screen, not all that it lists.

Promises: of a list of ids, only a few pages of rows are in memory; a missing row is requested by
a message and drawn when it comes; rows for an older list are dropped; a cursor that moves faster
than one reads repaints two gutters and nothing else, and its row is lit where it comes to rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from rich.color import ColorSystem
from rich.console import COLOR_SYSTEMS
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer

from wgen_tui.ui import actions
from wgen_tui.ui.state.cells import Cell, Column, heading_line, line_pieces
from wgen_tui.ui.widgets.bars import say
from wgen_tui.ui.widgets.row_keys import NOTHING_LISTED, RowKeys
from wgen_tui.ui.widgets.rows import PAGE, Rows

__all__ = ["PAGE", "VirtualTable"]

GUTTER = 2
KEPT = 2  # lines that stay in view when the list is scrolled
FAST = 0.15  # seconds between two moves, below which the cursor's row is not lit yet


class VirtualTable(RowKeys, can_focus=True):
    """Rows by index: either all of them given (`show_rows`), or ids whose rows are fetched."""

    BINDINGS = actions.bindings(actions.TABLE)
    COMPONENT_CLASSES: ClassVar[set[str]] = {"table--cursor"}
    DEFAULT_CSS = """
    VirtualTable {
        scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; overflow-x: hidden;
        & > .table--cursor { background: $foreground 8%; }
        &:focus > .table--cursor { background: $primary 24%; }
    }
    """

    class RowsWanted(Message):
        """Rows of `ids` are wanted; answer with `table.supply(generation, first, rows)`."""

        def __init__(
            self, table: VirtualTable, generation: int, first: int, ids: Sequence[int]
        ) -> None:
            super().__init__()
            self.table = table
            self.generation = generation
            self.first = first
            self.ids = ids

        @property
        def control(self) -> VirtualTable:
            return self.table

    class Moved(Message):
        """The cursor stands on another row."""

        def __init__(self, table: VirtualTable) -> None:
            super().__init__()
            self.table = table

        @property
        def control(self) -> VirtualTable:
            return self.table

    class Marked(Moved):
        """Another row is marked, or one fewer."""

    class Selected(Moved):
        """Enter was pressed, or the row under the cursor clicked."""

    def __init__(
        self,
        columns: tuple[Column, ...],
        cells: Callable[[Any], Sequence[Cell]],
        *,
        empty: str = "",
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(id=id)
        self._columns = columns
        self._cells = cells
        self._empty = empty
        self._rows = Rows()
        self._requested = False
        self._request_scheduled = False
        self._columns_changed = False
        self._moved_at = float("-inf")
        self._lighting: Timer | None = None
        self._base: Style | None = None
        self.cursor = 0
        self.marked: set[Any] = set()

    # What it lists

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def pages_held(self) -> int:
        """How many pages of rows are in memory."""
        return len(self._rows.pages)

    @property
    def generation(self) -> int:
        """The number of this list; rows for another one are dropped."""
        return self._rows.generation

    def row(self, index: int) -> Any | None:
        """The row at `index`, or None while it has not come."""
        return self._rows.row(index)

    @property
    def current(self) -> Any | None:
        """The row under the cursor, or None."""
        return self.row(self.cursor)

    def key_at(self, index: int) -> Any | None:
        """What names the row at `index`: its id, or its key."""
        return self._rows.key_at(index)

    def show_ids(self, ids: Sequence[int]) -> None:
        """List these ids, the cursor on the first."""
        self._rows.list_ids(ids)
        self.marked.clear()
        self._list_changed()
        self._set_cursor(0)

    def extend_ids(self, ids: Sequence[int]) -> None:
        """List these ids, which begin with those that are listed; cursor and pages stay."""
        if len(ids) != len(self):
            self._rows.extend_ids(ids)
            self.virtual_size = Size(self.size.width, len(self) + 1)
            self.refresh()

    def show_rows(self, rows: Sequence[Any], keys: Sequence[Any] | None = None) -> None:
        """List these rows; the cursor stays with its key, and only changed lines are drawn."""
        key = self.key_at(self.cursor)
        changed = self._columns_changed or len(rows) != len(self) or not self._rows.all_given
        before = [] if changed else self._visible_lines()  # old rows may not fit new columns
        self._columns_changed = False
        new_keys = list(keys) if keys is not None else list(range(len(rows)))
        place = new_keys.index(key) if key is not None and key in new_keys else self.cursor
        if changed:
            self._rows.list_rows(rows, new_keys)
            self.marked &= set(new_keys)
            self._list_changed()
            self._set_cursor(place)
            return
        self._rows.replace_rows(rows, new_keys)
        if place != self.cursor:
            self._set_cursor(place)
        for y, (old, new) in enumerate(zip(before, self._visible_lines(), strict=False)):
            if old != new:
                self.refresh(Region(0, y + 1, self.size.width, 1))

    def set_columns(
        self, columns: tuple[Column, ...], cells: Callable[[Any], Sequence[Cell]] | None = None
    ) -> None:
        """Show other columns; of other rows, if `show_rows` follows at once."""
        if columns == self._columns and cells in (None, self._cells):
            return
        self._columns_changed = self._columns_changed or columns != self._columns
        self._columns = columns
        self._cells = cells or self._cells
        self.refresh()

    def set_empty_text(self, text: str) -> None:
        """What is shown while nothing is listed."""
        self._empty = text
        if not len(self):
            self.refresh()

    def supply(self, generation: int, first: int, rows: Sequence[Any]) -> None:
        """Take rows that were wanted; they are dropped if the list has changed since."""
        if generation != self.generation:
            return
        self._requested = False
        self._rows.supply(first, rows)
        self.refresh()
        if first <= self.cursor < first + len(rows):
            self.post_message(self.Moved(self))
        self._request_soon()

    def held(self) -> dict[int, list[Any]]:
        """The pages of rows that are in memory, by the place of their first row."""
        return {page * PAGE: list(rows) for page, rows in self._rows.pages.items()}

    def request_failed(self) -> None:
        """The rows that were wanted will not come; they are wanted again when next drawn."""
        self._requested = False

    def _list_changed(self) -> None:
        self._requested = False
        self.virtual_size = Size(self.size.width, len(self) + 1)

    def _set_cursor(self, index: int) -> None:
        self.cursor = min(max(index, 0), max(len(self) - 1, 0))
        self._show_cursor()
        self.refresh()
        if len(self):
            self.post_message(self.Moved(self))

    @property
    def in_view(self) -> range:
        """Which rows are on the screen."""
        return self._visible()

    # Asking for rows

    def _visible(self) -> range:
        top = int(self.scroll_offset.y)
        return range(top, min(top + max(self.size.height - 1, 0), len(self)))

    def _request_soon(self) -> None:
        if not self._request_scheduled:
            self._request_scheduled = True
            self.call_next(self._request_rows)

    def _request_rows(self) -> None:
        """Request the missing pages in view; one request at a time."""
        self._request_scheduled = False
        wanted = None if self._requested else self._rows.wanted(self._visible())
        if wanted is not None:
            self._requested = True
            self.post_message(self.RowsWanted(self, self.generation, *wanted))

    # Drawing

    def _line(self, index: int, width: int) -> list[tuple[str, str]]:
        """A row as texts, each with its style."""
        row = self.row(index)
        if row is None:
            self._request_soon()
            return [("·".ljust(width), "dim")]
        return line_pieces(self._columns, self._cells(row), width)

    @property
    def _width(self) -> int:
        """The cells of a line without the scrollbar."""
        return self.scrollable_content_region.width

    def _visible_lines(self) -> list[list[tuple[str, str]]]:
        width = self._width - GUTTER
        return [self._line(index, width) for index in self._visible()] if width > 0 else []

    def _gutter(self, index: int) -> Segment:
        mark = "•" if self._is_marked(index) else " "
        if index != self.cursor:
            return Segment(" " + mark)
        return Segment("▶" + mark, Style(bold=True) if self.has_focus else Style(dim=True))

    def _is_marked(self, index: int) -> bool:
        return self.key_at(index) in self.marked

    def _heading(self, width: int) -> str:
        """The titles of the columns."""
        return heading_line(self._columns, width)

    @property
    def lit(self) -> bool:
        """Whether the cursor has come to rest, and its row is drawn so."""
        return self._lighting is None

    def _cursor_style(self) -> Style:
        """The background of the cursor's row; reversed where there are no colours to choose."""
        few = COLOR_SYSTEMS.get(self.app.console.color_system or "") is ColorSystem.STANDARD
        if few or self.app.no_color:
            return Style(reverse=True) if self.has_focus else Style(underline=True)
        return Style(bgcolor=self.get_component_rich_style("table--cursor").bgcolor)

    def render_lines(self, crop: Region) -> list[Strip]:
        """All of a paint's lines have one style, which takes longer to find than a line."""
        self._base = self.rich_style
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        width = self._width
        base = self.rich_style if self._base is None else self._base
        inner = max(width - GUTTER, 1)
        if y == 0:
            titles = " " * GUTTER + self._heading(inner)
            heading = Strip([Segment(titles, base + Style(dim=True))])
            return heading.adjust_cell_length(width, base)
        index = int(self.scroll_offset.y) + y - 1
        if index >= len(self):
            lines = self._empty.splitlines() if not len(self) else []
            text = lines[y - 2] if 0 <= y - 2 < len(lines) else ""
            return Strip([Segment("  " + text)]).apply_style(base).adjust_cell_length(width, base)
        if index == self.cursor and self.lit:
            base += self._cursor_style()
        segments = [self._gutter(index)]
        segments += [Segment(text, Style.parse(style)) for text, style in self._line(index, inner)]
        return Strip(segments).apply_style(base).adjust_cell_length(width, base)

    # Moving

    def _show_cursor(self) -> bool:
        """Scroll when the cursor leaves the view; whether that was needed.

        By nearly a page, since each time the whole list is painted; to far away, the cursor comes
        to stand in the middle.
        """
        top, height = int(self.scroll_offset.y), max(self.size.height - 1, 1)
        if top <= self.cursor < top + height:
            return False
        kept, above = min(KEPT, height - 1), height // 2
        if top + height <= self.cursor < top + 2 * height:
            above = kept
        elif top - height < self.cursor < top:
            above = height - 1 - kept
        self.scroll_to(y=max(self.cursor - above, 0), animate=False, force=True)
        return True

    def move_to(self, index: int) -> None:
        """Put the cursor on the row at `index`, or on the nearest one."""
        old = self.cursor
        self.cursor = min(max(index, 0), max(len(self) - 1, 0))
        if self.cursor == old:
            return
        was_lit = self.lit
        self._light_later()
        if self._show_cursor():
            self.refresh()
        else:
            self._refresh_row(old, whole=was_lit)
            self._refresh_row(self.cursor, whole=self.lit)
        self.post_message(self.Moved(self))

    def _refresh_row(self, index: int, *, whole: bool) -> None:
        y = index - int(self.scroll_offset.y) + 1
        self.refresh(Region(0, y, self.size.width if whole else GUTTER, 1))

    def _light_later(self) -> None:
        """A key that is held carries two gutters a row, not two rows: a line may be slow."""
        now = time.monotonic()
        fast, self._moved_at = now - self._moved_at < FAST, now
        if self._lighting is not None:
            self._lighting.stop()
            self._lighting = None
        if fast:
            self._lighting = self.set_timer(FAST, self._light)

    def _light(self) -> None:
        self._lighting = None
        self._refresh_row(self.cursor, whole=True)

    def action_mark(self) -> None:
        key = self.key_at(self.cursor)
        if key is None:
            say(self, NOTHING_LISTED)
            return
        self.marked ^= {key}
        self.refresh(Region(0, self.cursor - int(self.scroll_offset.y) + 1, GUTTER, 1))
        self.post_message(self.Marked(self))
        self.move_to(self.cursor + 1)

    def action_select(self) -> None:
        if len(self):
            self.post_message(self.Selected(self))
        else:
            say(self, NOTHING_LISTED)

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        index = int(self.scroll_offset.y) + at.y - 1 if at is not None else -1
        if at is None or at.y < 1 or index >= len(self):
            return
        if index == self.cursor and event.chain > 1:
            self.action_select()
        self.move_to(index)
        self.clicked(at)

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self) + 1)
        self._show_cursor()
        self.refresh()

    def on_focus(self) -> None:
        self.refresh()

    on_blur = on_focus

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Draw again: scrolling alone redraws no Line API widget."""
        super().watch_scroll_y(old_value, new_value)
        self.refresh()
