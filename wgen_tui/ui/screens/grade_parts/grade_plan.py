"""The plan of Grade: a key changes it, and its end says how the person agrees with themselves.

Promises: nothing here tells whose an answer is; a plan is on disk before it is followed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text

from wgen_tui.ui import modals, services
from wgen_tui.ui.screens.base import BaseScreen
from wgen_tui.ui.state import grading as state
from wgen_tui.ui.threads import loads

if TYPE_CHECKING:
    from wgen_tui.services.grading.grading_plan import Available, PlanChoice
    from wgen_tui.services.grading.session import GradingSession
    from wgen_tui.services.statistics.kappa import Agreement

NONE_LEFT = "You have graded every sample of it."


class Plannable(NamedTuple):
    """What a new plan of a session can be made of."""

    session: GradingSession
    available: Available


class Ended(NamedTuple):
    """A session whose plan is done, and how its person agrees with themselves."""

    session: GradingSession
    with_oneself: Agreement | None


class GradePlanning(BaseScreen):
    """The part of Grade that plans, and says that a plan is done."""

    def current_session(self) -> GradingSession | None:
        """The session that is open."""
        raise NotImplementedError

    def follow(self, session: GradingSession, choice: PlanChoice) -> None:
        """Go on with a new plan."""
        raise NotImplementedError

    def show_end(self, text: Text) -> None:
        """Show this in the place of an answer."""
        raise NotImplementedError

    def say_no_session(self) -> None:
        """Say why there is no session, or ask for what is missing."""
        raise NotImplementedError

    def action_plan(self) -> None:
        session = self.current_session()
        if session is None:
            self.say_no_session()
        elif self.check_writable():
            self._read_available(session)

    @loads("plan", then="_ask_plan", opens=True)
    def _read_available(self, session: GradingSession) -> Plannable:
        of = (session.experiment, session.rubric.name, session.grader)
        return Plannable(session, services.grading_plan.available(self.home, *of))

    def _ask_plan(self, plannable: Plannable) -> None:
        session, available = plannable
        if session is not self.current_session():
            return
        if not available.samples:
            self.notify_plain(NONE_LEFT, "Plan")
            return

        def chosen(choice: PlanChoice | None) -> None:
            if choice is not None:
                self.follow(session, choice)

        self.app.push_screen(modals.PlanModal(available), chosen)

    def end_plan(self, session: GradingSession) -> None:
        """Say that the plan is done."""
        self.show_end(state.end_text(session.plan, None))
        if session.plan.repeats:
            self._read_end(session)

    @loads("end", then="_show_end")
    def _read_end(self, session: GradingSession) -> Ended:
        of = (session.experiment, session.rubric.name, session.grader)
        return Ended(session, services.grade_report.self_agreement(self.home, *of))

    def _show_end(self, ended: Ended) -> None:
        session = ended.session
        done, total = session.progress()
        if session is self.current_session() and done == total:
            self.show_end(state.end_text(session.plan, ended.with_oneself))
