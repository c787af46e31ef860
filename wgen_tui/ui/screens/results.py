"""Screen 5: rates, read-outs and the curve over steps, each with n and interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from wgen_tui.errors import UsageError
from wgen_tui.terminal_text import printable
from wgen_tui.ui import modals, services
from wgen_tui.ui.screens.base import BaseScreen
from wgen_tui.ui.state import result_views
from wgen_tui.ui.state.explained import explained
from wgen_tui.ui.threads import loads
from wgen_tui.ui.widgets.pane import TextPane
from wgen_tui.ui.widgets.panels import panel
from wgen_tui.ui.widgets.table import VirtualTable

if TYPE_CHECKING:
    from wgen_tui.services.measures.rate_rows import Rate
    from wgen_tui.services.results.results import Results, Stamp

POLL_EVERY = 3.0
CHOOSE = "Press o to choose an experiment, or make one:  wgen-tui demo"
ONE_VIEW = """There are only rates here. Questions of type next_token, logprob or multiple_choice
give read-outs, `sampling: {during_training: …}` gives a curve."""
EMPTY = f"No results yet.\n\n{CHOOSE}"


class Computed(NamedTuple):
    """The results of an experiment, or why it has none.

    Attributes:
        stamp: Of the data when they were computed.
    """

    experiment: str
    stamp: Stamp
    results: Results | UsageError


class ResultsScreen(BaseScreen):
    """One table at a time, `v` for the next; enter opens a row, esc closes it."""

    SCOPE = "results"
    ENTER: ClassVar = {"list": "open"}

    def __init__(self) -> None:
        super().__init__()
        self._results: Results | None = None
        self._view: result_views.View = "rates"
        self._inside: Any = None  # the row of this view that was opened
        self._shown: result_views.ResultView | None = None
        self._stamp: Stamp | None = None
        self._notes_of: tuple[str, result_views.View, bool] | None = None
        self._empty = EMPTY
        self._explains = False

    def compose_content(self) -> ComposeResult:
        yield Static("", id="title", classes="line", markup=False)
        yield panel(VirtualTable((), lambda _: [], empty=EMPTY, id="list"), "results")
        yield panel(TextPane(id="notes"), "notes")

    def on_mount(self) -> None:
        self.set_interval(POLL_EVERY, self._poll)

    def on_screen_resume(self) -> None:
        wanted = self.wgen.experiment
        if wanted is None:
            self.pick_experiment()
        elif self._results is None or wanted != self._results.experiment:
            self.action_reload()
        else:
            self._poll()

    def experiment_picked(self) -> None:
        self.action_reload()

    def on_resize(self) -> None:
        self._show()

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
        return experiment, services.results.stamp(self.home, experiment)

    def _stamp_read(self, read: tuple[str, Stamp]) -> None:
        experiment, stamp = read
        if stamp != self._stamp:
            self._compute(experiment)

    def action_reload(self) -> None:
        experiment = self.wgen.experiment
        if experiment is None:
            self.action_choose()
            return
        self._set_title(f"{experiment}: computing…")
        self._compute(experiment)

    @loads("compute", then="_computed", failed="_compute_failed")
    def _compute(self, experiment: str) -> Computed:
        stamp = services.results.stamp(self.home, experiment)
        try:
            results = services.results.compute(self.home, experiment)
        except UsageError as error:  # no samples yet: said in the table, not as an error
            return Computed(experiment, stamp, error)
        return Computed(experiment, stamp, results)

    def _computed(self, computed: Computed) -> None:
        self._stamp = computed.stamp
        experiment, results = computed.experiment, computed.results
        if isinstance(results, UsageError):
            self._results = self._inside = None
            self._set_title(f"{experiment}: no results")
            self._empty = f"{printable(results.message)}\n{printable(results.hint)}\n\n{CHOOSE}"
        else:
            if self._results is None or self._results.experiment != experiment:
                self._inside = None
            self._results = results
            self._keep_view(result_views.views(results))
        self._show()

    def _compute_failed(self) -> None:
        self._set_title(f"{self.wgen.experiment}: not read")

    @property
    def _table(self) -> VirtualTable:
        return self.query_one("#list", VirtualTable)

    def _set_title(self, text: str) -> None:
        line = Text(f" {printable(text)}", no_wrap=True, overflow="ellipsis")
        self.query_one("#title", Static).update(line)

    def _keep_view(self, offered: list[result_views.View]) -> None:
        if self._view not in offered:
            self._view, self._inside = offered[0], None

    def _show(self) -> None:
        if not self.is_mounted:
            return
        table, notes = self._table, self.query_one("#notes", TextPane)
        results = self._results
        if results is None:
            self._shown = None
            table.set_empty_text(self._empty)
            table.show_rows([])
            table.set_columns(())
            notes.show(Text())
            return
        shown = self._shown = result_views.result_view(
            results, self._view, self._inside, self.size.width
        )
        table.set_columns(shown.columns, shown.cells)
        table.show_rows(shown.rows, shown.keys)
        heading = result_views.heading(results, self._view, shown.title)
        self.query_one("#title", Static).update(heading)
        notes_of = (results.experiment, self._view, self._explains)
        text = explained() if self._explains else shown.notes
        notes.show(text, keep_place=notes_of == self._notes_of)
        self._notes_of = notes_of

    def action_view(self) -> None:
        if self._results is None:
            return
        offered = result_views.views(self._results)
        if len(offered) == 1:
            self.notify_plain(ONE_VIEW, "Results")
            return
        self._view = offered[(offered.index(self._view) + 1) % len(offered)]
        self._inside = None
        self._show()
        self._table.move_to(0)

    def action_explain(self) -> None:
        """How the numbers are made, in the place of the notes, which have the keys; or back."""
        if self._results is None:
            return
        self._explains = not self._explains
        self.set_class(self._explains, "-explains")
        self._show()
        (self.query_one("#notes", TextPane) if self._explains else self._table).focus()

    def on_virtual_table_selected(self, message: VirtualTable.Selected) -> None:
        row = message.table.current
        if row is None or self._inside is not None:
            return
        if self._view == "curve":
            self._open_samples(row.rate)
            return
        self._inside = row
        self._show()
        message.table.move_to(0)

    def _open_samples(self, rate: Rate) -> None:
        """The samples behind a point of the curve."""
        if self._results is None:
            return
        experiment = self._results.experiment
        arm = {"experiment": experiment, "model": rate.model, "arm": rate.arm}
        self.wgen.show_samples({**arm, "step": rate.checkpoint})

    def action_back(self) -> None:
        if self._explains:
            self.action_explain()
            return
        if self._inside is not None and self._results is not None:
            left, self._inside = self._inside, None
            self._show()
            keys = list(self._shown.keys) if self._shown is not None else []
            self._table.move_to(keys.index(left.key) if left.key in keys else 0)
        super().action_back()

    def action_choose(self) -> None:
        self._read_choices()

    @loads("choices", then="_choose")
    def _read_choices(self) -> list[str]:
        return list(dict.fromkeys(run.experiment for run in services.runs.list_runs(self.home)))

    def _choose(self, choices: list[str]) -> None:
        if not choices:
            self.notify_plain(
                "No experiment has runs yet: press 1, then s to start some.", "Results"
            )
            return

        def chosen(index: int | None) -> None:
            if index is not None:
                self.wgen.experiment = choices[index]
                self.action_reload()

        current = self.wgen.experiment
        index = choices.index(current) if current in choices else 0
        self.app.push_screen(
            modals.ChooseModal("Results of which experiment?", choices, index), chosen
        )

    def action_copy(self) -> None:
        if self._shown is not None:
            self.app.copy_to_clipboard(self._shown.copied)

    def action_query(self) -> None:
        if self._results is not None:
            self.wgen.show_query(self._results.sql)
