"""Watches launches that run: notices deaths, starts attempts, ends what was told to stop.

Promises: a worker's death is noticed at the next check and its nearest cause is written down; a
launch that may be tried again is made ready to start; a worker that was told to stop and does not
is killed with its whole process group after a time of grace; while little disk space is free,
workers hold rather than fail, and resume by themselves.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from subprocess import Popen

from wgen_tui.errors import WgenError
from wgen_tui.paths import Home
from wgen_tui.protocol.failures import DISK_FULL, OUT_OF_MEMORY
from wgen_tui.protocol.launches import ENDED_STATES, WORKING_STATES
from wgen_tui.run_files.tail import tail_lines
from wgen_tui.services.machine.host import oom_kills
from wgen_tui.services.runs import process, queue
from wgen_tui.services.runs.failure_cause import LOG_LINES, Cause, nearest_cause
from wgen_tui.services.runs.launch_state import LaunchView
from wgen_tui.services.runs.retry_policy import Retry, with_less
from wgen_tui.services.settings import Settings, read_settings
from wgen_tui.services.slurm.job_state import describe
from wgen_tui.services.supervisor import slurm_submit
from wgen_tui.services.supervisor.grace import GracePeriod
from wgen_tui.services.supervisor.notify import Notifier

CHECK_EVERY = 1.0  # seconds between two checks of disk, configuration and notifications
RESUME_FACTOR = 1.1  # times the floor, so that work does not stop and go at its edge

log = logging.getLogger("supervisor")


class Monitor:
    """Remembers what no file says: our children, and since when a worker was to have ended."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._children: dict[str, Popen[bytes]] = {}
        self._signals: dict[str, int] = {}
        self._grace = GracePeriod()
        self._oom_kills = oom_kills()
        self._notifier = Notifier(home)
        self._checked_at = float("-inf")
        self.settings = Settings()
        self.disk_full = ""

    def adopt(self, launch_id: str, child: Popen[bytes]) -> None:
        """Watch a worker that we have started ourselves: the kernel tells us how it ends."""
        self._children[launch_id] = child

    def check(self, views: Mapping[str, LaunchView]) -> None:
        """Do what is due for all launches."""
        self._reap()
        if time.monotonic() - self._checked_at >= CHECK_EVERY:
            self._checked_at = time.monotonic()
            self._read_settings()
            self._check_disk(views)
            self._notifier.check(views)
        for view in views.values():
            if view.retry is not None:
                if view.may_restart:
                    self._start_attempt(view, view.retry)
            elif view.state == "lost" and view.queue.attempt not in _noted(view):
                queue.record_failure(self._home, view, _describe(self._cause(view)))
            elif view.state in WORKING_STATES and view.spec.slurm is None:
                self._end_in_time(view)
        self._grace.keep_only(views)

    def _reap(self) -> None:
        for name, child in list(self._children.items()):
            if (code := child.poll()) is not None:
                del self._children[name]
                if code < 0:
                    self._signals[name] = -code

    def _read_settings(self) -> None:
        try:
            self.settings = read_settings(self._home)
        except WgenError as error:
            log.error("%s; the settings read before stay", error.message)

    def _check_disk(self, views: Mapping[str, LaunchView]) -> None:
        """Hold workers while less disk space is free than the floor."""
        free = shutil.disk_usage(self._home.root).free / 2**20
        floor = self.settings.disk.floor_mb
        if free < floor:
            self.disk_full = (
                f"waits for room on the disk: {free:,.0f} MB free, {floor:,} MB are kept"
            )
        elif free >= floor * RESUME_FACTOR:
            self.disk_full = ""
        for view in views.values():
            hold = view.paths.control / "hold"
            if view.state in WORKING_STATES and self.disk_full and not view.held:
                log.warning("%s: %s", view.launch_id, self.disk_full)
                with suppress(OSError):  # no space even for this: the worker finds out by itself
                    hold.write_text(self.disk_full + "\n", encoding="utf-8")
            elif view.held and not self.disk_full and view.state not in ENDED_STATES:
                hold.unlink(missing_ok=True)
                log.info("%s: there is room again", view.launch_id)

    def _start_attempt(self, view: LaunchView, retry: Retry) -> None:
        if retry.kind == "disk" and self.disk_full:
            return
        if retry.kind in ("lost", "error"):
            cause = self._cause(view)
            # What to do about it is for those who have to: here another attempt follows by itself.
            reason = _describe(replace(cause, hint="")) if retry.kind == "lost" else retry.reason
            if cause.title == DISK_FULL:
                retry = replace(retry, failures=view.queue.failures)
            if cause.title == OUT_OF_MEMORY:
                retry = with_less(retry, view.ended("lost")) or retry
        else:
            reason = retry.reason
        try:
            record = queue.start_attempt(self._home, view, retry, reason)
        except OSError as error:  # a full disk: the next check tries again
            log.error("%s: no attempt can be started: %s", view.launch_id, error)
            return
        if record is not None:
            if view.slurm is not None:
                slurm_submit.forget(view, record.attempt - 1)
            self._signals.pop(view.launch_id, None)
            log.info("%s: attempt %d, because: %s", view.launch_id, record.attempt, reason)

    def _cause(self, view: LaunchView) -> Cause:
        if view.slurm is not None:
            memory = view.slurm.state == "OUT_OF_MEMORY"
            return Cause(OUT_OF_MEMORY if memory else "", describe(view.slurm))
        killed = oom_kills()
        by_kernel = killed > self._oom_kills
        self._oom_kills = killed
        name = view.launch_id
        return nearest_cause(
            tail_lines(view.paths.log, LOG_LINES), self._signals.get(name), by_kernel
        )

    def _end_in_time(self, view: LaunchView) -> None:
        """Kill what was told to stop, once its time to save is over."""
        if not view.fully_stopped:
            self._grace.cancel(view.launch_id)
            return
        grace = self.settings.queue.grace
        if self._grace.is_over(view.launch_id, grace) and process.terminate(
            self._home, view.launch_id, kill=True
        ):
            log.warning("%s: killed %.0f s after it was told to stop", view.launch_id, grace)


def _describe(cause: Cause) -> str:
    title = f"{cause.title}: " if cause.title else ""
    return f"{title}{cause.message} {cause.hint}".strip()


def _noted(view: LaunchView) -> set[int]:
    return {attempt.number for attempt in view.queue.history}
