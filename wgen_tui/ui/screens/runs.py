"""Screen 2: runs as they go: loss, the worker's last words, and how each came about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.widgets import Static

from wgen_tui.terminal_text import log_line, printable
from wgen_tui.ui.modals.dialogs import AskModal
from wgen_tui.ui.screens.run_actions import RunActions
from wgen_tui.ui.state import provenance
from wgen_tui.ui.state import runs as state
from wgen_tui.ui.state.cells import DIM
from wgen_tui.ui.widgets.pane import TextPane
from wgen_tui.ui.widgets.status_strip import StatusStrip
from wgen_tui.ui.widgets.table import VirtualTable

if TYPE_CHECKING:
    from wgen_tui.protocol.runs import MetricRow
    from wgen_tui.services.control.status import Status, StatusPoller
    from wgen_tui.services.results.provenance import Archive, Provenance
    from wgen_tui.services.runs.run_state import RunStatus
    from wgen_tui.services.runs.runs import RunList

EVERY = 1.0  # seconds between two looks at the runs
STATUS_EVERY = 2.0  # seconds between two looks at queue and machine
TAIL = 60
EMPTY = """No runs yet.

Press 1, choose an experiment and press s to start it,
or see it all work in a minute and a half:  wgen-tui demo"""


class RunsScreen(RunActions):
    """Queue and machine in a strip, table above, the run under the cursor below; its card beside that, or `i` in its place."""

    SCOPE = "runs"

    def __init__(self) -> None:
        super().__init__()
        self._board: RunList | None = None
        self._archive: Archive | None = None
        self._desk: StatusPoller | None = None
        self._card = Text()
        self._facts = Text()
        self._runs: list[RunStatus] = []
        self._filter = ""
        self._shown = ""

    def content(self) -> ComposeResult:
        yield Static("", id="summary", classes="line", markup=False)
        yield StatusStrip(self.wgen.readonly, id="desk")
        yield VirtualTable(state.COLUMNS, state.cells, empty="reading…", id="list")
        with Container(id="detail"):
            with Vertical(id="work"):
                yield Static("", id="facts", markup=False)
                yield TextPane(id="log")
            yield TextPane(id="card")

    def on_mount(self) -> None:
        self.set_interval(EVERY, self._poll_runs)
        self.set_interval(STATUS_EVERY, self._poll_status)

    def on_screen_resume(self) -> None:
        self._poll_runs()
        # What it needs to know the machine is not loaded before there is something to see.
        self.call_after_refresh(self._poll_status)

    def poll(self) -> None:
        """Look again: something was changed from here."""
        self._poll_runs()
        self._poll_status()

    def _poll_status(self) -> None:
        """Look at queue and machine, unless a look is under way or nobody watches."""
        if not self.is_current or self.busy("desk"):
            return
        app = self.wgen

        def work() -> Status:
            from wgen_tui.services.control.status import StatusPoller  # noqa: PLC0415 - not before the frame

            if self._desk is None:
                self._desk = StatusPoller(app.home, app.machine)
            return self._desk.poll()

        def seen(look: Status) -> None:
            self.query_one("#desk", StatusStrip).show(look, app.trouble)
            if look.orphaned:
                app.ensure_supervisor()

        self.load("desk", work, seen)

    def _poll_runs(self) -> None:
        """Look at the runs, unless a look is under way or nobody watches."""
        if not self.is_current or self.busy("list"):
            return
        home = self.home

        def work() -> list[RunStatus]:
            from wgen_tui.services.runs.runs import RunList  # noqa: PLC0415 - not before the frame

            if self._board is None:
                self._board = RunList(home)
            return self._board.refresh()

        self.load("list", work, self._listed)

    def _listed(self, runs: list[RunStatus]) -> None:
        self._runs = runs
        shown = state.matching(runs, self._filter)
        table = self.query_one("#list", VirtualTable)
        table.set_empty_text("No run has these words.\n\nesc clears the filter." if runs else EMPTY)
        columns = state.columns(runs)
        with_priority = columns is state.WITH_PRIORITY
        table.set_columns(columns, state.cells_with_priority if with_priority else state.cells)
        table.show_rows(shown, [run.run_id for run in shown])
        line = state.summary(runs)
        if self._filter:
            line += f" · {len(shown)} with {self._filter!r}"
        summary, text = self.query_one("#summary", Static), Text(f" {printable(line)}")
        if summary.content != text:  # a slow line carries only what is new
            summary.update(text, layout=False)
        self._load_detail()

    @property
    def _run(self) -> RunStatus | None:
        return self.query_one("#list", VirtualTable).current

    def on_virtual_table_moved(self) -> None:
        self._load_detail()

    def _load_detail(self) -> None:
        run = self._run
        if run is None:
            self._show_facts(Text())
            self.query_one("#log", TextPane).show(Text())
            self._show_card(Text(), anew=True)
            self._shown = ""
            return
        if run.run_id == self._shown and self.busy("detail"):
            return
        home = self.home

        def work() -> tuple[list[MetricRow], list[str], Provenance | None]:
            from wgen_tui.services.results.provenance import Archive  # noqa: PLC0415 - likewise
            from wgen_tui.services.runs import runs  # noqa: PLC0415 - not before the frame

            if self._archive is None:
                self._archive = Archive(home)
            tail = runs.tail(home, run.run_id, TAIL)
            return runs.metrics(home, run.run_id), tail, self._archive.provenance(run.run_id)

        self.load("detail", work, lambda found: self._show_detail(run, *found))

    def _show_detail(
        self, run: RunStatus, metrics: list[MetricRow], tail: list[str], found: Provenance | None
    ) -> None:
        room = self.query_one("#work").size
        text = state.facts(run, state.places(self._runs), readonly=self.wgen.readonly)
        if run.role != "base":
            height = 2 if room.height < 16 else 6
            text.append(state.losses(metrics, min(room.width - 2, 120), height))
        text.append("worker.log" if tail else "no worker.log yet", DIM)
        if found is not None and not self.has_class("-wide"):
            text.append("   i: ", DIM).append(provenance.in_short(found))
        self._show_facts(text)
        pane = self.query_one("#log", TextPane)
        anew = run.run_id != self._shown
        if anew:
            pane.show(Text())
        pane.show_end(Text("\n".join(log_line(line) for line in tail)))
        card = provenance.card(found) if found is not None else Text()
        self._show_card(card.append(state.where(run)), anew=anew)
        self._shown = run.run_id

    def _show_facts(self, text: Text) -> None:
        """The facts are written anew only when they say something else."""
        if text != self._facts:
            self._facts = text
            self.query_one("#facts", Static).update(text)

    def _show_card(self, text: Text, *, anew: bool) -> None:
        """The card is written anew only when it says something else."""
        if anew or text != self._card:
            self._card = text
            self.query_one("#card", TextPane).show(text, keep_place=not anew)

    def action_card(self) -> None:
        """To the card and back; where there is no room beside the log, it takes its place."""
        card = self.query_one("#card", TextPane)
        if card.has_focus:
            self.action_back()
        else:
            self.add_class("-card")
            card.focus()

    def on_virtual_table_selected(self) -> None:
        self.action_samples()

    def action_samples(self) -> None:
        from wgen_tui.ui.screens.samples import SamplesScreen  # noqa: PLC0415 - rooms know few

        if (run := self._run) is None:
            return
        room = self.wgen.get_named_screen("samples")
        if isinstance(room, SamplesScreen):
            room.set_filter({"run_id": run.run_id})
        self.wgen.action_go("samples")

    def chosen(self) -> list[RunStatus]:
        marked = self.query_one("#list", VirtualTable).marked
        chosen = [run for run in self._runs if run.run_id in marked]
        return chosen or ([self._run] if self._run is not None else [])

    def everyone(self) -> list[RunStatus]:
        return self._runs

    def action_copy(self) -> None:
        if (run := self._run) is not None:
            self.app.copy_to_clipboard(run.run_id)

    def action_filter(self) -> None:
        hint = Text("Words of arm, model, experiment, state, or seed=1; empty lists all.", "dim")
        self.app.push_screen(AskModal("Filter runs", self._filter, hint), self._filtered)

    def _filtered(self, text: str | None) -> None:
        if text is not None:
            self._filter = text
            self._listed(self._runs)

    def action_back(self) -> None:
        self.remove_class("-card")
        if self._filter and isinstance(self.focused, VirtualTable):
            self._filtered("")
        super().action_back()
