"""Which launch starts next, and where.

Promises: what comes before has ended first; a higher priority starts before a lower, and is not
overtaken on the same kind of place; a launch is given GPUs in which its estimate fits, or a slot of
the CPU; why any waits is written down for all to see.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from wgen_tui.paths import Home
from wgen_tui.protocol.launches import ENDED_STATES, WORKING_STATES
from wgen_tui.services.estimate.estimate import History, calibrated, estimate
from wgen_tui.services.machine.gpus import Gpu, probe
from wgen_tui.services.runs import process, queue
from wgen_tui.services.runs.launch_state import LaunchView
from wgen_tui.services.runs.wait_reasons import WaitReasons
from wgen_tui.services.slurm.job_state import is_live
from wgen_tui.services.supervisor.monitor import Monitor
from wgen_tui.services.supervisor.placement import Lease, Place, Request, Wait, place

FAILED_WAIT = 5.0  # seconds until a launch that could not be started is tried again
EXPERIENCE = 20  # past launches of a stage that correct an estimate

log = logging.getLogger("supervisor")


class Dispatcher:
    """Starts launches. What it remembers (estimates, failed starts) is a cache."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._waits = WaitReasons(home)
        self._needs: dict[tuple[str, int, int], Request] = {}
        self._history = History(home)
        self._not_before = float("-inf")

    def work_left(self, views: Mapping[str, LaunchView]) -> bool:
        """Whether a launch is at work or could be started."""
        asleep = queue.paused(self._home) is not None
        return any(
            view.state in WORKING_STATES
            or is_live(view.slurm)
            or (not asleep and view.may_start(views))
            for view in views.values()
            if view.state not in ENDED_STATES
        )

    def start_what_fits(
        self, views: Mapping[str, LaunchView], monitor: Monitor, slurm: str = ""
    ) -> None:
        """Start launches until the next in order has to wait; `slurm`: why those of Slurm wait."""
        ready = [view for view in views.values() if view.is_ready(views)]
        why: dict[str, str] = {}
        if pause := queue.paused(self._home):
            paused = "the queue is paused" + (f": {pause.why}" if pause.why else "")
            why = dict.fromkeys((view.launch_id for view in ready), paused)
        elif monitor.disk_full:
            why = dict.fromkeys((view.launch_id for view in ready), monitor.disk_full)
        elif ready and time.monotonic() >= self._not_before:
            here = [view for view in ready if view.spec.slurm is None]
            why = self._start(queue.waiting_order(here), views, monitor)
            why |= {view.launch_id: slurm for view in ready if view.spec.slurm is not None}
        elif ready:
            return
        try:
            self._waits.write(why)
        except OSError as error:
            log.error("%s: %s", self._home.waiting, error)

    def _start(
        self, ready: list[LaunchView], views: Mapping[str, LaunchView], monitor: Monitor
    ) -> dict[str, str]:
        gpus = probe()
        leases = [self._lease(view) for view in views.values() if _is_here(view)]
        blocked: dict[bool, str] = {}  # by whether a model is needed
        why: dict[str, str] = {}
        for view in ready:
            if (ahead := blocked.get(process.needs_model(view.spec))) is not None:
                why[view.launch_id] = f"waits for its turn; first: {ahead}"
                continue
            request = self._request(view, views, gpus)
            place_or_wait = place(request, gpus, leases, monitor.settings)
            if isinstance(place_or_wait, Wait):
                why[view.launch_id] = place_or_wait.why
                if not place_or_wait.never:  # others need not wait for what will never start
                    blocked[request.needs_model] = view.launch_id
            elif not self._spawn(view, place_or_wait, request.memory_mb, gpus, monitor):
                break
            else:
                leases.append(
                    _lease_of(view, place_or_wait.gpus, place_or_wait.memory_mb, frozenset())
                )
        return why

    def _spawn(
        self,
        view: LaunchView,
        chosen: Place,
        memory_mb: int,
        gpus: tuple[Gpu, ...],
        monitor: Monitor,
    ) -> bool:
        # Without NVML there may be a GPU all the same: the worker finds out.
        only = chosen.gpus if gpus else None
        try:
            child = process.spawn(
                self._home, view.spec, only, chosen.memory_mb or memory_mb or None
            )
        except OSError as error:
            # A full disk, too many processes: tried again a little later.
            log.error("%s: cannot be started: %s", view.launch_id, error)
            self._not_before = time.monotonic() + FAILED_WAIT
            return False
        monitor.adopt(view.launch_id, child)
        where = f" on {', '.join(chosen.gpus)}" if chosen.gpus else ""
        log.info("%s: started, process %d%s", view.launch_id, child.pid, where)
        return True

    def _request(
        self, view: LaunchView, views: Mapping[str, LaunchView], gpus: tuple[Gpu, ...]
    ) -> Request:
        similar = [
            v for v in views.values() if v.state in ENDED_STATES and v.spec.stage == view.spec.stage
        ]
        key = (view.launch_id, view.queue.attempt, len(similar))
        if key not in self._needs:
            self._needs[key] = self._estimated(view, similar, gpus)
        return self._needs[key]

    def _estimated(
        self, view: LaunchView, similar: list[LaunchView], gpus: tuple[Gpu, ...]
    ) -> Request:
        """What a launch asks for, from its files and from the peaks of launches like it."""
        spec, record = view.spec, view.queue
        on_gpu = bool(gpus) or None  # without NVML there may be one all the same
        largest_mb = max((gpu.total_mb for gpu in gpus), default=None)
        need = estimate(
            self._home,
            spec,
            on_gpu=on_gpu,
            free_mb=largest_mb,
            stack=record.stack,
            rows=record.rows,
        )
        if gpus:  # on a CPU nothing is placed by memory
            for past in similar[-EXPERIENCE:]:
                self._history.note(past.spec, on_gpu=on_gpu, free_mb=largest_mb)
            need = calibrated(need, self._history)
        return Request(
            launch_id=view.launch_id,
            stage=spec.stage,
            memory_mb=need.memory_mb,
            gpus_needed=spec.processes,
            needs_model=process.needs_model(spec),
            least_mb=need.least_mb,
        )

    def _lease(self, view: LaunchView) -> Lease:
        gpus = view.start.gpus if view.start else ()
        memory = (view.start.memory_mb if view.start else None) or 0
        return _lease_of(view, gpus, memory, process.processes(self._home, view.launch_id))


def _is_here(view: LaunchView) -> bool:
    """Whether a launch is at work on this machine."""
    return view.state in WORKING_STATES and view.spec.slurm is None


def _lease_of(
    view: LaunchView, gpus: tuple[str, ...], memory_mb: int, pids: frozenset[int]
) -> Lease:
    return Lease(
        launch_id=view.launch_id,
        gpus=gpus,
        memory_mb=memory_mb,
        pids=pids,
        stage=view.spec.stage,
    )
