"""Screen 4: blind grading, one key for a grade.

Promises: no arm, seed or model stands anywhere on it; the answer begins at the same line, and
rubric and keys are always in sight; a name that another session grades under is asked about before
a grade is given under it; whose answers they were is another screen's (`graded`), on request.
"""

from __future__ import annotations

import getpass
import time
from typing import TYPE_CHECKING, NamedTuple, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.widgets import Static

from wgen_tui.errors import UsageError
from wgen_tui.terminal_text import printable
from wgen_tui.ui import actions, modals, services
from wgen_tui.ui.screens.grade_parts.grade_name import NO_CHOICE, READONLY, GraderName, NameNeeded
from wgen_tui.ui.state import grading as state
from wgen_tui.ui.threads import loads
from wgen_tui.ui.widgets.item_pane import ItemPane

if TYPE_CHECKING:
    from wgen_tui.services.grading.grading_plan import PlanChoice
    from wgen_tui.services.grading.session import BlindItem, GradingSession
    from wgen_tui.ui.screens.graded import GradedScreen

NOT_READ = "The answer goes on: space shows more, a key grades at its end."
DONE = "The plan is done: p plans more, e shows what was graded."
OTHERS_EVERY = 3.0  # seconds between two looks for a session of the same name
ROOT = "root"
NEVER_BLIND_AGAIN = (
    "It shows arms. Your grades from here on are marked as not blind,\n"
    "and the moment is written to the journal."
)


class Wanted(NamedTuple):
    """A session to be opened.

    Attributes:
        grader: The name that was given; None for the login's.
        shared: Whether another session may have the name.
        plan: A new plan, if there is to be one.
    """

    experiment: str
    rubric: str | None
    grader: str | None
    shared: bool
    plan: PlanChoice | None


class Opened(NamedTuple):
    """A session, and the first sample of it that is not graded."""

    session: GradingSession
    item: BlindItem | None


class GradeScreen(GraderName):
    """Item first, rubric and keys below or beside it; no arm, seed or model anywhere."""

    SCOPE = "grade"
    AUTO_FOCUS = "#item"

    def __init__(self) -> None:
        super().__init__()
        self._session: GradingSession | None = None
        self._item: BlindItem | None = None
        self._shown_at = 0.0
        self._durations: list[float] = []
        self._given: list[tuple[str, str]] = []  # label and answer
        self._noted: list[tuple[int, str]] = []  # of these grades, the sample and its note
        self._instructions = True
        self._notes: dict[int, str] = {}  # of samples, for the grades that they get next
        self._lines = 0  # that the item takes
        self._seen_to_end = False
        self._others = False  # whether another session grades under the name

    def compose_content(self) -> ComposeResult:
        yield Static("", id="progress", classes="line", markup=False)
        with Container(id="grading"):
            with Vertical(id="reading"):
                yield ItemPane(id="item")
                yield Static("", id="more", classes="line", markup=False)
            with Vertical(id="rubric"):
                yield Static("", id="labels", markup=False)
                yield Static("", id="recent", markup=False)

    def on_mount(self) -> None:
        self.query_one("#rubric").display = False
        self.watch(self.query_one("#item", ItemPane), "scroll_y", self._note_place)
        self.every(OTHERS_EVERY, "others", self._poll_others)

    def on_unmount(self) -> None:
        if self._session is not None:
            self._session.close()

    def _poll_others(self) -> None:
        if self.is_current and self._session is not None and not self.busy("others"):
            self._read_others(self._session)

    @loads("others", then="_show_others")
    def _read_others(self, session: GradingSession) -> tuple[GradingSession, bool]:
        return session, session.others_now()

    def _show_others(self, seen: tuple[GradingSession, bool]) -> None:
        session, others = seen
        if session is not self._session or others == self._others:
            return
        self._others = others
        name = printable(session.grader.removeprefix("human:"))
        if others:
            self.notify_plain(f"Another session grades as {name} too.", "Two sessions", "warning")
        self._draw()

    def on_screen_resume(self) -> None:
        if self.wgen.readonly:
            self._show_text(READONLY)
        elif not self._given and not self.busy("grade"):
            # A session with grades stays; one without follows the choice made elsewhere.
            wanted = self.wgen.experiment
            if wanted is None:
                self._show_text(NO_CHOICE)
                self.pick_experiment()
            elif self.asked_for == wanted:
                self.asked_for = None  # back from the question: who gave no name may leave
            elif self._session is None or self._session.experiment != wanted:
                self._start_session(wanted)

    def experiment_picked(self) -> None:
        self.on_screen_resume()

    def _show_text(self, text: str) -> None:
        self.show_end(Text(text))

    def show_end(self, text: Text) -> None:
        pane = self.query_one("#item", ItemPane)
        pane.keys = {} if self._session is None else state.keys(self._session.rubric.keys)
        pane.show(text)

    def current_session(self) -> GradingSession | None:
        return self._session

    def begin(self, experiment: str, rubric: str | None, *, shared: bool = False) -> None:
        self._start_session(experiment, rubric, shared=shared)

    def follow(self, session: GradingSession, choice: PlanChoice) -> None:
        self._start_session(session.experiment, session.rubric.name, shared=True, plan=choice)

    def extra_help(self) -> list[tuple[str, list[actions.Action]]]:
        if self._session is None:
            return []
        rubric = self._session.rubric
        keys = [
            actions.Action(label, key, label, self.SCOPE, f"Grade it {printable(label)}.")
            for label, key in rubric.keys.items()
        ]
        return [(f"Rubric {rubric.name}", keys)]

    # Session

    def _start_session(
        self,
        experiment: str,
        rubric: str | None = None,
        *,
        shared: bool = False,
        plan: PlanChoice | None = None,
    ) -> None:
        """Grade this experiment, from where this person stopped or as newly planned."""
        if self._session is not None:
            self._session.close()
        self._session, self._item, self._durations, self._given = None, None, [], []
        self._noted, self._notes = [], {}
        self._others, self.asked_for, self.needed = False, None, None
        self._show_text("reading…")
        self._open_session(Wanted(experiment, rubric, self.grader, shared, plan))

    @loads("grade", then="_session_opened", failed="_session_failed")
    def _open_session(self, wanted: Wanted) -> Opened | NameNeeded | UsageError:
        experiment, rubric = wanted.experiment, wanted.rubric
        name = wanted.grader or getpass.getuser()
        if wanted.grader is None and name == ROOT:
            return NameNeeded(experiment, rubric, "", "You are logged in as root.")
        try:
            session = services.grading.session(
                self.home, experiment, rubric, name, plan=wanted.plan
            )
        except UsageError as error:  # nothing to grade: said in the pane, not as an error
            return error
        if session.name_is_shared and not wanted.shared:
            session.close()
            why = f"Another session grades as {name} now; the same name again goes on with both."
            return NameNeeded(experiment, rubric, name, why)
        return Opened(session, session.next())

    def _session_opened(self, opened: Opened | NameNeeded | UsageError) -> None:
        if isinstance(opened, UsageError):
            self.why_none = f"{opened.message} {opened.hint}"
            self._show_text(f"{opened.message}\n\n{opened.hint}\n\n{NO_CHOICE}")
        elif isinstance(opened, NameNeeded):
            self.ask_name(opened)
        else:
            self._session = opened.session
            self.query_one("#rubric").display = True
            for clash in state.clashes(opened.session.rubric.keys):
                self.notify_plain(clash, "Rubric", "warning")
            self._show(opened.item)

    def _session_failed(self) -> None:
        self.why_none = NO_CHOICE
        self._show_text(NO_CHOICE)

    # Showing

    def _show(self, item: BlindItem | None) -> None:
        session = self._session
        if session is None:
            return
        self._item, self._shown_at = item, time.monotonic()
        self._seen_to_end = False
        self.query_one("#item", ItemPane).scroll_home(animate=False, immediate=True)
        if item is None:
            self.end_plan(session)
        else:
            self.query_one("#item", ItemPane).keys = state.keys(session.rubric.keys)
            self.call_after_refresh(session.read_ahead)
        self._draw()

    def _draw(self) -> None:
        """What stands on the screen, for the size that it has."""
        session, item = self._session, self._item
        if session is None:
            return
        tall = self.has_class("-wide")
        pane = self.query_one("#item", ItemPane)
        if item is not None:
            size = pane.text_size
            shown = state.item_text(item, size.width, size.height, self.app.console)
            self._lines = state.lines_of(shown, size.width, size.height, self.app.console)
            pane.show(shown)
            self._note_place()
        rubric = state.rubric_text(session.rubric, instructions=self._instructions, tall=tall)
        note = "" if item is None else self._notes.get(item.sample_id, "")
        if note:
            rubric.append(f"\nnote: {printable(note)}", "italic")
        self.query_one("#labels", Static).update(rubric)
        recent = state.recent_text(self._given, session.plan, tall=tall)
        self.query_one("#recent", Static).update(recent)
        graded, total = session.progress()
        each = sum(self._durations) / len(self._durations) if self._durations else None
        at = session.unblinded_at
        blindness = "two sessions · " if self._others else ""
        blindness += "blind" if at is None else f"not blind since {at:%Y-%m-%d %H:%M}"
        of = (session.experiment, session.grader, graded, total, each, blindness)
        line = state.progress_line(*of, max(self.size.width - 2, 0))
        head = Text(f" {line}", no_wrap=True, overflow="ellipsis")
        self.query_one("#progress", Static).update(head)

    def on_item_pane_resized(self) -> None:
        self._draw()

    def _note_place(self) -> None:
        """Say how much of the answer is still below, and remember when none was."""
        if not self.is_mounted or self._item is None:
            return
        pane = self.query_one("#item", ItemPane)
        below = max(self._lines - int(pane.scroll_offset.y) - pane.text_size.height, 0)
        self._seen_to_end = self._seen_to_end or below == 0
        text = f" ▼ {below} more line{'' if below == 1 else 's'} (space)" if below else ""
        self.query_one("#more", Static).update(text)

    # One load at a time: keys that come before the next item is shown grade nothing.

    def on_item_pane_graded(self, message: ItemPane.Graded) -> None:
        session, item = self._session, self._item_or_why()
        if session is None or item is None or self.busy("grade"):
            return
        if session.rubric.read_to_end and not self._seen_to_end:
            self.notify_plain(NOT_READ, "Not yet", "warning")
            return
        seconds = time.monotonic() - self._shown_at
        self._durations.append(seconds)
        self._given.append((message.label, item.completion))
        note = self._notes.pop(item.sample_id, "")  # shown again, it would tell that it was
        self._noted.append((item.sample_id, note))
        self._grade(session, message.label, note, seconds)

    @loads("grade", then="_show", failed="_not_graded")
    def _grade(
        self, session: GradingSession, label: str, note: str, seconds: float
    ) -> BlindItem | None:
        session.grade(label, note, seconds=seconds)
        return session.next()

    def _not_graded(self) -> None:
        self._take_back()
        self._draw()

    def _take_back(self) -> None:
        """The last grade does not stand: its note is the answer's again."""
        self._durations, self._given = self._durations[:-1], self._given[:-1]
        if self._noted:
            sample, note = self._noted.pop()
            self._notes[sample] = self._notes.get(sample) or note

    def _item_or_why(self) -> BlindItem | None:
        """What is being graded; says why there is nothing, or asks for what is missing."""
        if self._session is None:
            self.say_no_session()
        elif self._item is None:
            self.notify_plain(DONE, "Grade")
        return self._item

    def action_skip(self) -> None:
        if self._item_or_why() is not None and self._session and not self.busy("grade"):
            self._skip(self._session)

    @loads("grade", then="_show")
    def _skip(self, session: GradingSession) -> BlindItem | None:
        return session.skip()

    def action_undo(self) -> None:
        if self._session is None:
            self.say_no_session()
        elif self.check_writable() and not self.busy("grade"):
            self._undo(self._session)

    @loads("grade", then="_undone")
    def _undo(self, session: GradingSession) -> BlindItem | None:
        return session.undo()

    def _undone(self, item: BlindItem | None) -> None:
        if item is None:
            self.notify_plain("No grade of this session is left to undo.", "Undo")
            return
        self._take_back()
        self._show(item)

    def action_instructions(self) -> None:
        if self._session is None:
            self.say_no_session()
            return
        self._instructions = not self._instructions
        self._draw()

    def action_note(self) -> None:
        item = self._item_or_why()
        if item is None or not self.check_writable():
            return

        def noted(text: str | None) -> None:
            if text is not None:
                self._notes[item.sample_id] = text.strip()
                self._draw()

        hint = Text("Kept with the grade that you give it; empty for none.", "dim")
        before = self._notes.get(item.sample_id, "")
        self.app.push_screen(modals.AskModal("Note on this answer", before, hint), noted)

    # The end

    def action_end(self) -> None:
        session = self._session
        if session is None:
            self.say_no_session()
        elif not session.has_graded:
            self.notify_plain("Nothing is graded yet.", "Nothing graded")
        elif session.unblinded_at is not None:
            self._show_graded(True)
        else:
            self.app.push_screen(
                modals.ConfirmModal("Show what was graded?", NEVER_BLIND_AGAIN), self._show_graded
            )

    def _show_graded(self, wanted: bool | None) -> None:
        if wanted and self._session is not None:
            screen = cast("GradedScreen", self.wgen.get_named_screen("graded"))
            screen.report_on(self._session)
            self.wgen.action_go("graded")
