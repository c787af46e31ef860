"""Screen 1: every definition, its card, and starting its runs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Container

from wgen_tui.ui import modals, services
from wgen_tui.ui.screens.base import BaseScreen
from wgen_tui.ui.state import experiments as state
from wgen_tui.ui.state.cells import Cell
from wgen_tui.ui.state.format import plural
from wgen_tui.ui.threads import loads
from wgen_tui.ui.widgets.pane import TextPane
from wgen_tui.ui.widgets.panels import panel
from wgen_tui.ui.widgets.table import VirtualTable

if TYPE_CHECKING:
    from experiments.schema import Definition
    from wgen_tui.services.experiments.names import ExperimentInfo
    from wgen_tui.services.planning.plan import Plan

POLL_EVERY = 5.0
EMPTY = "No experiment matches.\n\nesc clears the filter."


class ExperimentsScreen(BaseScreen):
    """List left, card right."""

    SCOPE = "experiments"
    ENTER: ClassVar = {"list": "take in hand"}

    def __init__(self) -> None:
        super().__init__()
        self._infos: list[ExperimentInfo] = []
        self._counts: dict[str, Counter[str]] = {}
        self._filter = ""
        self._shown = ""

    def compose_content(self) -> ComposeResult:
        with Container(id="split"):
            yield panel(
                VirtualTable(state.COLUMNS, self._cells, empty="reading…", id="list"), "experiments"
            )
            yield panel(TextPane(id="card"), "card")

    def _cells(self, info: ExperimentInfo) -> list[Cell]:
        return state.cells(info, self._counts.get(info.slug, Counter()))

    def on_mount(self) -> None:
        self.set_interval(POLL_EVERY, self.reload)

    def on_screen_resume(self) -> None:
        if self._infos:
            self.reload()
        else:
            self.call_later(self._read_names)

    @loads("list", then="_keep_names", failed="reload")
    def _read_names(self) -> list[ExperimentInfo]:
        """The first frame waits for nothing, and the names not for what reads definitions."""
        return services.names.list_names(self.home)

    def _keep_names(self, infos: list[ExperimentInfo]) -> None:
        self._infos = infos
        self._show_list()
        self.call_after_refresh(self.reload)

    def reload(self) -> None:
        """Read the list again, unless that is under way or the screen is hidden."""
        if self.is_current and not self.busy("list"):
            self._read_list()

    @loads("list", then="_keep_list")
    def _read_list(self) -> tuple[list[ExperimentInfo], dict[str, Counter[str]]]:
        infos = services.listing.list_experiments(self.home)
        return infos, state.run_counts(services.runs.list_runs(self.home))

    def _keep_list(self, read: tuple[list[ExperimentInfo], dict[str, Counter[str]]]) -> None:
        unread = any(info.unread for info in self._infos)
        self._infos, self._counts = read
        if self.wgen.experiment is None:
            self.wgen.experiment = state.most_alive([i.slug for i in self._infos], self._counts)
        self.wgen.keep_arms({info.slug: tuple(info.arms) for info in self._infos if info.arms})
        self._show_list()
        if unread:
            self.on_virtual_table_moved()  # to the row where the cursor stood all the while

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
        self.when_settled(self._load_card)

    def _load_card(self) -> None:
        if (info := self._info) is not None and not info.unread:
            self._read_definition(info)

    @loads("card", then="_show_card")
    def _read_definition(self, info: ExperimentInfo) -> tuple[ExperimentInfo, Definition | None]:
        return info, None if info.error else services.definitions.load(self.home, info.path)

    def _show_card(self, read: tuple[ExperimentInfo, Definition | None]) -> None:
        info, definition = read
        text = state.card(info, definition, self._counts.get(info.slug, Counter()))
        self.query_one("#card", TextPane).show(text, keep_place=info.slug == self._shown)
        self._shown = info.slug

    def on_virtual_table_selected(self) -> None:
        """Take the experiment in hand; what it says is on Results, once it has runs."""
        info = self._info
        if info is None or self._is_unread(info):
            return
        self.wgen.experiment = info.slug
        self._show_list()
        if self._counts.get(info.slug):
            self.wgen.action_go("results")
        else:
            self.notify_plain("It has no runs yet: s plans and starts them.", info.slug)

    def _is_unread(self, info: ExperimentInfo) -> bool:
        """Whether its definition is still being read; notifies of it."""
        if info.unread:
            self.notify_plain("Its definition is being read; press the key again.", info.slug)
        return info.unread

    def action_start(self) -> None:
        info = self._info
        if info is None or not self.check_writable() or self._is_unread(info):
            return
        if info.error:
            self.notify_plain(info.error, "The definition is wrong", "error")
            return
        self.app.clear_notifications()
        self.app.push_screen(modals.StartModal(info), self._start)

    def _start(self, plan: Plan | None) -> None:
        if plan is not None:
            self._commit(plan)

    @loads("start", then="_started")
    def _commit(self, plan: Plan) -> int:
        launches = services.commit.commit(self.home, plan)
        services.lifecycle.ensure_supervisor(self.home)
        return len(launches)

    def _started(self, launches: int) -> None:
        self.notify_plain(f"{plural(launches, 'launch')} queued; press 2 to watch them.", "Started")
        self.reload()

    def action_preview(self) -> None:
        info = self._info
        if info is None or self._is_unread(info):
            return
        if info.error:
            self.notify_plain(info.error, "The definition is wrong", "error")
            return
        self.app.clear_notifications()
        self.app.push_screen(modals.PreviewModal(info))

    def action_validate(self) -> None:
        if (info := self._info) is not None:
            self._validate(info)
            self.reload()

    @loads("validate", then="_validated")
    def _validate(self, info: ExperimentInfo) -> list[str]:
        return services.definitions.validate(self.home, info.path)[1]

    def _validated(self, notes: list[str]) -> None:
        text = "\n".join(notes) or "The definition and its data are valid."
        self.notify_plain(text, "Valid")

    def action_folder(self) -> None:
        if (info := self._info) is not None:
            self.app.copy_to_clipboard(str(info.path))
            self.notify_plain(str(info.path), f"Folder of {info.slug}")

    def action_copy(self) -> None:
        if (info := self._info) is not None:
            self.app.copy_to_clipboard(info.slug)

    def action_filter(self) -> None:
        hint = Text("Words of slug or title; empty lists all.", "dim")
        self.app.push_screen(
            modals.AskModal("Filter experiments", self._filter, hint), self._apply_filter
        )

    def _apply_filter(self, text: str | None) -> None:
        if text is not None:
            self._filter = text
            self._show_list()

    def action_back(self) -> None:
        if self._filter and isinstance(self.focused, VirtualTable):
            self._apply_filter("")
            self.notify_plain("All experiments are listed again.")
        super().action_back()
