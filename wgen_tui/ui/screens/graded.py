"""What a person graded, unblinded: agreement with the rule, rates by arm, each disagreement.

Promises: that it was shown is in the journal before it is shown; enter opens the very sample, esc
comes back to its row, and from there to grading.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from wgen_tui.ui import services
from wgen_tui.ui.screens.base import BaseScreen
from wgen_tui.ui.state.answers import graded as state
from wgen_tui.ui.threads import loads
from wgen_tui.ui.widgets.table import VirtualTable

if TYPE_CHECKING:
    from wgen_tui.services.grading.report import Disagreement, GradeReport
    from wgen_tui.services.grading.session import GradingSession


class GradedScreen(BaseScreen):
    """The report above, the disagreements below."""

    SCOPE = "graded"
    TAB = "grade"

    def __init__(self) -> None:
        super().__init__()
        self._session: GradingSession | None = None
        self._report: GradeReport | None = None
        self._stale = False

    def compose_content(self) -> ComposeResult:
        yield Static("", id="summary", markup=False)
        yield VirtualTable(state.COLUMNS, state.cells, empty="reading…", id="disagreements")

    def report_on(self, session: GradingSession) -> None:
        """Show what this session's person graded."""
        self._session, self._stale = session, True

    def on_screen_resume(self) -> None:
        if self._stale and self._session is not None:
            self._stale = False
            self._read(self._session)

    @loads("report", then="_show", failed="_failed")
    def _read(self, session: GradingSession) -> GradeReport:
        read = services.grade_report.report(
            self.home, session.experiment, session.rubric.name, session.grader
        )
        session.unblinded_at = read.unblinded_at
        return read

    def _show(self, report: GradeReport) -> None:
        self._report = report
        self.query_one("#summary", Static).update(state.report_text(report))
        table = self.query_one("#disagreements", VirtualTable)
        table.set_empty_text(state.nothing_differs(report))
        table.show_rows(report.disagreements, [item.sample_id for item in report.disagreements])

    def _failed(self) -> None:
        self.query_one("#summary", Static).update(Text("Nothing is shown."))

    def on_virtual_table_selected(self, message: VirtualTable.Selected) -> None:
        item: Disagreement | None = message.table.current
        if item is not None:
            what = f"{item.by_person} by you, {item.by_rule} by the rule"
            self.wgen.show_samples({"ids": (item.sample_id,)}, what)

    def action_copy(self) -> None:
        if self._report is not None:
            self.app.copy_to_clipboard(state.report_text(self._report).plain)
        else:
            self.notify_plain("There is no report yet.", "Copy")

    def action_back(self) -> None:
        self.wgen.action_go("grade")
