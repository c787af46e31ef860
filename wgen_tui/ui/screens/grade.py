"""Screen 4: blind grading, one key a verdict."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import Static

from wgen_tui.errors import UsageError
from wgen_tui.terminal_text import printable
from wgen_tui.ui import actions
from wgen_tui.ui.modals.dialogs import ChooseModal
from wgen_tui.ui.screens.base import BaseScreen
from wgen_tui.ui.state import grading as state
from wgen_tui.ui.widgets.pane import TextPane

if TYPE_CHECKING:
    from wgen_tui.services.grading.session import BlindItem, GradingSession

NO_CHOICE = "Press ctrl+o to choose an experiment that has samples and a rubric."
END = "Every sample is graded.\n\nPress u to take the last one back, ctrl+o for another experiment."
OFF = "Grading writes, and this is --readonly.\n\nLeave with q and open wgen-tui without it."
NONE = "No experiment has a rubric.\n\nAdd one to experiment.yaml under rubrics."


class ItemPane(TextPane):
    """The item; a key of the rubric grades it before that key can mean anything else."""

    class Graded(Message):
        def __init__(self, label: str) -> None:
            super().__init__()
            self.label = label

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self.keys: dict[str, str] = {}

    def on_key(self, event: events.Key) -> None:
        label = self.keys.get(event.key) or self.keys.get(event.character or "")
        if label is not None:
            event.stop()
            event.prevent_default()
            self.post_message(self.Graded(label))


class GradeScreen(BaseScreen):
    """Rubric above, item below; no arm, seed or model anywhere."""

    SCOPE = "grade"
    AUTO_FOCUS = "#item"

    def __init__(self) -> None:
        super().__init__()
        self._session: GradingSession | None = None
        self._item: BlindItem | None = None
        self._since = 0.0
        self._took: list[float] = []
        self._last = ""

    def content(self) -> ComposeResult:
        yield Static("", id="progress", classes="line", markup=False)
        rubric = Static("", id="rubric", markup=False)
        rubric.display = False
        yield rubric
        yield ItemPane(id="item")

    def on_screen_resume(self) -> None:
        if self.wgen.readonly:
            self._say(OFF)
        elif not self._took and not self.busy("grade"):
            # A session that has begun goes on; one that has not follows the choice made elsewhere.
            wanted = self.wgen.experiment
            if wanted is None:
                self._say(NO_CHOICE)
                self.pick_experiment(self.on_screen_resume)
            elif self._session is None or self._session.experiment != wanted:
                self.begin(wanted)

    def _say(self, text: str) -> None:
        pane = self.query_one("#item", ItemPane)
        pane.keys = {}
        pane.show(Text(text))

    def own_help(self) -> list[tuple[str, list[actions.Action]]]:
        if self._session is None:
            return []
        rubric = self._session.rubric
        keys = [
            actions.Action(
                label, key, label, self.SCOPE, f"Grade it {printable(label)}, and go on."
            )
            for label, key in rubric.labels.items()
        ]
        return [(f"Rubric {rubric.name}", keys)]

    # Session

    def begin(self, experiment: str, rubric: str | None = None) -> None:
        """Grade this experiment, from where this person stopped."""
        home = self.home
        self._session, self._item, self._took, self._last = None, None, [], ""
        self._say("reading…")

        def work() -> tuple[GradingSession, BlindItem | None] | UsageError:
            from wgen_tui.services.grading import session as grading  # noqa: PLC0415 - not before the frame

            try:
                session = grading.session(home, experiment, rubric)
            except UsageError as error:  # nothing to grade there is no mishap
                return error
            return session, session.next()

        def begun(found: tuple[GradingSession, BlindItem | None] | UsageError) -> None:
            if isinstance(found, UsageError):
                self._say(f"{found.message}\n\n{found.hint}\n\n{NO_CHOICE}")
                return
            self._session = found[0]
            shown = self.query_one("#rubric", Static)
            shown.display = True
            shown.update(state.rubric(found[0].rubric))
            for clash in state.clashes(found[0].rubric.labels):
                self.say(clash, "Rubric", "warning")
            self._show(found[1])

        self.load("grade", work, begun, lambda: self._say(NO_CHOICE))

    def _show(self, item: BlindItem | None) -> None:
        session = self._session
        if session is None:
            return
        self._item, self._since = item, time.monotonic()
        pane = self.query_one("#item", ItemPane)
        if item is None:
            self._say(END)
        else:
            pane.keys = state.keys(session.rubric.labels)
            pane.show(state.item(item))
        graded, total = session.progress()
        each = sum(self._took) / len(self._took) if self._took else None
        line = state.progress_line(
            session.experiment, session.grader, graded, total, each, self._last
        )
        shown = Text(f" {line}", no_wrap=True, overflow="ellipsis")
        self.query_one("#progress", Static).update(shown)

    def _step(self, work: Callable[[], BlindItem | None]) -> None:
        """One thing at a time: keys that come before the next item is shown grade nothing."""
        if not self.busy("grade"):
            self.load("grade", work, self._show)

    def on_item_pane_graded(self, message: ItemPane.Graded) -> None:
        session = self._session
        if session is None or self._item is None or self.busy("grade"):
            return
        seconds = time.monotonic() - self._since
        label = message.label

        def work() -> BlindItem | None:
            session.grade(label, seconds=seconds)
            return session.next()

        self._took.append(seconds)
        self._last = label
        self._step(work)

    def action_skip(self) -> None:
        if self._session is not None and self._item is not None:
            self._step(self._session.skip)

    def action_undo(self) -> None:
        session, now = self._session, self._item
        if session is None or not self.writable():
            return

        def work() -> tuple[bool, BlindItem | None]:
            before = session.undo()
            return before is not None, before or now

        def undone(found: tuple[bool, BlindItem | None]) -> None:
            if not found[0]:
                self.say("Nothing of this session is left to take back.", "Undo")
                return
            self._took, self._last = self._took[:-1], ""
            self._show(found[1])

        if not self.busy("grade"):
            self.load("grade", work, undone)

    # Choosing

    def action_choose(self) -> None:
        if not self.writable():
            return
        home = self.home

        def work() -> list[tuple[str, str]]:
            from wgen_tui.services.experiments import definitions  # noqa: PLC0415 - not before the frame

            sound = [info for info in definitions.list_experiments(home) if not info.error]
            return [
                (info.slug, rubric.name)
                for info in sound
                for rubric in definitions.load(home, info.path).rubrics
            ]

        self.load("choices", work, self._choose)

    def _choose(self, choices: list[tuple[str, str]]) -> None:
        if not choices:
            self._say(NONE)
            return

        def chosen(index: int | None) -> None:
            if index is not None:
                self.wgen.experiment = choices[index][0]
                self.begin(*choices[index])

        names = [f"{slug} · rubric {rubric}" for slug, rubric in choices]
        self.app.push_screen(ChooseModal("Grade which experiment?", names), chosen)
