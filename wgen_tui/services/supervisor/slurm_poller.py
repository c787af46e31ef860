"""The supervisor's rounds with Slurm: submits what is ready, asks for states, cancels.

Promises: Slurm's programs, which may take long to answer, hold up nothing else; what is ready is
submitted together; what was told to stop is cancelled, and killed after a time of grace; what
cannot be done now is reported and tried again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from threading import Thread

from wgen_tui.errors import WgenError
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import ENDED_STATES
from wgen_tui.services.runs import queue
from wgen_tui.services.runs.launch_list import Launches
from wgen_tui.services.runs.launch_state import LaunchView
from wgen_tui.services.slurm.job_state import is_live
from wgen_tui.services.supervisor import slurm_submit
from wgen_tui.services.supervisor.grace import GracePeriod

POLL_EVERY = 5.0  # seconds
SOON = 1.0  # when something is ready to be submitted

log = logging.getLogger("supervisor")


class SlurmPoller:
    """One round at a time, each in its own thread with its own view of the launches."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._launches = Launches(home)
        self._settled: set[str] = set()
        self._grace = GracePeriod()
        self._round: Thread | None = None
        self._at = float("-inf")
        self.problem = ""

    def poll(self, views: Mapping[str, LaunchView], pause: bool, grace: float) -> None:
        """Begin a round if one is due.

        Args:
            views: All launches.
            pause: Whether nothing is to be submitted.
            grace: Seconds that what was told to stop has to save.
        """
        if self._round is not None and self._round.is_alive():
            return
        launches = [view for view in views.values() if view.spec.slurm is not None]
        due = [view for view in launches if view.launch_id not in self._settled]
        fresh = not pause and any(_is_due(view, views) for view in due)
        wait = SOON if fresh and not self.problem else POLL_EVERY
        if due and time.monotonic() - self._at >= wait:
            self._round = Thread(target=self._do, args=(pause, grace), daemon=True)
            self._round.start()

    def _do(self, pause: bool, grace: float) -> None:
        try:
            self._work(pause, grace)
            self.problem = ""
        except (WgenError, OSError) as error:
            problem = f"{error.title}: {error.message}" if isinstance(error, WgenError) else error
            if str(problem) != self.problem:
                log.error("%s", problem)
            self.problem = str(problem)
        except Exception:
            log.exception("this round with Slurm failed; there will be another")
            self.problem = f"an unexpected error; {self._home.supervisor_log} has it"
        finally:
            self._at = time.monotonic()

    def _work(self, pause: bool, grace: float) -> None:
        views = self._launches.refresh()
        launches = [v for n, v in views.items() if v.spec.slurm and n not in self._settled]
        slurm_submit.poll(self._home, launches)
        for view in launches:
            view.refresh()
        self._end_stopped(launches, grace)
        if not pause:
            ready = queue.waiting_order([view for view in launches if _is_due(view, views)])
            slurm_submit.submit(self._home, ready)
        self._settled |= {
            view.launch_id
            for view in launches
            if view.state in ENDED_STATES and _job_has_ended(view)
        }

    def _end_stopped(self, views: list[LaunchView], grace: float) -> None:
        """Cancel jobs that have nothing left to do."""
        for view in views:
            if view.done is not None or not view.fully_stopped or _job_has_ended(view):
                self._grace.cancel(view.launch_id)
            else:
                slurm_submit.cancel(view, kill=self._grace.is_over(view.launch_id, grace))


def _is_due(view: LaunchView, views: Mapping[str, LaunchView]) -> bool:
    """Whether a launch is to be given to Slurm."""
    return view.spec.slurm is not None and view.is_ready(views)


def _job_has_ended(view: LaunchView) -> bool:
    """Whether Slurm has nothing to do for it any more."""
    return not is_live(slurm_submit.job_of(view))
