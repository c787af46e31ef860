"""Screen 5: the effect as a picture, each number with its n, its interval and its samples.

Promises: from any number enter shows exactly its samples, space only the hits, `w` their SQL, and
esc comes back to the row; what is shown is computed in threads and drawn from memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from wgen_tui.errors import UsageError, WgenError
from wgen_tui.terminal_text import printable
from wgen_tui.ui import services
from wgen_tui.ui.screens.result_actions import ResultActions
from wgen_tui.ui.state.outcomes import courses, views, words
from wgen_tui.ui.state.outcomes.arm_order import in_order
from wgen_tui.ui.state.outcomes.explained import explained
from wgen_tui.ui.state.outcomes.rows import Number, Row
from wgen_tui.ui.threads import loads
from wgen_tui.ui.widgets.pane import TextPane
from wgen_tui.ui.widgets.panels import panel, set_title
from wgen_tui.ui.widgets.section_table import SectionTable

if TYPE_CHECKING:
    from wgen_tui.services.results.kept.stamps import Stamp
    from wgen_tui.services.results.results import Results

POLL_EVERY = 3.0
BESIDE = 140  # columns from which the questions of an arm stand beside the arms
BELOW = 34  # rows from which the grid stands below the arms
WITHOUT_DOTS = ("grid", "seeds")  # views that draw no seeds beside their mean
WITH_COUNTS = ("arms", "contexts")  # views that say how many runs, and p
OF_ARMS = ("arms", "contexts", "seeds")  # views whose rows are of one arm each
CHOOSE = "Press ctrl+o to choose an experiment, or make one:  wgen-tui demo"
TRY_AGAIN = "r tries again."
EMPTY = f"No results yet.\n\n{CHOOSE}"


class Computed(NamedTuple):
    """The results of an experiment, or why it has none.

    Attributes:
        stamp: Of the data when they were computed.
        arms: Of the definition, in its order; empty where it cannot be read.
    """

    experiment: str
    stamp: Stamp
    results: Results | UsageError
    arms: tuple[str, ...] = ()


class ResultsScreen(ResultActions):
    """Views of one experiment's results, `v` for the next; enter opens a number's samples."""

    SCOPE = "results"
    AUTO_FOCUS = "#list"
    ENTER: ClassVar = {"list": "samples", "beside": "samples", "below": "samples"}

    def __init__(self) -> None:
        super().__init__()
        self._stamp: Stamp | None = None
        self._notes_of: tuple[object, ...] | None = None
        self._empty = EMPTY
        self._places: dict[tuple[str, str], object] = {}  # by experiment and view, the row's key

    def compose_content(self) -> ComposeResult:
        title = Static("", id="title", classes="line", markup=False)
        title.auto_links = False  # views can be clicked, and look as in other titles
        yield title
        with Horizontal(id="split"):
            with Vertical(id="left"):
                yield panel(TextPane(id="chart"), "over")
                yield panel(SectionTable(empty=EMPTY, id="list"), "arms")
                yield panel(SectionTable(id="below"), "questions × arms")
            yield panel(SectionTable(id="beside"), "questions")
        yield panel(TextPane(id="notes"), "notes")

    def on_mount(self) -> None:
        self.every(POLL_EVERY, "stamp", self._poll)

    def on_screen_resume(self) -> None:
        wanted = self.wgen.experiment
        if wanted is None:
            self.pick_experiment()
        elif self.results is None or wanted != self.results.experiment:
            self.reload()
        else:
            self._poll()

    def experiment_picked(self) -> None:
        self.reload()

    def experiment_chosen(self) -> None:
        self.reload()

    def on_resize(self) -> None:
        self.call_after_refresh(self.show)

    # Computing

    def _poll(self) -> None:
        """Compute again when samples or grades have come, unless the screen is hidden."""
        if not self.is_current or self.busy("compute") or self.busy("stamp"):
            return
        if self.wgen.experiment is None:
            self.pick_experiment()
        else:
            self._read_stamp(self.wgen.experiment)

    @loads("stamp", then="_stamp_read")
    def _read_stamp(self, experiment: str) -> tuple[str, Stamp]:
        return experiment, services.stamps.stamp(self.home, experiment)

    def _stamp_read(self, read: tuple[str, Stamp]) -> None:
        experiment, stamp = read
        if stamp != self._stamp:
            self._compute(experiment)

    def action_reload(self) -> None:
        """Compute again, and say so: often nothing is another."""
        self.notify_plain("Computing again from all samples and grades.")
        self.reload()

    def reload(self) -> None:
        """Compute what is in hand."""
        experiment = self.wgen.experiment
        if experiment is None:
            self.action_choose_experiment()
            return
        if self.results is not None and self.results.experiment != experiment:
            self.results = None  # what is shown is never another experiment's
        self._empty = "computing…"
        if self.results is None:
            self.show()
        self._set_title(f"{experiment}: computing…")
        self._compute(experiment)

    @loads("compute", then="_computed", failed="_compute_failed")
    def _compute(self, experiment: str) -> Computed:
        stamp = services.stamps.stamp(self.home, experiment)
        try:
            results = services.results.compute(self.home, experiment)
        except UsageError as error:  # no samples yet: said in the table, not as an error
            return Computed(experiment, stamp, error)
        try:
            arms = tuple(services.definitions.load(self.home, experiment).arms)
        except WgenError:  # the samples outlive their definition
            arms = ()
        return Computed(experiment, stamp, in_order(results, arms), arms)

    def _computed(self, computed: Computed) -> None:
        self._stamp = computed.stamp
        experiment, results = computed.experiment, computed.results
        if computed.arms:
            self.wgen.keep_arms({experiment: computed.arms})
        if isinstance(results, UsageError):
            self.results = None
            self._set_title(f"{experiment}: no results")
            self._empty = f"{printable(results.message)}\n{printable(results.hint)}\n\n{CHOOSE}"
        else:
            if self.results is None or self.results.experiment != experiment:
                self.inside = views.Inside(views.first_arm(results))
            self.results = results
            if self.view not in (offered := views.offered(results)):
                self.view = offered[0]
        self.show()

    def _compute_failed(self) -> None:
        """Say so where the numbers are: those of before stay, and are called so."""
        self._empty = f"Not read.\n\n{TRY_AGAIN}"
        if self.results is None:
            self.show()
        before = "" if self.results is None else ", these are from before"
        self._set_title(f"{self.wgen.experiment}: not read{before}. {TRY_AGAIN}")

    # Showing

    @property
    def _table(self) -> SectionTable:
        return self.query_one("#list", SectionTable)

    def _set_title(self, text: str) -> None:
        line = Text(f" {printable(text)}", no_wrap=True, overflow="ellipsis")
        self.query_one("#title", Static).update(line)

    def show(self) -> None:
        """Draw what was computed."""
        if not self.is_mounted:
            return
        results = self.results
        if results is None:
            self._show_nothing()
            return
        width = self.size.width
        of_arms = self.view in ("arms", "questions", "seeds") or (
            self.view == "contexts" and any(t.where == "training" for t in results.by_context)
        )
        grids = of_arms and "grid" in views.offered(results)
        self.set_class(width >= BESIDE and self.view in ("arms", "seeds", "grid"), "-beside")
        self.set_class(grids and self.size.height >= BELOW, "-below")
        self.set_class(self.view == "contexts", "-contexts")
        self._fill(self._table, self.view)
        self._show_chart(results)
        if self.has_class("-below"):
            self._fill(self.query_one("#below", SectionTable), "grid")
        heading = views.heading(results, self.view, self.inside, width)
        self.query_one("#title", Static).update(heading)
        set_title(self._table, views.panel_title(results, self.view, self.inside))
        self._show_number()

    def _show_nothing(self) -> None:
        for name in ("-beside", "-below", "-charted"):
            self.remove_class(name)
        self._table.set_empty_text(self._empty)
        self._table.show_sections([], [])
        self.query_one("#notes", TextPane).show(Text())

    def _fill(self, table: SectionTable, view: views.View) -> None:
        if self.results is None:
            return
        colours = self.arm_colours(self.results.experiment)
        cells = self._cells_of(table)
        rows = views.rows_of(self.results, view, self.inside, cells, colours)
        if (left := table.cells_beside(len(rows)) or cells) != cells:  # a scrollbar comes, or goes
            rows = views.rows_of(self.results, view, self.inside, left, colours)
        table.show_sections(rows, [row.key for row in rows])

    def _cells_of(self, table: SectionTable) -> int:
        """The cells of a line; before the first layout, what they will be."""
        return table.cells or self.size.width - 5

    def on_section_table_resized(self, message: SectionTable.Resized) -> None:
        """Rows are made for a width, which is known once they are laid out."""
        if self.results is not None:
            views_of: dict[str | None, views.View] = {"below": "grid", "beside": "questions"}
            self._fill(message.table, views_of.get(message.table.id, self.view))

    def on_text_pane_resized(self, message: TextPane.Resized) -> None:
        """A chart fills its panel, whatever that was before: zoomed, divided, or not there."""
        if self.results is not None and message.pane.id == "chart" and self.has_class("-charted"):
            self._show_chart(self.results)

    def _show_chart(self, results: Results) -> None:
        chart = views.chart(results, self.view, self._table.current)
        self.set_class(chart is not None, "-charted")
        if chart is None:
            return
        pane = self.query_one("#chart", TextPane)
        size = pane.scrollable_content_region.size
        if not size.height:  # it has no place yet: drawn once it has, and at once as high as that
            return
        width, height = size.width, size.height
        colours = self.arm_colours(results.experiment)
        task = courses.task_lines(results)[:1] if self.view == "steps" else []
        beside = bool(task) and width >= 2 * courses.LEAST_CHART
        set_title(pane, f"{chart.title}, and {task[0].title}" if beside else chart.title)
        height, half = max(height, 6), width // 2
        text = views.chart_text(chart, (half if beside else width) - 3, height, colours)
        if beside:
            loss = views.chart_text(task[0], width - half - 3, height, colours)
            text = courses.side_by_side(text, loss, half)
        pane.show(text, keep_place=True)

    def on_virtual_table_moved(self, message: SectionTable.Moved) -> None:
        row = message.table.current
        if isinstance(row, Row) and row.arm is not None and self.view in OF_ARMS:
            self.inside = self.inside._replace(arm=row.arm)
        if self.results is not None and message.table.id == "list":
            self._places[(self.results.experiment, self.view)] = message.table.key_at(
                message.table.cursor
            )
        if self.results is not None and self.view == "values":
            self._show_chart(self.results)
        self._show_number()

    def on_descendant_focus(self) -> None:
        self._show_number()

    def _show_number(self) -> None:
        """What is to be known of the number under the cursor; its arm's questions beside it."""
        results = self.results
        if results is None:
            return
        if self.has_class("-beside"):
            beside = self.query_one("#beside", SectionTable)
            if self.focused is not beside:
                self._fill(beside, "questions")
                set_title(beside, views.panel_title(results, "questions", self.inside))
        number = self.number
        pane = self.query_one("#notes", TextPane)
        if self.explains:
            text, title = explained(words.methods(results)), "how the numbers are made"
        else:
            text = words.doubts_text(results)
            text.append_text(words.beside(results, number))
            text.append_text(views.notes(results, self.view))
            dots = self.view not in WITHOUT_DOTS or self.has_class("-beside")
            text.append_text(words.notes(results, of_arms=self.view in WITH_COUNTS, dots=dots))
            title = "notes" if number is None else words.title_of(number)
        shown = (results.experiment, self.view, self.explains, number)
        pane.show(text, keep_place=shown == self._notes_of)
        set_title(pane, title)
        self._notes_of = shown

    @property
    def number(self) -> Number | None:
        """The number under the cursor of the table that has the keys, else of the first."""
        table = self.focused if isinstance(self.focused, SectionTable) else self._table
        number = table.number
        return number if isinstance(number, Number) else None

    # Views

    def go_to_view(self, view: views.View) -> None:
        """Show another view, the cursor where it was there."""
        self.view = view
        self.show()
        self.app.set_focus(self._table)
        key: Any = self._places.get((self.results.experiment if self.results else "", view))
        keys = [self._table.key_at(index) for index in range(len(self._table))]
        self._table.move_to(keys.index(key) if key in keys else 0)
