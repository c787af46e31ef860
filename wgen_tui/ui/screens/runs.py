"""Screen 2: every run with its state, loss, log and provenance."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.widgets import Static

from wgen_tui.terminal_text import log_line, printable
from wgen_tui.ui import modals, services
from wgen_tui.ui.screens.run_actions import RunActions
from wgen_tui.ui.state import provenance
from wgen_tui.ui.state import runs as state
from wgen_tui.ui.state.cells import DIM
from wgen_tui.ui.threads import loads
from wgen_tui.ui.widgets.pane import TextPane
from wgen_tui.ui.widgets.panels import panel
from wgen_tui.ui.widgets.status_strip import StatusStrip
from wgen_tui.ui.widgets.table import VirtualTable

if TYPE_CHECKING:
    from experiments.seen_files import SeenFiles
    from wgen_tui.protocol.runs import MetricRow
    from wgen_tui.services.control.status import Status, StatusPoller
    from wgen_tui.services.results.provenance import Archive, Provenance
    from wgen_tui.services.runs.run_state import RunStatus
    from wgen_tui.services.runs.runs import MetricsReader

POLL_EVERY = 1.0  # seconds between two reads of the runs
STATUS_EVERY = 2.0  # seconds between two reads of queue and machine
LOG_LINES = 60
EMPTY = """No runs yet.

Press 1, choose an experiment and press s to start it,
or see it all work in a minute and a half:  wgen-tui demo"""


class RunDetail(NamedTuple):
    """What is shown of the run under the cursor, and what was read for it."""

    files: SeenFiles
    run: RunStatus
    metrics: list[MetricRow]
    log: list[str]
    provenance: Provenance | None

    def is_of(self, run: RunStatus) -> bool:
        """Whether it is what would be read of this run now."""
        old = self.run
        same = (old.run_id, old.launch_id, old.state) == (run.run_id, run.launch_id, run.state)
        return same and self.files.unchanged()


class RunsScreen(RunActions):
    """Queue and machine in a strip, the table, and below it the run under the cursor.

    Its card stands beside its log; on a narrow terminal `i` puts it in the log's place.
    """

    SCOPE = "runs"
    ENTER: ClassVar = {"list": "samples"}

    def __init__(self) -> None:
        super().__init__()
        # Made and used in threads of one group each, never in two at once.
        self._archive: Archive | None = None
        self._metrics: MetricsReader | None = None
        self._detail: RunDetail | None = None
        self._detail_lock = Lock()
        self._status_poller: StatusPoller | None = None
        self._card = Text()
        self._facts = Text()
        self._runs: list[RunStatus] = []
        self._filter = ""
        self._shown = ""

    def compose_content(self) -> ComposeResult:
        yield Static("", id="summary", classes="line", markup=False)
        yield StatusStrip(self.wgen.readonly, id="status")
        yield panel(VirtualTable(state.COLUMNS, state.cells, empty="reading…", id="list"), "runs")
        with Container(id="detail"):
            with Vertical(id="work"):
                yield Static("", id="facts", markup=False)
                yield panel(TextPane(id="log"), "log")
            yield panel(TextPane(id="card"), "adapter")

    def on_mount(self) -> None:
        self.set_interval(POLL_EVERY, self._poll_runs)
        self.set_interval(STATUS_EVERY, self._poll_status)

    def on_screen_resume(self) -> None:
        self._poll_runs()
        # Only after the first frame: the libraries that measure the machine load slowly.
        self.call_after_refresh(self._poll_status)

    def poll(self) -> None:
        """Read all again, after a change from here."""
        self._poll_runs()
        self._poll_status()

    def _poll_status(self) -> None:
        """Read queue and machine, unless that is under way or the screen is hidden."""
        if self.is_current and not self.busy("status"):
            self._read_status()

    @loads("status", then="_show_status")
    def _read_status(self) -> Status:
        if self._status_poller is None:
            self._status_poller = services.status.StatusPoller(self.home, self.wgen.machine)
        return self._status_poller.poll()

    def _show_status(self, status: Status) -> None:
        self.query_one(StatusStrip).show(status, self.wgen.supervisor_error)
        if status.orphaned:
            self.wgen.ensure_supervisor()

    def _poll_runs(self) -> None:
        """Read the runs, unless that is under way or the screen is hidden."""
        if self.is_current and not self.busy("list"):
            self._read_runs()

    @loads("list", then="_show_runs")
    def _read_runs(self) -> list[RunStatus]:
        return services.runs.list_runs(self.home)

    def _show_runs(self, runs: list[RunStatus]) -> None:
        self._runs = runs
        shown = state.matching(runs, self._filter)
        table = self.query_one("#list", VirtualTable)
        table.set_empty_text("No run matches.\n\nesc clears the filter." if runs else EMPTY)
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
        if not self.settling:
            self._load_detail()

    @property
    def _run(self) -> RunStatus | None:
        return self.query_one("#list", VirtualTable).current

    def on_virtual_table_moved(self) -> None:
        self.when_settled(self._load_detail)

    def _load_detail(self) -> None:
        run = self._run
        if run is None:
            self._show_facts(Text())
            self.query_one("#log", TextPane).show(Text())
            self._show_card(Text(), from_top=True)
            self._shown = ""
            return
        if run.run_id == self._shown and self.busy("detail"):
            return
        self._read_detail(run)

    @loads("detail", then="_show_detail")
    def _read_detail(self, run: RunStatus) -> RunDetail:
        with self._detail_lock:  # a thread that reads of another run may not have ended
            old = self._detail
            if old is None or not old.is_of(run):
                self._detail = self._read_files(run)
                return self._detail
            return old._replace(run=run)

    def _read_files(self, run: RunStatus) -> RunDetail:
        if self._archive is None or self._metrics is None:
            self._archive = services.provenance.Archive(self.home)
            self._metrics = services.runs.MetricsReader(self.home)
        return RunDetail(
            services.runs.detail_files(self.home, run.run_id),
            run,
            self._metrics.read(run.run_id),
            services.runs.tail(self.home, run.run_id, LOG_LINES),
            self._archive.provenance(run.run_id),
        )

    def _show_detail(self, detail: RunDetail) -> None:
        run, size = detail.run, self.query_one("#work").size
        text = state.facts(run, state.places(self._runs), readonly=self.wgen.readonly)
        if run.steps != 0:  # of what is trained
            height = 2 if size.height < 16 else 6
            text.append(state.loss_chart(detail.metrics, min(size.width - 2, 120), height))
        text.append("worker.log" if detail.log else "no worker.log yet", DIM)
        if detail.provenance is not None and not self.has_class("-wide"):
            text.append("   i: ", DIM).append(provenance.short(detail.provenance))
        self._show_facts(text)
        pane = self.query_one("#log", TextPane)
        other_run = run.run_id != self._shown
        if other_run:
            pane.show(Text())
        pane.show_end(Text("\n".join(log_line(line) for line in detail.log)))
        card = provenance.card(detail.provenance) if detail.provenance is not None else Text()
        self._show_card(card.append(state.launch_facts(run)), from_top=other_run)
        self._shown = run.run_id

    def _show_facts(self, text: Text) -> None:
        if text != self._facts:  # a slow line carries only what is new
            self._facts = text
            self.query_one("#facts", Static).update(text)

    def _show_card(self, text: Text, *, from_top: bool) -> None:
        if from_top or text != self._card:
            self._card = text
            self.query_one("#card", TextPane).show(text, keep_place=not from_top)

    def action_card(self) -> None:
        """Focus the card, or leave it; on a narrow terminal it takes the log's place."""
        card = self.query_one("#card", TextPane)
        if card.has_focus:
            self.action_back()
        else:
            self.add_class("-card")
            card.focus()

    def on_virtual_table_selected(self) -> None:
        self.action_samples()

    def action_samples(self) -> None:
        if (run := self._run) is not None:
            self.wgen.show_samples({"run_id": run.run_id})

    def chosen_runs(self) -> list[RunStatus]:
        marked = self.query_one("#list", VirtualTable).marked
        chosen = [run for run in self._runs if run.run_id in marked]
        return chosen or ([self._run] if self._run is not None else [])

    def all_runs(self) -> list[RunStatus]:
        return self._runs

    def action_copy(self) -> None:
        if (run := self._run) is not None:
            self.app.copy_to_clipboard(run.run_id)

    def action_filter(self) -> None:
        hint = Text("Words of arm, model, experiment or state, or seed=1; empty lists all.", "dim")
        self.app.push_screen(modals.AskModal("Filter runs", self._filter, hint), self._apply_filter)

    def _apply_filter(self, text: str | None) -> None:
        if text is not None:
            self._filter = text
            self._show_runs(self._runs)

    def action_back(self) -> None:
        self.remove_class("-card")
        if self._filter and isinstance(self.focused, VirtualTable):
            self._apply_filter("")
            self.notify_plain("All runs are listed again.")
        super().action_back()
