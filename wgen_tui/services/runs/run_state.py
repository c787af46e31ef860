"""The state function: what a run is doing, from its own and its launches' files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from experiments.schema import Role
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import (
    ENDED_STATES,
    LIVE_STATES,
    WORKING_STATES,
    Event,
    FailedAt,
    RunOutcome,
    RunState,
    Stage,
)
from wgen_tui.protocol.record import now
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.run_files.manifests import FinalCheckpoints
from wgen_tui.run_files.tail import tail_lines
from wgen_tui.services.runs.failure_cause import LOG_LINES, nearest_cause
from wgen_tui.services.runs.launch_state import LaunchView
from wgen_tui.services.runs.unfinished_judges import unfinished_judging
from wgen_tui.services.runs.wait_reasons import WaitReasons
from wgen_tui.services.slurm.job_state import describe, is_live

RETRYABLE: frozenset[RunState] = frozenset({"failed", "lost", "cancelled"})  # may be tried again
SHOWN_ROWS = 16  # lines of the data that are named in a sentence
SILENT = 60.0  # seconds without an event of a worker, after which lists say so
# What a stage must have done before anything is estimated from it: a share or a number of its
# units, and in any case some seconds. The first units are the slowest (a model warms up).
ETA_SHARE, ETA_UNITS, ETA_SECONDS = 0.05, 20, 10.0


class RunStatus(BaseModel):
    """One run as a list shows it, and as `run list --json` prints it (dumped by alias).

    `step` of `steps` is training; `done` of `total` counts `unit` in the present stage, at `rate`
    units per second. `why` says what it waits for, or how it ended; `aside` what its worker says
    beside the numbers, such as the tokens that a server has taken. `paused` runs are queued and
    wait for nobody but the user. `queued_at` is of its launch, `attempt` counts from 1, `gpus` are
    UUIDs, `memory_mb` is what the launch was expected to take and `peak_memory_mb` what it took.
    """

    model_config = ConfigDict(frozen=True)

    run_id: str = Field(serialization_alias="id", examples=["names-old-s0-3733491a4a"])
    experiment: str = Field(examples=["names"])
    model: str = Field(examples=["tiny-world"])
    arm: str = Field(examples=["old"])
    role: Role
    seed: int = Field(examples=[0])
    state: RunState
    stage: Stage | None = None
    step: int | None = Field(default=None, examples=[80])
    steps: int | None = Field(default=None, examples=[120])
    done: int | None = Field(default=None, examples=[80])
    total: int | None = Field(default=None, examples=[120])
    unit: str | None = Field(default=None, examples=["steps | samples | grades"])
    rate: float | None = Field(default=None, examples=[41.5])
    loss: float | None = Field(default=None, examples=[0.71])
    eta_seconds: float | None = Field(default=None, examples=[1.0])
    why: str = Field(default="", examples=["what it waits for, or how it ended"])
    aside: str = Field(
        default="",
        examples=["what its worker says beside the numbers, or that it has long been silent"],
    )
    started_at: datetime | None = Field(default=None, serialization_alias="started")
    ended_at: datetime | None = Field(default=None, serialization_alias="ended")
    launch_id: str | None = Field(
        default=None, serialization_alias="launch", examples=["20260131-120000-0train-90ab12cd34"]
    )
    queued_at: datetime | None = Field(default=None, serialization_alias="queued")
    waited_seconds: float | None = Field(default=None, examples=[3.5])
    paused: bool = False
    priority: int = Field(default=0, examples=[0])
    attempt: int = Field(default=1, examples=[1])
    gpus: tuple[str, ...] = Field(default=(), examples=[["GPU-3c1d"]])
    memory_mb: int | None = Field(default=None, examples=[2150])
    peak_memory_mb: float | None = Field(default=None, examples=[1830.5])
    failed_at: FailedAt | None = Field(default=None, exclude=True)  # of one run: `run show`

    @property
    def live(self) -> bool:
        return self.state in LIVE_STATES

    @property
    def unplanned(self) -> bool:
        """Whether it waits for a launch that nobody has written: it will wait for ever."""
        return self.live and self.launch_id is None

    @property
    def retryable(self) -> bool:
        """Whether it failed, was lost or cancelled, so that it can be tried again."""
        return self.state in RETRYABLE

    @property
    def failed_where(self) -> str:
        """The step where it failed, and the lines of its data; empty where neither is known."""
        place = self.failed_at
        if place is None:
            return ""
        if self.stage == "sample":
            return f"the checkpoint of step {place.step}"
        if not place.rows:
            return f"step {place.step}"
        shown = ", ".join(map(str, place.rows[:SHOWN_ROWS]))
        more = len(place.rows) - SHOWN_ROWS
        shown += f" and {more} more" if more > 0 else ""
        lines = "line" if len(place.rows) == 1 else "lines"
        return f"step {place.step}: {lines} {shown} of its data.jsonl"


def status_of(
    home: Home,
    spec: RunSpec,
    own: Sequence[LaunchView],
    every: Mapping[str, LaunchView],
    waits: WaitReasons | None = None,
    finals: FinalCheckpoints | None = None,
) -> RunStatus:
    """What a run is doing: the state function.

    Args:
        home: The home.
        spec: The run.
        own: The launches that serve it, oldest first, refreshed.
        every: At least those and all that they come after, by id.
        waits: Why launches wait.
        finals: Those of all runs, as far as they have been read.
    """
    run_id = spec.run_id
    chain = _newest_chain(own)
    at_work = [
        view for view in own if view.state in WORKING_STATES and view.outcome(run_id) is None
    ]
    state: RunState = "queued"
    why = "no launch yet; `wgen-tui run start` makes one"
    view: LaunchView | None = None
    for view in at_work or chain:
        state, why = _in_launch(view, run_id, every, waits)
        if state != "finished":
            break
    step, steps, loss = _training(home, spec, own, finals or FinalCheckpoints())
    outcome = view.outcome(run_id) if view else None
    seen = view.events.progress.get(run_id) if view else None
    last = seen.last if seen and state == "running" else None
    starts = [p.started_at for v in own if (p := v.events.progress.get(run_id)) and p.started_at]
    return RunStatus(
        run_id=run_id,
        experiment=spec.experiment,
        model=spec.model.name,
        arm=spec.arm,
        role=spec.role,
        seed=spec.seeds.seed,
        state=state,
        stage=view.spec.stage if view else None,
        step=step,
        steps=steps,
        done=last.done if last else None,
        total=last.total if last else None,
        unit=last.unit if last else None,
        rate=last.rate if last else None,
        loss=loss,
        eta_seconds=_eta(last, seen.started_at) if last and seen else None,
        why=why,
        aside=_aside(view, state, last) or _unfinished(own, view, state, run_id),
        started_at=min(starts, default=None),
        ended_at=_ended_at(view, run_id) if state in ENDED_STATES else None,
        launch_id=view.launch_id if view else None,
        failed_at=outcome.failed_at if state == "failed" and outcome else None,
        paused=bool(view and state == "queued" and run_id in view.paused_runs),
        **(_place(view) if view else {}),
    )


def _place(view: LaunchView) -> dict[str, Any]:
    """What a launch waited, and where it is at work or was."""
    start = view.start
    # Files of another machine may be ahead of this one's clock.
    until = start.at if start else now()
    return {
        "queued_at": view.spec.created_at,
        "waited_seconds": max(0.0, (until - view.spec.created_at).total_seconds()),
        "priority": view.queue.priority,
        "attempt": view.queue.attempt,
        "gpus": start.gpus if start else (),
        "memory_mb": start.memory_mb if start else None,
        "peak_memory_mb": view.done.peak_memory_mb if view.done else None,
    }


def _aside(view: LaunchView | None, state: RunState, last: Event | None) -> str:
    """What a worker says beside the numbers, or how long it has been silent."""
    if view is None or state != "running":
        return ""
    silent = view.silent_seconds()
    words = [last.message] if last and last.message else []
    if silent >= SILENT and not view.held:
        words.append(
            f"no word for {silent / 60:.0f} min: its machine may be busy, or its process stopped"
        )
    return "; ".join(words)


def _unfinished(
    own: Sequence[LaunchView], view: LaunchView | None, state: RunState, run_id: str
) -> str:
    """Which judges have failed that nothing has asked since, and how they go on."""
    if view is None or state not in ENDED_STATES:
        return ""
    return "; ".join(
        f"go on with `{item.command}`" if item.launch_id == view.launch_id else item.sentence
        for item in unfinished_judging(own, run_id)
    )


def _newest_chain(own: Sequence[LaunchView]) -> list[LaunchView]:
    """The last launch and those of the same run that it comes after, in order.

    Judges that are models of one command come beside each other: none of them hides another.
    """
    if not own:
        return []
    last = own[-1]
    wanted = {last.launch_id}
    wanted |= {
        view.launch_id
        for view in own
        if view.spec.judge is not None
        and view.spec.judge.panel is not None
        and view.spec.created_at == last.spec.created_at
    }
    for view in reversed(own):
        if view.launch_id in wanted:
            wanted.update(view.spec.after)
    return [view for view in own if view.launch_id in wanted]


def _in_launch(
    view: LaunchView, run_id: str, every: Mapping[str, LaunchView], waits: WaitReasons | None
) -> tuple[RunState, str]:
    """The state of a run in one launch, and why."""
    outcome = view.outcome(run_id)
    if run_id in view.paused_runs and (outcome is None or outcome.outcome == "cancelled"):
        if outcome is None and view.state in WORKING_STATES:
            return "running", "is being paused"
        return "queued", f"paused; go on with `wgen-tui run resume {run_id.rpartition('-')[2]}`"
    if outcome is not None:
        return outcome.outcome, _ended_words(view, outcome)
    if view.slurm is not None and view.state in ENDED_STATES and run_id not in view.cancelled_runs:
        return view.state, describe(view.slurm)
    if view.state == "lost":
        return "lost", f"the {view.spec.stage} launch {view.launch_id} died: {_cause(view)}"
    if view.state == "cancelled" or (view.state == "queued" and run_id in view.cancelled_runs):
        return "cancelled", "cancelled before it began" if view.start is None else "killed"
    if view.state == "starting":
        return "starting", view.held or (
            "loads the model" if view.start or view.slurm is None else describe(view.slurm)
        )
    if view.state == "running":
        if run_id in view.cancelled_runs:
            return "running", "is being cancelled"
        seen = view.events.progress.get(run_id)
        if seen and seen.started_at:
            return "running", view.held  # what the model is, the run's card says
        return "queued", "waits for its turn"
    return _waiting(view, every, waits)


def _ended_words(view: LaunchView, outcome: RunOutcome) -> str:
    words = ": ".join(part for part in (outcome.title, outcome.message) if part)
    if outcome.outcome == "failed" and view.queue.attempt > 1:
        words += f" (attempt {view.queue.attempt})"
    return words


def _cause(view: LaunchView) -> str:
    """What killed a worker: what the supervisor noted, else what the log shows."""
    for ended in view.queue.history:
        if ended.number == view.queue.attempt:
            again = f" ({ended.number} attempts)" if ended.number > 1 else ""
            return ended.reason + again
    cause = nearest_cause(tail_lines(view.paths.log, LOG_LINES), None, False)
    return f"{cause.title}: {cause.message} {cause.hint}".strip()


def _waiting(
    view: LaunchView, every: Mapping[str, LaunchView], waits: WaitReasons | None = None
) -> tuple[RunState, str]:
    """Whether a launch that has not been started waits or never will, and why."""
    for name in view.spec.after:
        before = every.get(name)
        if before is None:
            return "lost", f"launch {name}, which comes before, is gone"
        state: RunState = before.state
        if state in ENDED_STATES and not before.succeeded():
            ended = "failed" if state == "finished" else state
            return ended, f"the {before.spec.stage} launch {name} ended {ended}"
        if state == "queued":
            state, why = _waiting(before, every)
            if state != "queued":
                return state, why
        if state not in ENDED_STATES:
            return "queued", f"waits for {before.spec.stage}"
    return "queued", _why_not_started(view, waits)


def _why_not_started(view: LaunchView, waits: WaitReasons | None) -> str:
    if view.slurm is not None and is_live(view.slurm):
        return describe(view.slurm)
    why = waits.why(view.launch_id) if waits else None
    if view.retry is not None:
        why = why or "starts again"
        return f"{view.retry.reason}; {why} (attempt {view.queue.attempt + 1})"
    why = why or "waits for the supervisor"
    if view.queue.history:
        return f"{why}; attempt {view.queue.attempt}, because: {view.queue.history[-1].reason}"
    return why


def is_pending_for(view: LaunchView, run_id: str, every: Mapping[str, LaunchView]) -> bool:
    """Whether a launch works for a run, or is going to."""
    if view.outcome(run_id) is not None or run_id in view.stopped_runs:
        return False
    if view.state == "queued":
        return _waiting(view, every)[0] == "queued"
    return view.state in WORKING_STATES


def _training(
    home: Home, spec: RunSpec, own: Sequence[LaunchView], finals: FinalCheckpoints
) -> tuple[int | None, int | None, float | None]:
    """The step, the steps and the newest loss of a run's training."""
    if spec.training is None:
        return 0, 0, None
    for view in reversed(own):
        seen = view.events.progress.get(spec.run_id)
        if view.spec.stage == "train" and seen and seen.last:
            return seen.last.done, seen.last.total, seen.last.loss
    done = finals.of(home.run(spec.run_id))
    return (done.step, done.steps, done.loss) if done else (None, None, None)


def _eta(last: Event, started_at: datetime | None) -> float | None:
    """Seconds left in this stage of this run; None while there is too little to say so from."""
    done, total, rate = last.done, last.total, last.rate
    if done is None or total is None or not rate:
        return None
    since = (last.at - started_at).total_seconds() if started_at else 0.0
    if since < ETA_SECONDS or done < min(ETA_SHARE * total, ETA_UNITS):
        return None
    return max(0.0, (total - done) / rate)


def _ended_at(view: LaunchView | None, run_id: str) -> datetime | None:
    if view is None:
        return None
    seen = view.events.progress.get(run_id)
    if seen and seen.ended_at:
        return seen.ended_at
    return view.done.ended_at if view.done else None
