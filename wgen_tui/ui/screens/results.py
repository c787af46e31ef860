"""Screen 5: rates with their intervals on one axis, and what may be said of the differences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from wgen_tui.services.sanitise import printable
from wgen_tui.ui.modals.dialogs import ChooseModal
from wgen_tui.ui.screens.base import Room
from wgen_tui.ui.state import results as state
from wgen_tui.ui.state.cells import Cell
from wgen_tui.ui.widgets.pane import TextPane
from wgen_tui.ui.widgets.table import VirtualTable

if TYPE_CHECKING:
    from wgen_tui.services.results import Results

EMPTY = """No results yet.

Press o to choose an experiment, or see one made:  wgen-tui demo"""


class ResultsScreen(Room):
    """The table over seeds and questions; enter goes into an arm, esc comes back."""

    SCOPE = "results"

    def __init__(self) -> None:
        super().__init__()
        self._results: Results | None = None
        self._inside: state.Line | None = None
        self._bar = 16

    def content(self) -> ComposeResult:
        yield Static("", id="title", classes="line", markup=False)
        yield VirtualTable(state.columns(16, "arm"), self._cells, empty=EMPTY, id="list")
        yield TextPane(id="notes")

    def _cells(self, line: state.Line) -> list[Cell]:
        return state.cells(line, self._bar)

    def on_screen_resume(self) -> None:
        wanted = self.wgen.experiment
        if self._results is not None and wanted in (None, self._results.experiment):
            return
        if wanted is not None:
            self.action_reload()

    def on_resize(self) -> None:
        self._bar = 16 if self.size.width < 100 else 30 if self.size.width < 160 else 60
        self._show()

    def action_reload(self) -> None:
        home, experiment = self.home, self.wgen.experiment
        if experiment is None:
            self.action_choose()
            return
        self._title(f"{experiment}: computing…")

        def work() -> Results:
            from wgen_tui.services import results  # noqa: PLC0415 - not before the frame

            return results.compute(home, experiment)

        def failed() -> None:
            self._results = None
            self._title(f"{experiment}: no results")
            self._show()

        self.load("compute", work, self._computed, failed)

    def _title(self, text: str) -> None:
        shown = Text(f" {printable(text)}", no_wrap=True, overflow="ellipsis")
        self.query_one("#title", Static).update(shown)

    def _computed(self, results: Results) -> None:
        self._results, self._inside = results, None
        self._show()

    def _show(self) -> None:
        if not self.is_mounted:
            return
        table, notes = self.query_one("#list", VirtualTable), self.query_one("#notes", TextPane)
        found = self._results
        if found is None:
            table.show_rows([])
            notes.show(Text())
            return
        inside = self._inside
        lines = state.overview(found) if inside is None else state.drill(found, inside)
        table.set_columns(state.columns(self._bar, "arm" if inside is None else "seed, question"))
        table.show_rows(lines)
        metric = found.rates[0].metric if found.rates else ""
        where = found.experiment if inside is None else f"{found.experiment} › {inside.rate.arm}"
        self._title(f"{where} · {metric}" if metric else where)
        notes.show(state.notes(found))

    def on_virtual_table_selected(self, message: VirtualTable.Selected) -> None:
        line = message.table.current
        if self._inside is None and isinstance(line, state.Line):
            self._inside = line
            self._show()
            message.table.move_to(0)

    def action_back(self) -> None:
        if self._inside is not None:
            self._inside = None
            self._show()
        super().action_back()

    def action_choose(self) -> None:
        home = self.home

        def work() -> list[str]:
            from wgen_tui.services import runs  # noqa: PLC0415 - not before the frame

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
        if self._results is not None:
            self.app.copy_to_clipboard(state.as_text(state.overview(self._results)))

    def action_query(self) -> None:
        from wgen_tui.ui.screens.sql import SqlScreen  # noqa: PLC0415 - rooms know few

        if self._results is None:
            return
        room = self.wgen.room("sql")
        if isinstance(room, SqlScreen):
            room.offer(self._results.sql)
        self.wgen.action_go("sql")
