"""Screen 3: any number of samples, filtered, paged, and one in full.

Promises: what is listed stays as it is while it is read; what has come since is a number that
`r` turns into rows.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Container
from textual.widgets import Static

from wgen_tui.errors import UsageError
from wgen_tui.terminal_text import printable
from wgen_tui.ui.modals.dialogs import AskModal
from wgen_tui.ui.screens.base import BaseScreen
from wgen_tui.ui.state import filters
from wgen_tui.ui.state import samples as state
from wgen_tui.ui.widgets.pane import TextPane
from wgen_tui.ui.widgets.table import VirtualTable

if TYPE_CHECKING:
    from store.samples import Facets, SampleDetail, SampleRow

POLL_EVERY = 3.0
SETTLE = 0.12  # a held key moves faster than details are read
EMPTY = """No samples yet.

Press 1, choose an experiment and press s to start it,
or see it all work in a minute and a half:  wgen-tui demo"""
NOTHING = "No sample passes this filter.\n\nPress / to change it, backspace to list all."


class SamplesScreen(BaseScreen):
    """Filter line, table, detail."""

    SCOPE = "samples"
    # Side by side only where completions in the list still have room to be read.
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (150, "-wide")]  # noqa: RUF012 - as Screen has it

    def __init__(self) -> None:
        super().__init__()
        self._fields: dict[str, Any] = {}
        self._facets: Facets | None = None
        self._questions: list[str] = []
        self._detail: SampleDetail | None = None
        self._total: int | None = None
        self._new = 0
        self._stale = True

    def content(self) -> ComposeResult:
        yield Static("", id="filter", classes="line", markup=False)
        with Container(id="split"):
            yield VirtualTable(state.COLUMNS, state.cells, empty="reading…", id="list")
            yield TextPane(id="detail")

    def on_mount(self) -> None:
        self._settle = self.set_timer(SETTLE, self._load_detail, pause=True)
        self.set_interval(POLL_EVERY, self._poll)

    def on_screen_resume(self) -> None:
        if self._stale:
            self.action_reload()

    @property
    def _table(self) -> VirtualTable:
        return self.query_one("#list", VirtualTable)

    # Listing

    def set_filter(self, fields: dict[str, Any]) -> None:
        """List the samples that these fields of a Filter let through."""
        self._fields = fields
        self._stale = True
        if self.is_mounted and self.is_current:
            self.action_reload()

    def action_reload(self) -> None:
        home, fields = self.home, dict(self._fields)
        self._stale = False

        def work() -> array[int]:
            from wgen_tui.services.data import samples  # noqa: PLC0415 - not before the frame

            return samples.search(home, samples.Filter(**fields))

        def facets() -> Facets:
            from wgen_tui.services.data import samples  # noqa: PLC0415 - not before the frame

            return samples.facets(home, samples.Filter(**fields))

        self.forget("count")
        self._say_filter("reading…")
        self.load(
            "search", work, self._show_ids, lambda: self._say_filter("not read; r tries again")
        )
        self.load("facets", facets, self._counted)

    def _show_ids(self, ids: array[int]) -> None:
        self._total, self._new, self._detail = len(ids), 0, None
        table = self._table
        table.set_empty_text(NOTHING if self._fields else EMPTY)
        table.show_ids(ids)
        if not ids:
            self.query_one("#detail", TextPane).show(Text())
        self._say_filter()

    def _counted(self, facets: Facets) -> None:
        self._facets = facets
        if self._fields.get("question") is None:
            self._questions = sorted(str(value) for value, _ in facets.questions)

    def _say_filter(self, state_of_it: str = "") -> None:
        said = filters.write(self._fields) or "all samples"
        text = Text(" ", no_wrap=True, overflow="ellipsis")
        if state_of_it or self._total is None:
            text.append(state_of_it)
        else:
            text.append(f"{self._total:,}", "bold")
            if self._new > 0:
                text.append(f"  {self._new:,} new · r lists them", "bold")
        text.append(f"  {printable(said)}")
        self.query_one("#filter", Static).update(text)

    def on_virtual_table_rows_wanted(self, message: VirtualTable.RowsWanted) -> None:
        home, table, ids = self.home, message.table, message.ids
        generation, first = message.generation, message.first

        def work() -> list[SampleRow]:
            from wgen_tui.services.data import samples  # noqa: PLC0415 - not before the frame

            return samples.page(home, ids)

        self.load(
            "page",
            work,
            lambda rows: table.supply(generation, first, rows),
            lambda: table.request_failed(generation),
        )

    def _poll(self) -> None:
        """Count what has come since, unless nobody looks."""
        if not self.is_current or self._total is None or self.busy("search") or self.busy("count"):
            return
        home, fields = self.home, dict(self._fields)

        def work() -> int:
            from wgen_tui.services.data import samples  # noqa: PLC0415 - not before the frame

            return samples.count(home, samples.Filter(**fields))

        self.load("count", work, self._grown)

    def _grown(self, number: int) -> None:
        if self._total == 0 and number:
            self.action_reload()
            return
        new = number - (self._total or 0)
        if new != self._new:
            self._new = new
            self._say_filter()

    # One sample

    def on_virtual_table_moved(self) -> None:
        self._settle.stop()
        self._settle = self.set_timer(SETTLE, self._load_detail)

    def _load_detail(self) -> None:
        home, sample_id = self.home, self._table.key_at(self._table.cursor)
        if sample_id is None or (self._detail and self._detail.row.sample_id == sample_id):
            return

        def work() -> SampleDetail:
            from wgen_tui.services.data import samples  # noqa: PLC0415 - not before the frame

            return samples.detail(home, int(sample_id))

        self.load("detail", work, self._show_detail)

    def _show_detail(self, found: SampleDetail) -> None:
        self._detail = found
        self.query_one("#detail", TextPane).show(state.detail(found))

    def on_virtual_table_selected(self) -> None:
        self.query_one("#detail", TextPane).focus()

    def action_copy(self) -> None:
        if self._detail is not None:
            self.app.copy_to_clipboard(state.copied(self._detail))

    # Filtering

    def action_filter(self) -> None:
        text = Text()
        text.append(f"{filters.EXAMPLE}\n", "dim")
        text.append(f"keys: {', '.join(filters.KEYS)}\n", "dim")
        if self._facets is not None:
            text.append("\n")
            for key, values in state.facet_lines(self._facets):
                text.append(f"{key:10} ", "bold")
                text.append(f"{values}\n")
        now = filters.write(self._fields)
        self.app.push_screen(AskModal("Filter samples", now, text), self._filtered)

    def _filtered(self, text: str | None) -> None:
        if text is None:
            return
        try:
            self.set_filter(filters.parse(text))
        except UsageError as error:
            self.show_error(error)

    def action_clear(self) -> None:
        if self._fields:
            self.set_filter({})

    def action_question(self, step: int) -> None:
        question = filters.neighbour(self._questions, self._fields.get("question"), step)
        rest = {key: value for key, value in self._fields.items() if key != "question"}
        self.set_filter(rest if question is None else {**rest, "question": question})
