"""The panes below the list on Runs: facts and log and adapter of a run, and its pictures.

Promises: all of it is read in threads, and only what is shown; what has not changed is neither read
nor drawn again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.widgets import Static

from wgen_tui.terminal_text import log_line
from wgen_tui.ui import modals, services
from wgen_tui.ui.screens.run_parts.run_pictures import RunPictures
from wgen_tui.ui.state import provenance
from wgen_tui.ui.state import runs as state
from wgen_tui.ui.state.cells import DIM
from wgen_tui.ui.state.run_views import log_search, panes
from wgen_tui.ui.state.run_views.groups import Group
from wgen_tui.ui.threads import loads
from wgen_tui.ui.widgets.pane import TextPane
from wgen_tui.ui.widgets.panels import panel, set_title, set_views

if TYPE_CHECKING:
    from experiments.seen_files import SeenFiles
    from wgen_tui.services.results.provenance import Archive, Provenance
    from wgen_tui.services.runs.run_state import RunStatus

LOG_LINES = 60
SEARCHED = 2_000  # lines of a log that a search goes through
GROUP_LOG = "This is a group: put the cursor on one of its runs."


class RunDetail(NamedTuple):
    """What is shown of the run under the cursor, and what was read for it."""

    files: SeenFiles
    run: RunStatus
    lines: int  # of the log, at most
    log: list[str]
    provenance: Provenance | None

    def is_of(self, run: RunStatus, lines: int) -> bool:
        """Whether it is what would be read of this run now."""
        old = self.run
        same = (old.run_id, old.launch_id, old.state) == (run.run_id, run.launch_id, run.state)
        return same and self.lines == lines and self.files.unchanged()


class RunDetails(RunPictures):
    """The panes below the list; the subclass says which runs they are of."""

    def __init__(self) -> None:
        super().__init__()
        self._panes = 1  # how many stand side by side below the list
        self._archive: Archive | None = None
        self._detail: RunDetail | None = None
        self._log: list[str] = []
        self._wanted = ""
        self._match = 0
        self._goes_to_match = False
        self._card = Text()
        self._facts = Text()
        self._shown = ""  # the run whose detail is shown
        self._over_steps: set[str] = set()  # experiments that are known to have rates over steps

    def all_runs(self) -> Sequence[RunStatus]:
        """All runs, as last read."""
        raise NotImplementedError

    # Layout

    def compose_details(self) -> ComposeResult:
        """The panes."""
        self._lay_out()
        with Container(id="detail"):
            with Vertical(id="work"):
                yield Static("", id="facts", markup=False)
                yield panel(TextPane(id="curves"), "loss")
            yield panel(TextPane(id="card"), "adapter")
            yield panel(TextPane(id="more"), "rates")
            yield panel(TextPane(id="log"), "log")

    def _lay_out(self) -> None:
        """Show as many views beside each other as there is room for."""
        self._panes = panes.side_by_side(self.app.size.width)
        seen = self._seen_views()
        for name in panes.VIEWS:
            self.set_class(name in seen, f"-{name}")
        self.set_class(self._panes == 3, "-three")

    def _stand_anew(self) -> None:
        """Lay out again if another view has the place now: an experiment with rates, or without."""
        if not self.has_class(f"-{self._present}"):
            self.show_view(self._view)

    def show_view(self, view: str) -> None:
        """Show one of the views; on a wide screen beside what always stands there."""
        self._view = view
        self._lay_out()
        self.show_titles()
        self.call_after_refresh(self.load_details)  # once the pane has its size

    def sees(self, view: str) -> bool:
        """Whether a view is to be seen."""
        return view in self._seen_views()

    def _seen_views(self) -> tuple[str, ...]:
        return panes.seen(self._panes, self._view, has_rates=self._has_rates)

    @property
    def _present(self) -> str:
        return panes.present(self._panes, self._view, has_rates=self._has_rates)

    @property
    def _has_rates(self) -> bool:
        """Whether what the cursor stands on is known to have rates over steps."""
        return bool(self._over_steps) and self.row_experiment in self._over_steps

    def show_titles(self) -> None:
        marked = len(self._drawn_of)
        drawn = self._shape.words + (f", {marked} runs" if marked > 1 else "")
        names = {"curves": drawn, "log": f"log {self._log_title()}".strip()}
        shared = {name: name for name in panes.offered(self._panes)}
        if self._present in names:
            shared[self._present] = names[self._present]
        always = panes.ALWAYS[self._panes]
        set_title(self.query_one("#facts"), "group" if isinstance(self.row, Group) else "run")
        for view, pane in (("curves", "#curves"), ("log", "#log"), ("", "#card"), ("", "#more")):
            if view in always:
                set_title(self.query_one(pane), names[view])
            else:
                set_views(self.query_one(pane), shared, self._present)

    def _log_title(self) -> str:
        return log_search.title(self._wanted, self._matches, self._match, len(self._log))

    @property
    def _matches(self) -> list[log_search.Match]:
        return log_search.matches(self._log, self._wanted)

    # Reading

    def load_details(self) -> None:
        """Read what is shown of the runs that are chosen, in threads."""
        row = self.row
        self._stand_anew()
        if row is None or isinstance(row, Group):
            self.discard_load("detail")
            self._show_group(row)
        elif not (row.run_id == self._shown and self.busy("detail")):
            lines = SEARCHED if self._wanted else LOG_LINES
            self._read_detail(row, lines)
        self.load_pictures()

    @loads("detail", then="_show_detail")
    def _read_detail(self, run: RunStatus, lines: int) -> RunDetail:
        with self._reading:
            old = self._detail
            if old is None or not old.is_of(run, lines):
                self._detail = self._read_files(run, lines)
                return self._detail
            return old._replace(run=run)

    def _read_files(self, run: RunStatus, lines: int) -> RunDetail:
        if self._archive is None:
            self._archive = services.provenance.Archive(self.home)
        return RunDetail(
            services.runs.detail_files(self.home, run.run_id),
            run,
            lines,
            services.runs.tail(self.home, run.run_id, lines),
            self._archive.provenance(run.run_id),
        )

    def _show_detail(self, detail: RunDetail) -> None:
        run = detail.run
        if self.row is None or isinstance(self.row, Group):
            return
        text = state.facts(run, state.places(self.all_runs()), readonly=self.wgen.readonly)
        ended_well = run.state == "finished" and detail.provenance is not None
        if ended_well and detail.provenance is not None and not self.has_class("-wide"):
            text.append("i: ", DIM).append(provenance.short(detail.provenance))
        self._show_facts(text)
        other_run = run.run_id != self._shown
        self._shown = run.run_id
        self._log = [log_line(line) for line in detail.log]
        self._show_log(from_top=other_run)
        if detail.provenance is not None and detail.provenance.over_steps:
            self._over_steps.add(run.experiment)
            self._stand_anew()
        card = provenance.card(detail.provenance) if detail.provenance is not None else Text()
        self._show_card(card.append(state.launch_facts(run)), from_top=other_run)

    def _show_group(self, row: Group | None) -> None:
        self._show_facts(Text() if row is None else state.group_facts(row))
        self._log, self._shown = [], ""
        words = Text("" if row is None else GROUP_LOG, DIM)
        self.query_one("#log", TextPane).show(words)
        self._show_card(words, from_top=True)
        self.show_titles()

    def _show_facts(self, text: Text) -> None:
        text.rstrip()
        if text != self._facts:  # a slow line carries only what is new
            lines = [len(facts.plain.splitlines()) for facts in (text, self._facts)]
            self._facts = text
            self.query_one("#facts", Static).update(text)
            if lines[0] != lines[1]:
                self.call_after_refresh(self.load_pictures)  # the curves have another height

    def _show_card(self, text: Text, *, from_top: bool) -> None:
        if from_top or text != self._card:
            self._card = text
            self.query_one("#card", TextPane).show(text, keep_place=not from_top)

    # The log

    def _show_log(self, *, from_top: bool) -> None:
        pane = self.query_one("#log", TextPane)
        hits = self._matches
        self._match = min(self._match, max(len(hits) - 1, 0))
        if not self._log:
            pane.show(Text("no worker.log yet", DIM))
        elif hits:
            pane.show(log_search.marked(self._log, hits, self._match), keep_place=not from_top)
        else:
            pane.show_end(Text("\n".join(self._log)), anew=from_top)
        self.show_titles()
        if self._goes_to_match:
            self._goes_to_match = False
            self.call_after_refresh(self._scroll_to_match)

    def action_search(self) -> None:
        """Search the log."""
        hint = Text(f"Through its last {SEARCHED:,} lines; n and N go on; empty ends it.", "dim")

        def answered(text: str | None) -> None:
            if text is None:
                return
            self._wanted, self._match = text.strip(), 0
            if not self.sees("log"):
                self.show_view("log")
            self.query_one("#log").focus()
            self._goes_to_match = True  # once more of the log has been read
            self.load_details()

        self.app.push_screen(modals.AskModal("Search the log", self._wanted, hint), answered)

    def action_match(self, by: int) -> None:
        """The next match in the log."""
        hits = self._matches
        if not self._wanted or not hits:
            words = f'Nothing in this log has "{self._wanted}".' if self._wanted else ""
            self.notify_plain(words or "f searches the log first.", "Search")
            return
        self._match = (self._match + by) % len(hits)
        self._show_log(from_top=False)
        self._scroll_to_match()

    def _scroll_to_match(self) -> None:
        hits = self._matches
        if not hits:
            return
        pane = self.query_one("#log", TextPane)
        width = max(pane.scrollable_content_region.width - 1, 1)
        y = log_search.lines_before(self._log, hits[self._match].line, width)
        pane.scroll_to(y=max(y - pane.size.height // 2, 0), animate=False, force=True)

    # Going from one to another

    def action_view(self, by: int) -> None:
        """The next of the views, or the one before."""
        offered = panes.offered(self._panes)
        self.show_view(offered[(offered.index(self._present) + by) % len(offered)])

    def action_pick_view(self, view: str) -> None:
        """Show the view that was clicked in a title; the keys are the list's."""
        self.show_view(view)
        self.query_one("#list").focus()

    def action_card(self) -> None:
        """Focus the adapter's card, or leave it."""
        card = self.query_one("#card", TextPane)
        if card.has_focus:
            self.action_back()
        else:
            self.show_view("adapter")
            card.focus()

    def action_back(self) -> None:
        if self._wanted and self.query_one("#log").has_focus:
            self._wanted = ""
            self.query_one("#log").scroll_end(animate=False)
            self.load_details()
            return
        if self._view == "curves":
            super().action_back()
        else:
            self.show_view("curves")
            self.query_one("#list").focus()

    def on_resize(self) -> None:
        self._lay_out()
        self.show_titles()
        self.call_after_refresh(self.load_details)
