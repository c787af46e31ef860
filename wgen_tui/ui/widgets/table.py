"""A table that holds the rows on the screen, not all that it lists.

Promises: of a list of ids, only a few pages of rows are in memory; a missing row is requested by
a message and drawn when it comes; rows for an older list are dropped; moving the cursor within the
view repaints two gutters and nothing else.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from wgen_tui.terminal_text import printable
from wgen_tui.ui import actions
from wgen_tui.ui.state.cells import Cell, Column, fitted, widths

PAGE = 100
PAGES_KEPT = 12
GUTTER = 2
KEPT = 2  # lines that stay in view when the list is scrolled


class VirtualTable(ScrollView, can_focus=True):
    """Rows by index: either all of them given (`show_rows`), or ids whose rows are fetched."""

    BINDINGS = actions.bindings(actions.TABLE)
    DEFAULT_CSS = """
    VirtualTable { scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; overflow-x: hidden; }
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
        self._ids: Sequence[int] = array("q")
        self._local: list[Any] | None = None
        self._keys: list[Any] = []
        self._pages: OrderedDict[int, list[Any]] = OrderedDict()
        self._generation = 0
        self._requested = False
        self._request_scheduled = False
        self._columns_changed = False
        self.cursor = 0
        self.marked: set[Any] = set()

    # What it lists

    def __len__(self) -> int:
        return len(self._ids) if self._local is None else len(self._local)

    @property
    def pages_held(self) -> int:
        """How many pages of rows are in memory."""
        return len(self._pages)

    @property
    def generation(self) -> int:
        """The number of this list; rows for another one are dropped."""
        return self._generation

    def row(self, index: int) -> Any | None:
        """The row at `index`, or None while it has not come."""
        if not 0 <= index < len(self):
            return None
        if self._local is not None:
            return self._local[index]
        page = self._pages.get(index // PAGE)
        return page[index % PAGE] if page is not None and index % PAGE < len(page) else None

    @property
    def current(self) -> Any | None:
        """The row under the cursor, or None."""
        return self.row(self.cursor)

    def key_at(self, index: int) -> Any | None:
        """What names the row at `index`: its id, or its key."""
        if not 0 <= index < len(self):
            return None
        return self._ids[index] if self._local is None else self._keys[index]

    def show_ids(self, ids: Sequence[int]) -> None:
        """List these ids, the cursor on the first."""
        self._reset(None, ids, [])
        self._set_cursor(0)

    def extend_ids(self, ids: Sequence[int]) -> None:
        """List these ids, which begin with those that are listed; cursor and pages stay."""
        if len(ids) != len(self):
            last = max(len(self) - 1, 0) // PAGE  # it may have been cut short
            if len(self) % PAGE:
                self._pages.pop(last, None)
            self._ids = ids
            self.virtual_size = Size(self.size.width, len(self) + 1)
            self.refresh()

    def show_rows(self, rows: Sequence[Any], keys: Sequence[Any] | None = None) -> None:
        """List these rows; the cursor stays with its key, and only changed lines are drawn."""
        key = self.key_at(self.cursor)
        changed = self._columns_changed or len(rows) != len(self) or self._local is None
        before = [] if changed else self._visible_lines()  # old rows may not fit new columns
        self._columns_changed = False
        new_keys = list(keys) if keys is not None else list(range(len(rows)))
        place = new_keys.index(key) if key is not None and key in new_keys else self.cursor
        if changed:
            self._reset(list(rows), (), new_keys)
            self._set_cursor(place)
            return
        self._local, self._keys = list(rows), new_keys
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
        if generation != self._generation:
            return
        self._requested = False
        for start in range(0, len(rows), PAGE):
            self._pages[(first + start) // PAGE] = list(rows[start : start + PAGE])
        while len(self._pages) > PAGES_KEPT:
            self._pages.popitem(last=False)
        self.refresh()
        if first <= self.cursor < first + len(rows):
            self.post_message(self.Moved(self))
        self._request_soon()

    def request_failed(self) -> None:
        """The rows that were wanted will not come; they are wanted again when next drawn."""
        self._requested = False

    def _reset(self, local: list[Any] | None, ids: Sequence[int], keys: list[Any]) -> None:
        self._generation += 1
        self._local, self._ids, self._keys = local, ids, keys
        self._pages.clear()
        self._requested = False
        if local is None:
            self.marked.clear()
        else:
            self.marked &= set(keys)
        self.virtual_size = Size(self.size.width, len(self) + 1)

    def _set_cursor(self, index: int) -> None:
        self.cursor = min(max(index, 0), max(len(self) - 1, 0))
        self._show_cursor()
        self.refresh()
        if len(self):
            self.post_message(self.Moved(self))

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
        if self._requested or self._local is not None:
            return
        view = self._visible()
        if not view:
            return
        wanted = range(view.start // PAGE, (view.stop - 1) // PAGE + 1)
        missing = [page for page in wanted if page not in self._pages]
        for page in wanted:
            if page in self._pages:
                self._pages.move_to_end(page)
        if missing:
            self._requested = True
            first = missing[0] * PAGE
            ids = self._ids[first : (missing[-1] + 1) * PAGE]
            self.post_message(self.RowsWanted(self, self._generation, first, ids))

    # Drawing

    def _line(self, index: int, width: int) -> list[Cell]:
        row = self.row(index)
        if row is None:
            self._request_soon()
            return [Cell("·".ljust(width), "dim")]
        line: list[Cell] = []
        sizes = widths(self._columns, width)
        for column, size, cell in zip(self._columns, sizes, self._cells(row), strict=True):
            if size:
                # Names come from files that anybody may have written.
                shown = printable(cell.text, keep_newlines=False)
                gap = " " if line else ""
                line.append(Cell(gap + fitted(shown, size, column.align), cell.style))
        return line

    @property
    def _width(self) -> int:
        """The cells of a line without the scrollbar."""
        return self.scrollable_content_region.width

    def _visible_lines(self) -> list[list[Cell]]:
        width = self._width - GUTTER
        return [self._line(index, width) for index in self._visible()] if width > 0 else []

    def _gutter(self, index: int) -> Segment:
        mark = "•" if self.key_at(index) in self.marked else " "
        if index != self.cursor:
            return Segment(" " + mark)
        return Segment("▶" + mark, Style(bold=True) if self.has_focus else Style(dim=True))

    def render_line(self, y: int) -> Strip:
        width = self._width
        base = self.rich_style
        inner = max(width - GUTTER, 1)
        if y == 0:
            sizes = widths(self._columns, inner)
            titles = " ".join(
                fitted(column.title, size, column.align)
                for column, size in zip(self._columns, sizes, strict=True)
                if size
            )
            return (
                Strip([Segment(" " * GUTTER + titles, Style(dim=True, underline=True))])
                .apply_style(base)
                .adjust_cell_length(width, base)
            )
        index = int(self.scroll_offset.y) + y - 1
        if index >= len(self):
            lines = self._empty.splitlines() if not len(self) else []
            text = lines[y - 2] if 0 <= y - 2 < len(lines) else ""
            return Strip([Segment("  " + text)]).apply_style(base).adjust_cell_length(width, base)
        segments = [self._gutter(index)]
        segments += [
            Segment(cell.text, Style.parse(cell.style)) for cell in self._line(index, inner)
        ]
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
        if self._show_cursor():
            self.refresh()
        else:
            top = int(self.scroll_offset.y)
            self.refresh(
                Region(0, old - top + 1, GUTTER, 1), Region(0, self.cursor - top + 1, GUTTER, 1)
            )
        self.post_message(self.Moved(self))

    def action_down(self) -> None:
        self.move_to(self.cursor + 1)

    def action_up(self) -> None:
        self.move_to(self.cursor - 1)

    def action_page_down(self) -> None:
        self.move_to(self.cursor + max(self.size.height - 2, 1))

    def action_page_up(self) -> None:
        self.move_to(self.cursor - max(self.size.height - 2, 1))

    def action_first(self) -> None:
        self.move_to(0)

    def action_last(self) -> None:
        self.move_to(len(self) - 1)

    def action_mark(self) -> None:
        key = self.key_at(self.cursor)
        if key is not None:
            self.marked ^= {key}
            self.refresh(Region(0, self.cursor - int(self.scroll_offset.y) + 1, GUTTER, 1))
            self.action_down()

    def action_select(self) -> None:
        if len(self):
            self.post_message(self.Selected(self))

    def on_click(self, event: events.Click) -> None:
        index = int(self.scroll_offset.y) + event.y - 1
        if event.y < 1 or index >= len(self):
            return
        if index == self.cursor and event.chain > 1:
            self.action_select()
        self.move_to(index)

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self) + 1)
        self._show_cursor()
        self.refresh()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Draw again: Line API widgets are not redrawn by scrolling alone."""
        super().watch_scroll_y(old_value, new_value)
        self.refresh()
