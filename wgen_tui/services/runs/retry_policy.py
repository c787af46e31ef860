"""Which launches are tried again, and how: a function of how they ended.

Promises: what was asked to stop is never tried again; what fails twice without getting further
stops and says so; what did not fit into memory is tried with less at once. Nothing here looks at a
file or a clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from wgen_tui.protocol.failures import DISK_FULL, OUT_OF_MEMORY, UNEXPECTED
from wgen_tui.protocol.launches import RunOutcome, Stage
from wgen_tui.protocol.queue import QueueRecord

Kind = Literal["lost", "memory", "disk", "error", "stopped"]
ROWS = 32  # draws at once, where they are first limited
ATTEMPTS = 2  # failures in a row without getting further
# Titles of outcomes that another attempt may mend; a wrong definition stays wrong.
MENDABLE: dict[str, Kind] = {OUT_OF_MEMORY: "memory", DISK_FULL: "disk", UNEXPECTED: "error"}


@dataclass(frozen=True, slots=True)
class Ended:
    """How an attempt ended.

    Attributes:
        state: lost, failed, cancelled or finished.
        runs: The runs of the launch.
        stopped: Those that people told to stop.
        outcomes: By run; empty for a launch that was lost.
        queue: As written before the attempt.
        stage: What the launch does.
        stack: The limit of adapters together; None without one.
        rows: The limit of draws made together; None without one.
        advanced: Whether it got further than any attempt before.
    """

    state: str
    runs: tuple[str, ...]
    stopped: frozenset[str]
    outcomes: Mapping[str, RunOutcome]
    queue: QueueRecord
    stage: Stage
    stack: int | None
    rows: int | None
    advanced: bool


@dataclass(frozen=True, slots=True)
class Retry:
    """Another attempt.

    Attributes:
        kind: What ended the one before.
        failures: Failures in a row that are noted for it.
        stack: Most adapters together, from now on; None leaves it.
        rows: Most draws together, from now on; None leaves it.
        message: What the failed run said; empty for a launch that was lost.
    """

    kind: Kind
    failures: int
    stack: int | None = None
    rows: int | None = None
    message: str = ""

    @property
    def reason(self) -> str:
        """A few words for lists."""
        words = {
            "lost": "its worker died",
            "memory": "it ran out of memory",
            "disk": "the disk was full",
            "error": "it failed unexpectedly",
            "stopped": "something from outside stopped its worker",
        }[self.kind]
        return f"{words}: {self.message}" if self.message else words


def decide_retry(ended: Ended) -> Retry | None:
    """The attempt that follows one that ended; None when there is none."""
    kind, message = _why(ended)
    if kind is None:
        return None
    failures = 0 if ended.advanced else ended.queue.failures + 1
    if kind in ("disk", "stopped"):
        failures = ended.queue.failures  # nothing is wrong with the launch itself
    retry = Retry(kind, failures, message=message)
    if kind == "memory":
        return with_less(retry, ended)
    return None if failures >= ATTEMPTS else retry


def with_less(retry: Retry, ended: Ended) -> Retry | None:
    """The same with half as much at once; None at the least, when it gets no further.

    A smaller launch is another launch: the failures of the larger one do not count.
    """
    if ended.stage == "train":
        now = ended.stack or len(_left(ended))
        less = replace(retry, kind="memory", failures=0, stack=now // 2)
    else:
        now = ended.rows or 2 * ROWS
        less = replace(retry, kind="memory", failures=0, rows=now // 2)
    if now > 1:
        return less
    return replace(retry, kind="memory") if retry.failures < ATTEMPTS else None


def _why(ended: Ended) -> tuple[Kind | None, str]:
    """What ended the runs that are left."""
    left = _left(ended)
    if not left:
        return None, ""
    if ended.state == "lost":
        return "lost", ""
    outcomes = [ended.outcomes[run] for run in left if run in ended.outcomes]
    for title, kind in MENDABLE.items():
        for outcome in outcomes:
            if outcome.outcome == "failed" and outcome.title == title:
                return kind, outcome.message
    if any(outcome.outcome == "cancelled" for outcome in outcomes):
        return "stopped", ""
    return None, ""


def _left(ended: Ended) -> list[str]:
    """The runs that neither are finished nor were told to stop."""
    done = {run for run, outcome in ended.outcomes.items() if outcome.outcome == "finished"}
    return [run for run in ended.runs if run not in done and run not in ended.stopped]
