"""The one background process of a home: starts queued launches and ingests what they write.

Promises: at most one per home (flock); it lives in a session of its own and survives logout; it
knows nothing that is not in the files, so when it dies the next command simply starts another,
which takes the running workers as they are; it ends when nothing is left to do. SIGTERM ends it
and leaves the workers alone. `monitor` watches what runs, `dispatcher` starts what fits.

Run as `python -m wgen_tui.services.supervisor --home DIR`; `lifecycle.ensure_supervisor` does that.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event
from types import FrameType
from typing import IO

from wgen_tui.errors import WgenError
from wgen_tui.paths import Home
from wgen_tui.plain_files import keep_private
from wgen_tui.protocol.launches import ENDED_STATES
from wgen_tui.services.data.compaction import compact
from wgen_tui.services.data.ingest import ingest_now
from wgen_tui.services.runs import process, queue
from wgen_tui.services.runs.launch_list import Launches
from wgen_tui.services.runs.launch_state import LaunchView
from wgen_tui.services.runs.queue import queue_lock
from wgen_tui.services.supervisor.dispatcher import Dispatcher
from wgen_tui.services.supervisor.leftovers import sweep
from wgen_tui.services.supervisor.monitor import Monitor
from wgen_tui.services.supervisor.slurm_poller import SlurmPoller

TICK_EVERY = 0.2  # seconds; a tick costs a few stat calls for each launch that has not ended
TICK_SHARE = 20.0  # times what a tick computed: 500 queued launches cost 5% of a core
TICK_MOST = 2.0  # seconds: a death is noticed soon, however long the last tick took
INGEST_EVERY = 5.0
IDLE_FOR = 3.0  # seconds without work before it ends
LOCK_TRIES = 20  # x 0.05 s: whoever asks whether the lock is held holds it for an instant
GIVEN = "is given to Slurm"

log = logging.getLogger("supervisor")


class Supervisor:
    """The main loop. `stop` ends it between two ticks."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._launches = Launches(home)
        self._queue = Dispatcher(home)
        self._monitor = Monitor(home)
        self._slurm = SlurmPoller(home)
        self._stop = Event()
        self._ended = {
            name for name, view in self._launches.refresh().items() if view.state in ENDED_STATES
        }
        self._ingested_at = float("-inf")
        self._ingest_failed = False
        self._dirty = True  # something has ended that may not be in the database yet

    def stop(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """Ask the loop to end; safe in a signal handler."""
        self._stop.set()

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    def work_left(self) -> bool:
        """Whether a launch is at work or could be started."""
        return self._queue.work_left(self._launches.refresh())

    def run(self) -> None:
        """Work until there is nothing to do for `IDLE_FOR` seconds, or until stopped."""
        idle_since: float | None = None
        while not self._stop.is_set():
            before = time.process_time()  # not the clock: others may have had the cores
            try:
                busy = self.tick()
            except OSError:  # a full disk, a file system that stalls: what runs is not at fault
                log.exception("this tick failed; there will be another")
                self._stop.wait(INGEST_EVERY)
                continue
            took = time.process_time() - before
            self._ingest(busy)
            at = time.monotonic()
            if busy or self._dirty:
                idle_since = None
            elif idle_since is None:
                idle_since = at
            elif at - idle_since >= IDLE_FOR:
                return
            # However many launches there are, reading them takes a small share of a core.
            self._stop.wait(min(TICK_MOST, max(TICK_EVERY, TICK_SHARE * took)))

    def tick(self) -> bool:
        """Check what runs, begin attempts, start what fits.

        Returns:
            Whether a launch is at work, or waits to be started.
        """
        if not self._home.marker.exists():
            log.error("%s is gone: nothing is left to supervise", self._home.root)
            self.stop()
            return False
        views = self._launches.refresh()
        self._monitor.check(views)
        self._note_ends(views)
        pause = queue.paused(self._home) is not None or bool(self._monitor.disk_full)
        self._slurm.poll(views, pause, self._monitor.settings.queue.grace)
        self._queue.start_what_fits(views, self._monitor, self._slurm.problem or GIVEN)
        return self._queue.work_left(views)

    def _note_ends(self, views: Mapping[str, LaunchView]) -> None:
        ended = {name for name, view in views.items() if view.state in ENDED_STATES}
        for name in sorted(ended - self._ended):
            self._dirty = True
            log.info("%s: %s", name, views[name].state)
        self._ended = ended

    def _ingest(self, busy: bool) -> None:
        """Ingest at intervals while workers write, and at once when a launch has ended."""
        at = time.monotonic()
        soon = self._dirty and not self._ingest_failed
        interval = TICK_EVERY if soon else INGEST_EVERY
        if not (self._dirty or busy) or at - self._ingested_at < interval:
            return
        self._ingested_at = at
        try:
            done = ingest_now(self._home) is not None
            self._ingest_failed = False
        except Exception:
            # A locked, broken or full database is no reason to stop the work: the part files are
            # the truth, and readers lay those not ingested over the tables.
            log.exception("ingest failed")
            self._ingest_failed = True
            done = not busy  # nobody waits for us: leave it to the next supervisor
        self._dirty = self._dirty and not done


def _take_lock(home: Home) -> IO[bytes] | None:
    """Take the supervisor's lock and write our process id into it; None if another has it."""
    stream = home.supervisor_lock.open("a+b")
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
            continue
        stream.truncate(0)
        me = {
            "pid": os.getpid(),
            "ticks": process.process_started(os.getpid()),
            "host": socket.gethostname(),
        }
        stream.write(json.dumps(me).encode() + b"\n")
        stream.flush()
        return stream
    stream.close()
    return None


def serve(home: Home) -> None:
    """Supervise a home until there is nothing to do; return at once if another process does."""
    supervisor = Supervisor(home)
    signal.signal(signal.SIGTERM, supervisor.stop)
    signal.signal(signal.SIGINT, supervisor.stop)
    while (lock := _take_lock(home)) is not None:
        log.info("begins, process %d", os.getpid())
        supervisor.run()
        if not supervisor.stopped:
            _tidy(home)
            _compact(home, lambda: not (supervisor.stopped or supervisor.work_left()))
        log.info("ends")
        lock.close()
        # A command may have written a launch and found us alive between our last tick and the
        # release of the lock.
        if supervisor.stopped or not supervisor.work_left():
            return


def _tidy(home: Home) -> None:
    """Remove what killed processes left, now that nothing else is to be done."""
    try:
        removed = sweep(home)
    except OSError:  # a disk that refuses; what is left counts for nothing
        log.exception("temporary files stay")
        return
    if removed:
        log.info("removed %d temporary files of killed processes: %s", len(removed), removed)


def _compact(home: Home, may_continue: Callable[[], bool]) -> None:
    """Make few part files of many small ones, now that no worker lives."""
    try:
        fewer = compact(home, may_continue, lambda: queue_lock(home))
    except (OSError, WgenError):  # who holds or damaged the database: the parts serve as well
        log.exception("small parts stay")
        return
    if fewer:
        log.info("small part files made one with others: %d fewer", fewer)


def main(arguments: list[str] | None = None) -> None:
    keep_private()
    parser = argparse.ArgumentParser(prog="wgen_tui.services.supervisor")
    parser.add_argument("--home", type=Path, required=True)
    home = Home(parser.parse_args(arguments).home.absolute())
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%Y-%m-%d %H:%M:%S"
    )
    serve(home)
