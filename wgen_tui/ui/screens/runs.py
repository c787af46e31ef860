"""Screen 2: runs by experiment, with state, progress and loss; below them what is behind a run.

Promises: no key waits for a disk; of metrics only those of the rows in view are read, and of each
file a bounded part.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from wgen_tui.errors import WgenError
from wgen_tui.terminal_text import printable
from wgen_tui.ui import modals, services
from wgen_tui.ui.screens.run_parts.run_actions import RunActions
from wgen_tui.ui.screens.run_parts.run_details import RunDetails
from wgen_tui.ui.state import runs as state
from wgen_tui.ui.state.run_views.groups import Folding, Group, first_of, in_order, listed
from wgen_tui.ui.state.run_views.rows import Drawing
from wgen_tui.ui.threads import loads
from wgen_tui.ui.widgets.bars import KeyBar
from wgen_tui.ui.widgets.line_table import LineTable
from wgen_tui.ui.widgets.pane import TextPane
from wgen_tui.ui.widgets.panels import panel, set_title
from wgen_tui.ui.widgets.status_strip import StatusStrip

if TYPE_CHECKING:
    from wgen_tui.services.control.status import Status, StatusPoller
    from wgen_tui.services.runs.measured.glimpses import Glimpse, Glimpses
    from wgen_tui.services.runs.run_state import RunStatus

POLL_EVERY = 1.0  # seconds between two reads of the runs
STATUS_EVERY = 2.0  # seconds between two reads of queue and machine
EMPTY = """No runs yet.

Press 1, choose an experiment and press s to start it,
or see it all work in a minute and a half:  wgen-tui demo"""


class RunsScreen(RunDetails, RunActions):
    """Queue and machine in a strip, the list, and below it what the cursor or the marks choose."""

    SCOPE = "runs"
    ENTER: ClassVar = {"list": "samples"}

    def __init__(self) -> None:
        super().__init__()
        self._glimpses: Glimpses | None = None
        self._seen: dict[str, Glimpse] = {}
        self._seen_of: dict[str, RunStatus] = {}  # as the run was; of one that has ended it stays
        self._status_poller: StatusPoller | None = None
        self._runs: list[RunStatus] = []
        self._folding = Folding()
        self._arms_asked: set[str] = set()  # experiments whose definition was asked for
        self._filter = ""

    def compose_content(self) -> ComposeResult:
        yield Static("", id="summary", classes="line", markup=False)
        yield StatusStrip(self.wgen.readonly, id="status")
        yield panel(LineTable(Drawing(), empty="reading…", id="list"), "runs")
        yield from self.compose_details()

    def on_mount(self) -> None:
        self.every(POLL_EVERY, "list", self._poll_runs)
        self.every(STATUS_EVERY, "status", self._poll_status)

    def on_screen_resume(self) -> None:
        self._poll_runs()
        # Only after the first frame: the libraries that measure the machine load slowly.
        self.call_after_refresh(self._poll_status)

    def poll(self) -> None:
        """Read all again, after a change from here."""
        self._poll_runs()
        self._poll_status()

    @property
    def _list(self) -> LineTable:
        return self.query_one("#list", LineTable)

    # Queue and machine

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

    # Runs

    def _poll_runs(self) -> None:
        """Read the runs, unless that is under way or the screen is hidden."""
        if self.is_current and not self.busy("list"):
            self._read_runs()

    @loads("list", then="_show_runs")
    def _read_runs(self) -> list[RunStatus]:
        return services.runs.list_runs(self.home)

    def _show_runs(self, runs: list[RunStatus]) -> None:
        self._runs = in_order(runs, self._arms_of)
        unknown = self.wgen.without_arms(run.experiment for run in runs)
        if unknown and not self._arms_asked >= set(unknown) and not self.busy("arms"):
            self._arms_asked |= set(unknown)
            self._read_arms(unknown)
        self._list.set_empty_text("No run matches.\n\nesc clears the filter." if runs else EMPTY)
        was_empty = not len(self._list)
        shown = self._show_list()
        if was_empty:
            self._list.move_to(first_of([self._list.row(i) for i in range(len(self._list))]))
        line = state.summary(runs)
        if self._filter:
            line += f" · {shown} with {self._filter!r}"
        summary, text = self.query_one("#summary", Static), Text(f" {printable(line)}")
        if summary.content != text:  # a slow line carries only what is new
            summary.update(text, layout=False)
        if not self.settling:
            self._settled()

    def _arms_of(self, experiment: str) -> tuple[str, ...]:
        return self.arm_colours(experiment).arms

    @loads("arms", then="_keep_arms")
    def _read_arms(self, slugs: list[str]) -> dict[str, tuple[str, ...]]:
        """The arms of these experiments in the order of their definitions, which colours go by."""
        arms = {}
        for slug in slugs:
            # A run outlives its definition, which may be gone or wrong: screen 1 says so.
            with suppress(WgenError, OSError):
                arms[slug] = tuple(services.definitions.load(self.home, slug).arms)
        return arms

    def _keep_arms(self, arms: dict[str, tuple[str, ...]]) -> None:
        if arms:
            self.wgen.keep_arms(arms)
            self._picture = None
            self._runs = in_order(self._runs, self._arms_of)
            self._show_list()
            self.load_pictures()

    def _show_list(self) -> int:
        """List what the filter lets through; how many runs that are."""
        shown = state.matching(self._runs, self._filter) if self._filter else None
        groups = self._folding.arrange(self._runs, shown)
        runs = [run for group in groups for run in group.runs]
        drawing = Drawing(
            self._seen,
            {run.experiment: self.arm_colours(run.experiment) for run in runs},
            any(run.priority for run in runs if run.live),
            self.wgen.readonly,
        )
        self._list.show_lines(drawing, listed(groups), {run.run_id for run in runs})
        self._show_marks()
        return len(runs)

    def _show_marks(self) -> None:
        marked = len(self._list.marked)
        set_title(self._list, f"runs, {marked} marked" if marked else "runs")

    def _settled(self) -> None:
        """Read what is behind the cursor, and the losses of the rows in view."""
        self.load_details()
        self.query_one(KeyBar).name_enter()  # enter means another thing on a group
        if not self.busy("glimpses"):
            rows = [row for row in self._list.shown_rows if row is not None]
            runs = [row for row in rows if not isinstance(row, Group)]
            if new := [run for run in runs if self._seen_of.get(run.run_id) is not run]:
                self._read_glimpses(new)

    @loads("glimpses", then="_show_glimpses")
    def _read_glimpses(self, runs: list[RunStatus]) -> tuple[list[RunStatus], dict[str, Glimpse]]:
        if self._glimpses is None:
            self._glimpses = services.glimpses.Glimpses(self.home)
        return runs, self._glimpses.read(run.run_id for run in runs)

    def _show_glimpses(self, read: tuple[list[RunStatus], dict[str, Glimpse]]) -> None:
        runs, seen = read
        self._seen_of |= {run.run_id: run for run in runs}
        if any(self._seen.get(run_id) is not glimpse for run_id, glimpse in seen.items()):
            known = {run.run_id for run in self._runs}
            kept = {run_id: glimpse for run_id, glimpse in self._seen.items() if run_id in known}
            self._seen = kept | seen
            self._show_list()

    @property
    def row(self) -> Group | RunStatus | None:
        """What the cursor stands on."""
        row: Group | RunStatus | None = self._list.current
        return row

    def on_virtual_table_moved(self) -> None:
        for pane in self.query(TextPane):
            pane.turn_to(self._list.key_at(self._list.cursor))
        self.when_settled(self._settled)

    def on_virtual_table_marked(self) -> None:
        self._show_marks()
        self.discard_load("curves")
        self.when_settled(self._settled)

    # Keys

    def enter_label(self, panel: str) -> str | None:
        if panel == "list" and isinstance(row := self.row, Group):
            return "unfold" if row.folded else "fold"
        return super().enter_label(panel)

    def on_virtual_table_selected(self) -> None:
        if isinstance(row := self.row, Group):
            self._folding.toggle(row.key)
            self._show_list()
            self.query_one(KeyBar).name_enter()
        else:
            self.action_samples()

    def action_samples(self) -> None:
        row = self.row
        if row is None or isinstance(row, Group):
            self.notify_plain("Put the cursor on a run: enter shows its samples.", "Samples")
        else:
            self.wgen.show_samples({"run_id": row.run_id})

    def chosen_runs(self) -> list[RunStatus]:
        marked = self._list.marked
        chosen = [run for run in self._runs if run.run_id in marked]
        if chosen or self.row is None:
            return chosen
        return list(self.row.runs) if isinstance(self.row, Group) else [self.row]

    def all_runs(self) -> list[RunStatus]:
        return self._runs

    def action_mark_group(self) -> None:
        """Mark all runs of the group that the cursor stands in, or unmark them."""
        row = self.row
        if row is None:
            self.notify_plain("There is no run to mark.", "Mark")
            return
        if not isinstance(row, Group):
            rows = [self._list.row(index) for index in range(self._list.cursor + 1)]
            row = next(above for above in reversed(rows) if isinstance(above, Group))
        self._list.mark_all([run.run_id for run in row.runs])

    def action_copy(self) -> None:
        if chosen := self.chosen_runs():
            self.app.copy_to_clipboard("\n".join(run.run_id for run in chosen))
        else:
            self.notify_plain("There is no run to copy.", "Copy")

    def action_filter(self) -> None:
        if self.query_one("#log").has_focus:
            self.action_search()
            return
        hint = Text("Words of arm, model, experiment or state, or seed=1; empty lists all.", "dim")
        self.app.push_screen(modals.AskModal("Filter runs", self._filter, hint), self._apply_filter)

    def _apply_filter(self, text: str | None) -> None:
        if text is not None:
            self._filter = text.strip()
            self._show_runs(self._runs)

    def action_back(self) -> None:
        first = self._list.has_focus and self._view == "curves"
        if self._filter and (first or not len(self._list)):
            self._apply_filter("")
            self.notify_plain("All runs are listed again.")
        super().action_back()
