"""What the keys of Runs do to runs and to the queue, in threads; each answers in a line.

Promises: nothing is changed under --readonly; what a run is not in a state for is said, not done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from wgen_tui.ui.modals.dialogs import ConfirmModal
from wgen_tui.ui.screens.base import BaseScreen
from wgen_tui.ui.state import run_actions
from wgen_tui.ui.state.format import plural

if TYPE_CHECKING:
    from wgen_tui.services.runs.run_state import RunStatus


class RunActions(BaseScreen):
    """The part of Runs that changes something."""

    def chosen(self) -> list[RunStatus]:
        """The marked runs, else the one under the cursor."""
        raise NotImplementedError

    def everyone(self) -> Sequence[RunStatus]:
        """All runs, as last seen."""
        raise NotImplementedError

    def poll(self) -> None:
        """Look again."""
        raise NotImplementedError

    def _change(self, what: str, work: Callable[[], str]) -> None:
        """Do it in a thread, say what it answers, and look again."""

        def answered(words: str) -> None:
            self.say(words)
            self.poll()

        self.load(what, work, answered)

    def action_pause(self) -> None:
        """Pause what is live; where all is paused, go on."""
        if not self.writable() or not (chosen := self.chosen()):
            return
        home = self.home
        names = [run.run_id for run in run_actions.to_pause(chosen)]
        again = [run.run_id for run in run_actions.to_resume(chosen)]
        if not names and not again:
            self.say(run_actions.NOT_LIVE, "Pause")
            return

        def work() -> str:
            from wgen_tui.services.control import control  # noqa: PLC0415 - not before the frame

            if names:
                return run_actions.paused(control.pause(home, names))
            made = control.resume(home, again)
            return run_actions.resumed(len(again)) if made else run_actions.UNDER_WAY

        self._change("pause", work)

    def action_retry(self) -> None:
        if not self.writable() or not (chosen := self.chosen()):
            return
        home = self.home
        names = [run.run_id for run in run_actions.to_retry(chosen)]
        if not names:
            self.say(run_actions.NOT_ENDED, "Try again")
            return

        def work() -> str:
            from wgen_tui.services.control import control  # noqa: PLC0415 - not before the frame

            made = control.retry(home, names)
            return run_actions.resumed(len(names)) if made else run_actions.UNDER_WAY

        self._change("retry", work)

    def action_sooner(self, by: int) -> None:
        """Raise the priority, or lower it by a negative number."""
        self._prioritise("Priority up" if by > 0 else "Priority down", by=by)

    def action_first(self) -> None:
        self._prioritise("First")

    def _prioritise(self, how: str, by: int | None = None) -> None:
        if not self.writable():
            return
        home, everyone = self.home, self.everyone()
        names = [run.run_id for run in self.chosen() if run.live]
        if not names:
            self.say(run_actions.NOT_QUEUED, "Priority")
            return

        def work() -> str:
            from wgen_tui.services.control import control  # noqa: PLC0415 - not before the frame
            from wgen_tui.services.runs.runs import launches_of  # noqa: PLC0415 - likewise

            to = control.highest(home) + 1 if by is None else None
            moved = control.prioritise(home, names, by=by, to=to)
            served = [run for run in everyone if set(moved) & set(launches_of(home, run.run_id))]
            return run_actions.moved(len(moved), len(served), how)

        self._change("priority", work)

    def action_queue(self) -> None:
        """Pause the whole queue; paused: go on."""
        if not self.writable():
            return
        home = self.home

        def work() -> str:
            from wgen_tui.services.control import control  # noqa: PLC0415 - not before the frame

            if control.resume_queue(home):
                return run_actions.QUEUE_GOES_ON
            control.pause_queue(home)
            return run_actions.QUEUE_PAUSED

        self._change("queue", work)

    def action_cancel(self) -> None:
        if not self.writable():
            return
        chosen = [run for run in self.chosen() if run.live]
        if not chosen:
            self.say("Only queued, starting and running runs can be cancelled.", "Cancel")
            return
        consequence = "What is on disk stays; r goes on from there."
        self._confirm("Cancel", "?", consequence, chosen)

    def action_remove(self) -> None:
        chosen = self.chosen()
        if not chosen or not self.writable():
            return
        consequence = "Checkpoints and samples are gone then; grades by people stay."
        self._confirm("Delete", " and their files?", consequence, chosen)

    def _confirm(self, verb: str, end: str, consequence: str, chosen: list[RunStatus]) -> None:
        run_ids = [run.run_id for run in chosen]
        names = ", ".join(run_ids[:3]) + (" …" if len(run_ids) > 3 else "")

        def answered(yes: bool | None) -> None:
            if yes:
                self._end(verb, run_ids)

        question = f"{verb} {plural(len(chosen), 'run')}{end}"
        self.app.push_screen(ConfirmModal(question, f"{names}\n{consequence}"), answered)

    def _end(self, verb: str, run_ids: list[str]) -> None:
        home = self.home

        def work() -> str:
            from wgen_tui.services.runs import runs  # noqa: PLC0415 - not before the frame

            for run_id in run_ids:
                runs.cancel(home, run_id) if verb == "Cancel" else runs.remove(home, run_id)
            past = "told to stop" if verb == "Cancel" else "removed"
            return f"{plural(len(run_ids), 'run')} {past}."

        self._change(verb, work)
