"""Runs the user's command when no run of a started plan is live any more.

Promises: once for each plan, whichever supervisor is there then; an argument list, never a shell;
what happened stands in the environment; the command's end is noted in the supervisor's log and
nothing waits for it.
"""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from wgen_tui.paths import Home
from wgen_tui.protocol.launches import LIVE_STATES
from wgen_tui.protocol.queue import Notice
from wgen_tui.services.runs.launch_state import LaunchView
from wgen_tui.services.runs.run_state import RunStatus
from wgen_tui.services.runs.runs import RunList

log = logging.getLogger("supervisor")


class Notifier:
    """Runs the commands that launches carry, once their runs have ended."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._runs = RunList(home)
        self._given: set[str] = set()
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def check(self, views: Mapping[str, LaunchView]) -> None:
        """Run the commands that are due."""
        self._reap()
        for view in views.values():
            notice = view.spec.notify
            if notice is None or view.launch_id in self._given:
                continue
            if _marker(view).exists():
                self._given.add(view.launch_id)
            elif (runs := self._ended(notice)) is not None:
                self._notify(view, notice, runs)

    def _ended(self, notice: Notice) -> list[RunStatus] | None:
        """The runs; None while any is live, or when they have been removed."""
        runs = self._runs.refresh(run_ids=notice.runs)
        return None if not runs or any(run.state in LIVE_STATES for run in runs) else runs

    def _notify(self, view: LaunchView, notice: Notice, runs: list[RunStatus]) -> None:
        bad = [run for run in runs if run.state != "finished"]
        try:
            view.paths.control.mkdir(mode=0o700, exist_ok=True)
            _marker(view).touch()  # first: rather not at all than twice
            child = subprocess.Popen(
                notice.command,
                cwd=self._home.root,
                env=os.environ | environment(view, runs, bad),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            log.error("%s: cannot notify: %s", view.launch_id, error)
            return
        log.info("%s: notified, process %d", view.launch_id, child.pid)
        self._running.append((view.launch_id, child))

    def _reap(self) -> None:
        for name, child in self._running:
            if (code := child.poll()) is not None and code != 0:
                log.error("%s: the notifying command ended with %d", name, code)
        self._running = [(name, child) for name, child in self._running if child.returncode is None]


def environment(view: LaunchView, runs: list[RunStatus], bad: list[RunStatus]) -> dict[str, str]:
    """What the command finds in its environment."""
    text = f"{view.spec.experiment}: {len(runs) - len(bad)} of {len(runs)} runs finished"
    if bad:
        text += f"; {bad[0].arm} seed {bad[0].seed} {bad[0].state}: {bad[0].why}"
    return {
        "WGEN_EVENT": "failed" if bad else "finished",
        "WGEN_EXPERIMENT": view.spec.experiment,
        "WGEN_RUNS": " ".join(run.run_id for run in runs),
        "WGEN_FAILED": " ".join(run.run_id for run in bad),
        "WGEN_MESSAGE": text,
    }


def mark_given(view: LaunchView) -> None:
    """Note that a launch's notice has been given, or that another launch is to give it."""
    view.paths.control.mkdir(exist_ok=True)
    _marker(view).touch()


def _marker(view: LaunchView) -> Path:
    return view.paths.control / "notified"
