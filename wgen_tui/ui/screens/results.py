"""Screen 5: rates with their intervals on one axis, and what may be said of the differences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from wgen_tui.errors import UsageError
from wgen_tui.services.sanitise import printable
from wgen_tui.ui.modals.dialogs import ChooseModal
from wgen_tui.ui.screens.base import Room
from wgen_tui.ui.state import results as state
from wgen_tui.ui.state.cells import Cell
from wgen_tui.ui.widgets.pane import TextPane
from wgen_tui.ui.widgets.table import VirtualTable

if TYPE_CHECKING:
    from wgen_tui.services.results import Results

LOOK_EVERY = 3.0
CHOOSE = "Press o to choose an experiment, or see one made:  wgen-tui demo"
EMPTY = f"No results yet.\n\n{CHOOSE}"


class ResultsScreen(Room):
    """The table over seeds and questions; enter goes into an arm, esc comes back."""

    SCOPE = "results"

    def __init__(self) -> None:
        super().__init__()
        self._results: Results | None = None
        self._inside: state.Line | None = None
        self._stamp: tuple[int, int] | None = None
        self._width = 80  # what columns were made for; a resize comes to the table first
        self._noted = ""
        self._lines: list[state.Line] = []
        self._empty = EMPTY

    def content(self) -> ComposeResult:
        yield Static("", id="title", classes="line", markup=False)
        yield VirtualTable((), self._cells, empty=EMPTY, id="list")
        yield TextPane(id="notes")

    def _cells(self, line: state.Line) -> list[Cell]:
        return state.cells(line, self._width, inside=self._inside is not None)

    def on_mount(self) -> None:
        self.set_interval(LOOK_EVERY, self._look)

    def on_screen_resume(self) -> None:
        wanted = self.wgen.experiment
        if wanted is None:
            self.choose_for_me(self.action_reload)
        elif self._results is None or wanted != self._results.experiment:
            self.action_reload()
        else:
            self._look()

    def on_resize(self) -> None:
        self._show()

    def _look(self) -> None:
        """Compute again when samples or grades have come, unless nobody looks."""
        home, experiment = self.home, self.wgen.experiment
        if not self.is_current or self.busy("compute") or self.busy("stamp"):
            return
        if experiment is None:
            self.choose_for_me(self.action_reload)
            return

        def work() -> tuple[int, int]:
            from wgen_tui.services import results  # noqa: PLC0415 - not before the frame

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
            from wgen_tui.services import results  # noqa: PLC0415 - not before the frame

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
        self._show()

    def _show(self) -> None:
        if not self.is_mounted:
            return
        table, notes = self._table, self.query_one("#notes", TextPane)
        found, width = self._results, self.size.width
        if found is None:
            table.say_empty(self._empty)
            table.show_rows([])
            table.set_columns(())
            notes.show(Text())
            return
        inside = self._inside
        lines = state.overview(found, width) if inside is None else state.drill(found, inside)
        self._lines = lines
        self._width = width
        table.set_columns(state.columns(width, inside=inside is not None))
        table.show_rows(lines, [line.key for line in lines])
        self._title(state.title(found, inside, width))
        notes.show(state.notes(found), keep_place=found.experiment == self._noted)
        self._noted = found.experiment

    def on_virtual_table_selected(self, message: VirtualTable.Selected) -> None:
        line = message.table.current
        if self._inside is None and isinstance(line, state.Line):
            self._inside = line
            self._show()
            message.table.move_to(0)

    def action_back(self) -> None:
        if self._inside is not None:
            left, self._inside = self._inside, None
            self._show()
            keys = [line.key for line in self._lines]
            self._table.move_to(keys.index(left.key) if left.key in keys else 0)
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
            self.app.copy_to_clipboard(state.as_text(self._lines))

    def action_query(self) -> None:
        from wgen_tui.ui.screens.sql import SqlScreen  # noqa: PLC0415 - rooms know few

        if self._results is None:
            return
        room = self.wgen.room("sql")
        if isinstance(room, SqlScreen):
            room.offer(self._results.sql)
        self.wgen.action_go("sql")
