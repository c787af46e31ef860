"""Screen 3: any number of samples, filtered, paged, and one in full.

Promises: the list stays as it is while it is read; how many samples are new is a number, which
`r` turns into rows; a search that another one replaces is stopped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Container
from textual.widgets import Static

from store.cancel import Cancel
from wgen_tui.terminal_text import printable
from wgen_tui.ui import services
from wgen_tui.ui.screens.sample_parts.sample_facets import SampleFacetsScreen
from wgen_tui.ui.state.answers import folds, sample_columns
from wgen_tui.ui.state.format import plural
from wgen_tui.ui.threads import loads
from wgen_tui.ui.widgets.bars import KeyBar
from wgen_tui.ui.widgets.pane import TextPane
from wgen_tui.ui.widgets.panels import panel
from wgen_tui.ui.widgets.table import PAGE, VirtualTable

if TYPE_CHECKING:
    from store.samples.listing import Listing
    from store.samples.rows import SampleRow

POLL_EVERY = 3.0
FIRST = 3 * PAGE  # samples that are listed before a search is counted
EMPTY = """No samples yet.

Press 1, choose an experiment and press s to start it,
or see it all work in a minute and a half:  wgen-tui demo"""
NO_MATCH = "No sample passes this filter.\n\nPress / to change it, backspace to list all."


class Page(NamedTuple):
    """Rows for a table, at the place where it wants them."""

    table: VirtualTable
    generation: int
    first: int
    rows: list[SampleRow]


class Counted(NamedTuple):
    """How many tags and notes there are, and samples if these are others than before."""

    notes: int
    samples: int | None


class SamplesScreen(SampleFacetsScreen):
    """Filter line, table, detail."""

    SCOPE = "samples"
    ENTER: ClassVar = {"list": "read", "facets": "to the list"}
    AUTO_FOCUS = "#list"
    # Side by side only where completions in the list can still be read.
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (150, "-wide")]  # noqa: RUF012 - as Screen has it

    def __init__(self) -> None:
        super().__init__()
        self._total: int | None = None
        self._searching: Cancel | None = None
        self._new = 0
        self._stored: int | None = None  # all there were when texts were last looked through
        self._seen: object = None  # what stat said of all samples when they were last counted
        self._uncounted = False  # whether values are to be counted once a page is there

    def compose_content(self) -> ComposeResult:
        yield from self.compose_filter()
        yield from self.compose_facets()
        with Container(id="split"):
            yield panel(
                VirtualTable(
                    *sample_columns.columns((), (), self._colours), empty="reading…", id="list"
                ),
                "samples",
            )
            yield panel(TextPane(id="detail"), "sample")

    def on_mount(self) -> None:
        self.every(POLL_EVERY, "count", self._poll)

    def on_screen_resume(self) -> None:
        if self._stale:
            self.reload()

    # Listing

    def action_reload(self) -> None:
        """List again, and say so: often nothing is another."""
        self.notify_plain("Listing again.")
        self.reload()

    def reload(self) -> None:
        self._stale = False
        self.discard_load("count")
        self.show_filter("reading…")
        self.discard_load("facets")
        if self._searching is not None:
            self._searching.stop()
        self._searching = Cancel()
        search = self.fold if self.folds else self._search
        search(dict(self._fields), self._searching)

    @loads("search", then="show_listing", failed="_search_failed")
    def _search(self, fields: dict[str, Any], cancel: Cancel) -> Listing:
        """The list, or its beginning where all texts or grades must be looked through."""
        criteria = services.samples.filter_of(fields)
        if criteria.scans:
            return services.samples.first(
                self.home, criteria, FIRST, cancel=cancel, ahead=(0, PAGE)
            )
        return services.samples.search(
            self.home, criteria, snapshot=True, cancel=cancel, ahead=(0, PAGE)
        )

    @loads("search", then="_show_rest", failed="_search_failed")
    def _search_rest(self, fields: dict[str, Any], cancel: Cancel) -> Listing:
        criteria = services.samples.filter_of(fields)
        return services.samples.search(self.home, criteria, snapshot=True, cancel=cancel)

    def _show_rest(self, listing: Listing) -> None:
        """The list behind its beginning: nothing that is shown moves."""
        self._listing, self._total = listing, listing.samples
        self.fit_columns(listing)
        self._table.extend_ids(range(len(listing)))
        self.show_filter()
        self.count_values(dict(self._fields))

    def show_listing(self, listing: Listing) -> None:
        self._listing, self._stored, self._listed = listing, None, dict(self._fields)
        self._total, self._new, self._detail = listing.samples, 0, None
        table = self._table
        self.fit_columns(listing)
        table.set_empty_text(NO_MATCH if self._fields else EMPTY)
        table.show_ids(range(len(listing)))
        if self.return_to:
            table.move_to(self.return_to)
            self.return_to = 0
        if not len(listing):
            self.query_one("#detail", TextPane).show(Text())
        self.query_one(KeyBar).refresh()  # enter means another thing where texts are folded
        self.show_filter()
        self._uncounted = listing.counted and len(listing) > 0
        if listing.counted and not self._uncounted and self._fields:
            self.explain_nothing(dict(self._fields))
        elif listing.counted and not self._uncounted:
            self.count_values({})
        elif not listing.counted and self._searching is not None:
            self._search_rest(dict(self._fields), self._searching)

    def cursor_place(self) -> int:
        return self._table.cursor if self.is_mounted else 0

    def show_no_match(self, text: str) -> None:
        self._table.set_empty_text(f"{text}\n\n{NO_MATCH}")

    def _search_failed(self) -> None:
        """Say so; what another filter let through does not stand below this one."""
        self._total = None
        if self._listed == self._fields and len(self._table):
            self.show_filter("not read, these are from before; r retries")
            return
        self._listing, self._detail = None, None
        self._table.set_empty_text("Not read.\n\nPress / to change the filter, r to try again.")
        self._table.show_ids(())
        self.query_one("#detail", TextPane).show(Text())
        self.show_filter("not read; r retries")

    def show_filter(self, status: str = "") -> None:
        """Write the line above the list: how many samples, and by which filter."""
        text = Text(" ", no_wrap=True, overflow="ellipsis")
        if status or self._total is None:
            text.append(status)
        else:
            folded = self._listing if self.folded else None
            text.append(folds.counted(folded) if folded else f"{self._total:,}", "bold")
            if self._listing is not None and not self._listing.counted:
                text.append("+ … counting")
            if self._new > 0:
                text.append(f"  {self._new:,} new · r lists them", "bold")
        if self._total is not None and self._listing is not None and self._table.marked:
            text.append(f" · {len(self._table.marked):,} marked", "bold")
            if self.folded:
                marked = self._listing.samples_at(self._table.marked)
                text.append(f", {plural(marked, 'sample')}", "bold")
        text.append(f"  {printable(self.filter_words())}")
        self.query_one("#filter", Static).update(text)

    def on_virtual_table_rows_wanted(self, message: VirtualTable.RowsWanted) -> None:
        if self._listing is not None:
            self._read_page(message, self._listing)

    @loads("page", then="_supply_page", failed="_page_failed")
    def _read_page(self, wanted: VirtualTable.RowsWanted, listing: Listing) -> Page:
        rows = services.samples.page(self.home, listing, wanted.first, len(wanted.ids))
        return Page(wanted.table, wanted.generation, wanted.first, rows)

    def _supply_page(self, page: Page) -> None:
        page.table.supply(page.generation, page.first, page.rows)
        self._count_once()

    def _page_failed(self) -> None:
        self._table.request_failed()
        self._count_once()

    def _count_once(self) -> None:
        """Count values behind the first page: two readers at once hold twice as much memory."""
        if self._uncounted:
            self._uncounted = False
            self.count_values(dict(self._fields))

    def _poll(self) -> None:
        """Count the samples that have come since, unless the screen is hidden."""
        if not self.is_current or self._total is None or self.busy("search") or self.busy("count"):
            return
        self._count(dict(self._fields))

    @loads("count", then="_show_new_count")
    def _count(self, fields: dict[str, Any]) -> Counted | None:
        seen = services.samples.seen(self.home)
        if seen == self._seen:
            return None
        self._seen = seen
        return Counted(services.notes.written(self.home), self._count_samples(fields))

    def _count_samples(self, fields: dict[str, Any]) -> int | None:
        """How many the filter lets through; None while there are no others than before."""
        if services.samples.filter_of(fields).scans:  # only when there are others than before
            stored = services.samples.count(self.home, services.samples.filter_of({}))
            if stored == self._stored:
                return None
            self._stored = stored
        return services.samples.count(self.home, services.samples.filter_of(fields))

    def _show_new_count(self, counted: Counted | None) -> None:
        if counted is None:
            return
        self.notes_seen(counted.notes)
        count = counted.samples
        if count is None:
            return
        if self._total == 0 and count:
            self.reload()
            return
        new = count - (self._total or 0)
        if new != self._new:
            self._new = new
            self.show_filter()

    def on_virtual_table_marked(self) -> None:
        self.show_filter()

    # One sample

    def on_virtual_table_moved(self) -> None:
        self.when_settled(self.load_detail)
        table = self._table
        self.query_one("#detail", TextPane).turn_to((table.generation, table.cursor))

    def on_virtual_table_selected(self) -> None:
        if self.folded:
            self.action_open_fold()
        else:
            self.query_one("#detail", TextPane).focus()

    def action_compare(self) -> None:
        row: SampleRow | None = self._table.current
        if row is None:
            self.notify_plain("There is no sample under the cursor.", "Compare")
            return
        self.wgen.show_comparison(row, dict(self._fields))
