"""Screen 5: rates, what was read, and the curve over steps, each with n and interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from wgen_tui.errors import UsageError
from wgen_tui.terminal_text import printable
from wgen_tui.ui.modals.dialogs import ChooseModal
from wgen_tui.ui.screens.base import BaseScreen
from wgen_tui.ui.state import result_views
from wgen_tui.ui.widgets.pane import TextPane
from wgen_tui.ui.widgets.table import VirtualTable

if TYPE_CHECKING:
    from wgen_tui.services.results.results import Rate, Results

POLL_EVERY = 3.0
CHOOSE = "Press o to choose an experiment, or see one made:  wgen-tui demo"
ONE_VIEW = """There are only rates here. Questions of type next_token, logprob or multiple_choice
give read-outs, `sampling: {during_training: …}` gives a curve."""
EMPTY = f"No results yet.\n\n{CHOOSE}"


class ResultsScreen(BaseScreen):
    """One table at a time, `v` for the next; enter goes into a row, esc comes back."""

    SCOPE = "results"

    def __init__(self) -> None:
        super().__init__()
        self._results: Results | None = None
        self._view: result_views.View = "rates"
        self._inside: Any = None  # the row that was entered, of the view at hand
        self._sheet: result_views.ResultView | None = None
        self._stamp: tuple[int, int] | None = None
        self._noted: tuple[str, result_views.View] | None = None
        self._empty = EMPTY

    def content(self) -> ComposeResult:
        yield Static("", id="title", classes="line", markup=False)
        yield VirtualTable((), lambda _: [], empty=EMPTY, id="list")
        yield TextPane(id="notes")

    def on_mount(self) -> None:
        self.set_interval(POLL_EVERY, self._poll)

    def on_screen_resume(self) -> None:
        wanted = self.wgen.experiment
        if wanted is None:
            self.pick_experiment(self.action_reload)
        elif self._results is None or wanted != self._results.experiment:
            self.action_reload()
        else:
            self._poll()

    def on_resize(self) -> None:
        self._show()

    def _poll(self) -> None:
        """Compute again when samples or grades have come, unless nobody looks."""
        home, experiment = self.home, self.wgen.experiment
        if not self.is_current or self.busy("compute") or self.busy("stamp"):
            return
        if experiment is None:
            self.pick_experiment(self.action_reload)
            return

        def work() -> tuple[int, int]:
            from wgen_tui.services.results import results  # noqa: PLC0415 - not before the frame

            return results.stamp(home, experiment)

        def found(stamp: tuple[int, int]) -> None:
            if stamp != self._stamp:
                self._compute(experiment)

        self.load("stamp", work, found)

    def action_reload(self) -> None:
        experiment = self.wgen.experiment
        if experiment is None:
            self.action_choose()
            return
        self._title(f"{experiment}: computing…")
        self._compute(experiment)

    def _compute(self, experiment: str) -> None:
        home = self.home

        def work() -> tuple[tuple[int, int], Results | UsageError]:
            from wgen_tui.services.results import results  # noqa: PLC0415 - not before the frame

            stamp = results.stamp(home, experiment)
            try:
                return stamp, results.compute(home, experiment)
            except UsageError as error:  # no samples yet is no mishap
                return stamp, error

        def computed(found: tuple[tuple[int, int], Results | UsageError]) -> None:
            self._stamp = found[0]
            self._computed(experiment, found[1])

        self.load("compute", work, computed, lambda: self._title(f"{experiment}: not read"))

    @property
    def _table(self) -> VirtualTable:
        return self.query_one("#list", VirtualTable)

    def _title(self, text: str) -> None:
        shown = Text(f" {printable(text)}", no_wrap=True, overflow="ellipsis")
        self.query_one("#title", Static).update(shown)

    def _computed(self, experiment: str, found: Results | UsageError) -> None:
        if isinstance(found, UsageError):
            self._results = self._inside = None
            self._title(f"{experiment}: no results")
            self._empty = f"{printable(found.message)}\n{printable(found.hint)}\n\n{CHOOSE}"
        else:
            if self._results is None or self._results.experiment != experiment:
                self._inside = None
            self._results = found
            self._keep_view(result_views.views(found))
        self._show()

    def _keep_view(self, offered: list[result_views.View]) -> None:
        if self._view not in offered:
            self._view, self._inside = offered[0], None

    def _show(self) -> None:
        if not self.is_mounted:
            return
        table, notes = self._table, self.query_one("#notes", TextPane)
        found = self._results
        if found is None:
            self._sheet = None
            table.set_empty_text(self._empty)
            table.show_rows([])
            table.set_columns(())
            notes.show(Text())
            return
        shown = self._sheet = result_views.result_view(
            found, self._view, self._inside, self.size.width
        )
        table.set_columns(shown.columns, shown.cells)
        table.show_rows(shown.rows, shown.keys)
        self.query_one("#title", Static).update(
            result_views.heading(found, self._view, shown.title)
        )
        here = (found.experiment, self._view)
        notes.show(shown.notes, keep_place=here == self._noted)
        self._noted = here

    def action_view(self) -> None:
        if self._results is None:
            return
        offered = result_views.views(self._results)
        if len(offered) == 1:
            self.say(ONE_VIEW, "Results")
            return
        self._view = offered[(offered.index(self._view) + 1) % len(offered)]
        self._inside = None
        self._show()
        self._table.move_to(0)

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
        from wgen_tui.ui.screens.samples import SamplesScreen  # noqa: PLC0415 - rooms know few

        room = self.wgen.get_named_screen("samples")
        if isinstance(room, SamplesScreen) and self._results is not None:
            experiment = self._results.experiment
            at = {"experiment": experiment, "model": rate.model, "arm": rate.arm}
            room.set_filter({**at, "step": rate.checkpoint})
        self.wgen.action_go("samples")

    def action_back(self) -> None:
        if self._inside is not None and self._results is not None:
            left, self._inside = self._inside, None
            self._show()
            keys = list(self._sheet.keys) if self._sheet is not None else []
            self._table.move_to(keys.index(left.key) if left.key in keys else 0)
        super().action_back()

    def action_choose(self) -> None:
        home = self.home

        def work() -> list[str]:
            from wgen_tui.services.runs import runs  # noqa: PLC0415 - not before the frame

            return list(dict.fromkeys(run.experiment for run in runs.list_runs(home)))

        self.load("choices", work, self._choose)

    def _choose(self, choices: list[str]) -> None:
        if not choices:
            self.say("No experiment has runs yet: 1, then s, starts one.", "Results")
            return

        def chosen(index: int | None) -> None:
            if index is not None:
                self.wgen.experiment = choices[index]
                self.action_reload()

        now = self.wgen.experiment
        place = choices.index(now) if now in choices else 0
        self.app.push_screen(ChooseModal("Results of which experiment?", choices, place), chosen)

    def action_copy(self) -> None:
        if self._sheet is not None:
            self.app.copy_to_clipboard(self._sheet.copied)

    def action_query(self) -> None:
        from wgen_tui.ui.screens.sql import SqlScreen  # noqa: PLC0415 - rooms know few

        if self._results is None:
            return
        room = self.wgen.get_named_screen("sql")
        if isinstance(room, SqlScreen):
            room.offer(self._results.sql)
        self.wgen.action_go("sql")
