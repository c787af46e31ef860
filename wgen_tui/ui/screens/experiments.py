"""Screen 1: every definition, its card, and starting its runs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Container

from wgen_tui.ui.modals.dialogs import AskModal
from wgen_tui.ui.modals.preview import PreviewModal
from wgen_tui.ui.modals.start import StartModal
from wgen_tui.ui.screens.base import BaseScreen
from wgen_tui.ui.state import experiments as state
from wgen_tui.ui.state.cells import Cell
from wgen_tui.ui.state.format import plural
from wgen_tui.ui.widgets.pane import TextPane
from wgen_tui.ui.widgets.table import VirtualTable

if TYPE_CHECKING:
    from experiments.schema import Definition
    from wgen_tui.services.experiments.definitions import ExperimentInfo
    from wgen_tui.services.planning.plan import Plan

EVERY = 5.0
EMPTY = "No experiment has these words.\n\nPress / and clear the filter."


class ExperimentsScreen(BaseScreen):
    """List left, card right."""

    SCOPE = "experiments"

    def __init__(self) -> None:
        super().__init__()
        self._infos: list[ExperimentInfo] = []
        self._counts: dict[str, Counter[str]] = {}
        self._filter = ""
        self._shown = ""

    def content(self) -> ComposeResult:
        with Container(id="split"):
            yield VirtualTable(state.COLUMNS, self._cells, empty="reading…", id="list")
            yield TextPane(id="card")

    def _cells(self, info: ExperimentInfo) -> list[Cell]:
        return state.cells(info, self._counts.get(info.slug, Counter()))

    def on_mount(self) -> None:
        self.set_interval(EVERY, self.reload)

    def on_screen_resume(self) -> None:
        self.reload()

    def reload(self) -> None:
        """Read the list again, unless that is under way or nobody looks."""
        if not self.is_current or self.busy("list"):
            return
        home = self.home

        def work() -> tuple[list[ExperimentInfo], dict[str, Counter[str]]]:
            from wgen_tui.services.experiments import definitions  # noqa: PLC0415 - not before the frame
            from wgen_tui.services.runs import runs  # noqa: PLC0415 - not before the frame

            return definitions.list_experiments(home), state.run_counts(runs.list_runs(home))

        self.load("list", work, self._listed)

    def _listed(self, found: tuple[list[ExperimentInfo], dict[str, Counter[str]]]) -> None:
        self._infos, self._counts = found
        self._show_list()

    def _show_list(self) -> None:
        words = self._filter.lower().split()
        shown = [
            info
            for info in self._infos
            if all(word in f"{info.slug} {info.title}".lower() for word in words)
        ]
        table = self.query_one("#list", VirtualTable)
        table.set_empty_text(
            EMPTY if words else "No experiments yet.\n\nwgen-tui experiment new NAME"
        )
        table.show_rows(shown, [info.slug for info in shown])
        if not self._shown:
            slugs = [info.slug for info in shown]
            first = self.wgen.experiment or state.most_alive(slugs, self._counts)
            if first in slugs:
                table.move_to(slugs.index(first))

    @property
    def _info(self) -> ExperimentInfo | None:
        return self.query_one("#list", VirtualTable).current

    def on_virtual_table_moved(self) -> None:
        info = self._info
        if info is None:
            return
        # Where the cursor first stands nobody has chosen yet.
        chosen = bool(self._shown) or bool(self._counts.get(info.slug))
        if info.slug != self._shown and not info.error and chosen:
            self.wgen.experiment = info.slug
        home = self.home

        def work() -> Definition | None:
            from wgen_tui.services.experiments import definitions  # noqa: PLC0415 - not before the frame

            return None if info.error else definitions.load(home, info.path)

        self.load("card", work, lambda definition: self._show_card(info, definition))

    def _show_card(self, info: ExperimentInfo, definition: Definition | None) -> None:
        text = state.card(info, definition, self._counts.get(info.slug, Counter()))
        self.query_one("#card", TextPane).show(text, keep_place=info.slug == self._shown)
        self._shown = info.slug

    def on_virtual_table_selected(self) -> None:
        self.query_one("#card", TextPane).focus()

    def action_start(self) -> None:
        info = self._info
        if info is None or not self.writable():
            return
        if info.error:
            self.say(info.error, "The definition is wrong", "error")
            return
        self.app.clear_notifications()
        self.app.push_screen(StartModal(info), self._start)

    def _start(self, plan: Plan | None) -> None:
        if plan is None:
            return
        home = self.home

        def work() -> int:
            from wgen_tui.services.planning import commit  # noqa: PLC0415 - heavy
            from wgen_tui.services.supervisor import lifecycle  # noqa: PLC0415 - heavy

            launches = commit.commit(home, plan)
            lifecycle.ensure_supervisor(home)
            return len(launches)

        def done(number: int) -> None:
            self.say(f"{plural(number, 'launch')} queued; 2 shows them at work.", "Started")
            self.reload()

        self.load("start", work, done)

    def action_preview(self) -> None:
        info = self._info
        if info is None:
            return
        if info.error:
            self.say(info.error, "The definition is wrong", "error")
            return
        self.app.clear_notifications()
        self.app.push_screen(PreviewModal(info))

    def action_validate(self) -> None:
        info = self._info
        if info is None:
            return
        home = self.home

        def work() -> list[str]:
            from wgen_tui.services.experiments import definitions  # noqa: PLC0415 - not before the frame

            return definitions.validate(home, info.path)[1]

        def done(notes: list[str]) -> None:
            self.say("\n".join(notes) or "The definition and all its data are fine.", "Valid")

        self.load("validate", work, done)
        self.reload()

    def action_folder(self) -> None:
        if (info := self._info) is not None:
            self.app.copy_to_clipboard(str(info.path))
            self.say(str(info.path), f"Folder of {info.slug}")

    def action_copy(self) -> None:
        if (info := self._info) is not None:
            self.app.copy_to_clipboard(info.slug)

    def action_filter(self) -> None:
        hint = Text("Words of slug or title; enter lists, empty lists all.", "dim")
        self.app.push_screen(AskModal("Filter experiments", self._filter, hint), self._filtered)

    def _filtered(self, text: str | None) -> None:
        if text is not None:
            self._filter = text
            self._show_list()

    def action_back(self) -> None:
        if self._filter and isinstance(self.focused, VirtualTable):
            self._filtered("")
        super().action_back()
