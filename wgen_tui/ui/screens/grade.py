"""Screen 4: blind grading, one key for a grade."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import Static

from wgen_tui.errors import UsageError
from wgen_tui.terminal_text import printable
from wgen_tui.ui import actions, modals, services
from wgen_tui.ui.screens.base import BaseScreen
from wgen_tui.ui.state import grading as state
from wgen_tui.ui.threads import loads
from wgen_tui.ui.widgets.pane import TextPane

if TYPE_CHECKING:
    from wgen_tui.services.grading.session import BlindItem, GradingSession

NO_CHOICE = "Press ctrl+o to choose an experiment that has samples and a rubric."
ALL_GRADED = (
    "Every sample is graded.\n\nPress u to undo the last grade, ctrl+o for another experiment."
)
READONLY = "Grading is off under --readonly.\n\nQuit with q and open wgen-tui without it."
NO_RUBRIC = "No experiment has a rubric.\n\nAdd one to experiment.yaml under rubrics."


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
        self._shown_at = 0.0
        self._durations: list[float] = []
        self._last_label = ""

    def compose_content(self) -> ComposeResult:
        yield Static("", id="progress", classes="line", markup=False)
        rubric = Static("", id="rubric", markup=False)
        rubric.display = False
        yield rubric
        yield ItemPane(id="item")

    def on_screen_resume(self) -> None:
        if self.wgen.readonly:
            self._show_text(READONLY)
        elif not self._durations and not self.busy("grade"):
            # A session with grades stays; one without follows the choice made elsewhere.
            wanted = self.wgen.experiment
            if wanted is None:
                self._show_text(NO_CHOICE)
                self.pick_experiment()
            elif self._session is None or self._session.experiment != wanted:
                self._start_session(wanted)

    def experiment_picked(self) -> None:
        self.on_screen_resume()

    def _show_text(self, text: str) -> None:
        pane = self.query_one("#item", ItemPane)
        pane.keys = {}
        pane.show(Text(text))

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

    def _start_session(self, experiment: str, rubric: str | None = None) -> None:
        """Grade this experiment, from where this person stopped."""
        self._session, self._item, self._durations, self._last_label = None, None, [], ""
        self._show_text("reading…")
        self._open_session(experiment, rubric)

    @loads("grade", then="_session_opened", failed="_session_failed")
    def _open_session(
        self, experiment: str, rubric: str | None
    ) -> tuple[GradingSession, BlindItem | None] | UsageError:
        try:
            session = services.grading.session(self.home, experiment, rubric)
        except UsageError as error:  # nothing to grade: said in the pane, not as an error
            return error
        return session, session.next()

    def _session_opened(self, opened: tuple[GradingSession, BlindItem | None] | UsageError) -> None:
        if isinstance(opened, UsageError):
            self._show_text(f"{opened.message}\n\n{opened.hint}\n\n{NO_CHOICE}")
            return
        session, item = opened
        self._session = session
        rubric = self.query_one("#rubric", Static)
        rubric.display = True
        rubric.update(state.rubric_text(session.rubric))
        for clash in state.clashes(session.rubric.keys):
            self.notify_plain(clash, "Rubric", "warning")
        self._show(item)

    def _session_failed(self) -> None:
        self._show_text(NO_CHOICE)

    def _show(self, item: BlindItem | None) -> None:
        session = self._session
        if session is None:
            return
        self._item, self._shown_at = item, time.monotonic()
        pane = self.query_one("#item", ItemPane)
        if item is None:
            self._show_text(ALL_GRADED)
        else:
            pane.keys = state.keys(session.rubric.keys)
            pane.show(state.item_text(item))
            self.call_after_refresh(session.read_ahead)
        graded, total = session.progress()
        each = sum(self._durations) / len(self._durations) if self._durations else None
        line = state.progress_line(
            session.experiment, session.grader, graded, total, each, self._last_label
        )
        shown = Text(f" {line}", no_wrap=True, overflow="ellipsis")
        self.query_one("#progress", Static).update(shown)

    # One load at a time: keys that come before the next item is shown grade nothing.

    def on_item_pane_graded(self, message: ItemPane.Graded) -> None:
        if self._session is None or self._item is None or self.busy("grade"):
            return
        seconds = time.monotonic() - self._shown_at
        self._durations.append(seconds)
        self._last_label = message.label
        self._grade(self._session, message.label, seconds)

    @loads("grade", then="_show")
    def _grade(self, session: GradingSession, label: str, seconds: float) -> BlindItem | None:
        session.grade(label, seconds=seconds)
        return session.next()

    def action_skip(self) -> None:
        if self._session is not None and self._item is not None and not self.busy("grade"):
            self._skip(self._session)

    @loads("grade", then="_show")
    def _skip(self, session: GradingSession) -> BlindItem | None:
        return session.skip()

    def action_undo(self) -> None:
        if self._session is not None and self.check_writable() and not self.busy("grade"):
            self._undo(self._session)

    @loads("grade", then="_undone")
    def _undo(self, session: GradingSession) -> BlindItem | None:
        return session.undo()

    def _undone(self, item: BlindItem | None) -> None:
        if item is None:
            self.notify_plain("No grade of this session is left to undo.", "Undo")
            return
        self._durations, self._last_label = self._durations[:-1], ""
        self._show(item)

    # Choosing

    def action_choose(self) -> None:
        if self.check_writable():
            self._read_choices()

    @loads("choices", then="_choose")
    def _read_choices(self) -> list[tuple[str, str]]:
        definitions = services.definitions
        valid = [info for info in services.listing.list_experiments(self.home) if not info.error]
        return [
            (info.slug, rubric.name)
            for info in valid
            for rubric in definitions.load(self.home, info.path).rubrics
        ]

    def _choose(self, choices: list[tuple[str, str]]) -> None:
        if not choices:
            self._show_text(NO_RUBRIC)
            return

        def chosen(index: int | None) -> None:
            if index is not None:
                self.wgen.experiment = choices[index][0]
                self._start_session(*choices[index])

        names = [f"{slug} · rubric {rubric}" for slug, rubric in choices]
        self.app.push_screen(modals.ChooseModal("Grade which experiment?", names), chosen)
