"""The keys of Runs that change runs or the queue, in threads; each notifies of what it did.

Promises: nothing is changed under --readonly; a key that does not fit a run's state changes
nothing and says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wgen_tui.ui import modals, services
from wgen_tui.ui.screens.base import BaseScreen
from wgen_tui.ui.state import run_actions
from wgen_tui.ui.state.format import plural
from wgen_tui.ui.threads import loads

if TYPE_CHECKING:
    from wgen_tui.services.runs.run_state import RunStatus


class RunActions(BaseScreen):
    """The part of Runs that changes something."""

    def chosen_runs(self) -> list[RunStatus]:
        """The marked runs, else the one under the cursor."""
        raise NotImplementedError

    def all_runs(self) -> Sequence[RunStatus]:
        """All runs, as last read."""
        raise NotImplementedError

    def poll(self) -> None:
        """Read all again."""
        raise NotImplementedError

    def _changed(self, summary: str) -> None:
        self.notify_plain(summary)
        self.poll()

    def action_pause(self) -> None:
        """Pause what is live; where all is paused, resume it."""
        if not self.check_writable() or not (chosen := self.chosen_runs()):
            return
        to_pause = [run.run_id for run in run_actions.to_pause(chosen)]
        to_resume = [run.run_id for run in run_actions.to_resume(chosen)]
        if to_pause:
            self._pause(to_pause)
        elif to_resume:
            self._resume(to_resume)
        else:
            self.notify_plain(run_actions.NOT_LIVE, "Pause")

    @loads("pause", then="_changed")
    def _pause(self, run_ids: list[str]) -> str:
        return run_actions.paused(services.control.pause(self.home, run_ids))

    @loads("pause", then="_changed")
    def _resume(self, run_ids: list[str]) -> str:
        launches = services.control.resume(self.home, run_ids)
        return run_actions.resumed(len(run_ids)) if launches else run_actions.UNDER_WAY

    def action_retry(self) -> None:
        if not self.check_writable() or not (chosen := self.chosen_runs()):
            return
        run_ids = [run.run_id for run in run_actions.to_retry(chosen)]
        if run_ids:
            self._retry(run_ids)
        else:
            self.notify_plain(run_actions.NOT_ENDED, "Retry")

    @loads("retry", then="_changed")
    def _retry(self, run_ids: list[str]) -> str:
        launches = services.control.retry(self.home, run_ids)
        return run_actions.resumed(len(run_ids)) if launches else run_actions.UNDER_WAY

    def action_sooner(self, by: int) -> None:
        """Raise the priority, or lower it by a negative number."""
        self._change_priority("Priority up" if by > 0 else "Priority down", by)

    def action_first(self) -> None:
        """Raise the priority above that of all that wait."""
        self._change_priority("First", None)

    def _change_priority(self, title: str, by: int | None) -> None:
        if not self.check_writable():
            return
        run_ids = [run.run_id for run in self.chosen_runs() if run.live]
        if run_ids:
            self._prioritise(title, run_ids, [run.run_id for run in self.all_runs()], by)
        else:
            self.notify_plain(run_actions.NOT_QUEUED, "Priority")

    @loads("priority", then="_changed")
    def _prioritise(
        self, title: str, run_ids: list[str], all_run_ids: list[str], by: int | None
    ) -> str:
        to = services.control.highest(self.home) + 1 if by is None else None
        moved = set(services.control.prioritise(self.home, run_ids, by=by, to=to))
        launches_of = services.runs.launches_of
        served = [run for run in all_run_ids if moved & set(launches_of(self.home, run))]
        return run_actions.moved(len(moved), len(served), title)

    def action_queue(self) -> None:
        """Pause the whole queue; paused: resume it."""
        if self.check_writable():
            self._toggle_queue()

    @loads("queue", then="_changed")
    def _toggle_queue(self) -> str:
        if services.control.resume_queue(self.home):
            return run_actions.QUEUE_RESUMED
        services.queue.pause_queue(self.home)
        return run_actions.QUEUE_PAUSED

    def action_cancel(self) -> None:
        if not self.check_writable():
            return
        run_ids = [run.run_id for run in self.chosen_runs() if run.live]
        if not run_ids:
            self.notify_plain(run_actions.NOT_CANCELLABLE, "Cancel")
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._cancel(run_ids)

        question = f"Cancel {plural(len(run_ids), 'run')}?"
        live = [run for run in self.chosen_runs() if run.live]
        text = run_actions.confirmation(run_ids, run_actions.cancel_consequence(live))
        self.app.push_screen(modals.ConfirmModal(question, text), answered)

    @loads("cancel", then="_changed")
    def _cancel(self, run_ids: list[str]) -> str:
        for run_id in run_ids:
            services.runs.cancel(self.home, run_id)
        return f"Cancelling {plural(len(run_ids), 'run')}."

    def action_remove(self) -> None:
        if not self.check_writable() or not (chosen := self.chosen_runs()):
            return
        if why := run_actions.why_not_removed(chosen):
            self.notify_plain(why, "Delete")
            return
        run_ids = [run.run_id for run in chosen]

        def answered(yes: bool | None) -> None:
            if yes:
                self._remove(run_ids)

        whose = "its" if len(run_ids) == 1 else "their"
        question = f"Delete {plural(len(run_ids), 'run')} and {whose} files?"
        text = run_actions.confirmation(run_ids, run_actions.REMOVE_CONSEQUENCE)
        self.app.push_screen(modals.ConfirmModal(question, text), answered)

    @loads("remove", then="_changed")
    def _remove(self, run_ids: list[str]) -> str:
        services.runs.remove(self.home, *run_ids)  # all of them, or none
        return f"Deleted {plural(len(run_ids), 'run')}."
