"""Under whose name grades are kept, asked where the login does not tell; and why nothing is graded.

Promises: a key that needs a session asks for the name that is missing, or says what else is.
"""

from __future__ import annotations

from typing import NamedTuple

from rich.text import Text

from wgen_tui.errors import UsageError
from wgen_tui.ui import modals
from wgen_tui.ui.screens.grade_parts.grade_choice import GradeChoice

NO_CHOICE = "Press ctrl+o to choose an experiment that has samples and a rubric."
READONLY = "Grading is off under --readonly.\n\nQuit with q and open wgen-tui without it."
NO_NAME = "Grades are kept under a name: enter asks for it."
READING = "The samples are being read."
KEPT = "Your grades are kept under this name."


class NameNeeded(NamedTuple):
    """Whose grades these would be is to be asked, and why."""

    experiment: str
    rubric: str | None
    suggested: str
    why: str


class GraderName(GradeChoice):
    """The part of Grade that knows who grades."""

    def __init__(self) -> None:
        super().__init__()
        self.grader: str | None = None  # the name that was given, if it was asked
        self.asked_for: str | None = None  # the experiment for which it is being asked
        self.needed: NameNeeded | None = None
        self.why_none = NO_CHOICE  # there is no session

    def begin(self, experiment: str, rubric: str | None, *, shared: bool = False) -> None:
        """Grade this experiment by this rubric; another session may have the name if `shared`."""
        raise NotImplementedError

    def ask_name(self, needed: NameNeeded) -> None:
        """Ask who grades, and begin."""
        self.show_end(Text(NO_NAME))
        self.needed, self.asked_for = needed, needed.experiment

        def named(name: str | None) -> None:
            if name is not None:
                self.grader = name.strip()
                shared = self.grader == needed.suggested
                self.begin(needed.experiment, needed.rubric, shared=shared)

        why = Text(f"{needed.why}\n{KEPT}", "dim")
        dialog = modals.AskModal("Who grades?", needed.suggested, why, _check_name)
        self.app.push_screen(dialog, named)

    def action_name(self) -> None:
        """Ask for the name, where it is missing."""
        session = self.current_session()
        if session is None:
            self.say_no_session()
        else:
            name = session.grader.removeprefix("human:")
            self.notify_plain(f"You grade as {name}; the rubric's keys grade.", "Grade")

    def say_no_session(self) -> None:
        if self.wgen.readonly:
            self.check_writable()
        elif self.needed is not None:
            self.ask_name(self.needed)
        elif self.busy("grade"):
            self.notify_plain(READING, "Not yet")
        else:
            self.notify_plain(self.why_none, "Nothing to grade")


def _check_name(name: str) -> None:
    if not name.strip() or not name.isprintable():
        raise UsageError("A grader has a name.", title="Name")
