"""Which launches are tried again, and how."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from wgen_tui.protocol.launches import RunOutcome, Stage
from wgen_tui.protocol.queue import QueueRecord
from wgen_tui.services.runs.retry_policy import Ended, Retry, decide_retry

FAILED = {
    title: RunOutcome(outcome="failed", title=title, message="why")
    for title in ("Out of memory", "Disk full", "Unexpected error", "Wrong template")
}
FINISHED = RunOutcome(outcome="finished")
CANCELLED = RunOutcome(outcome="cancelled")


def ended(
    state: str = "lost",
    outcomes: Mapping[str, RunOutcome] | None = None,
    *,
    stopped: frozenset[str] = frozenset(),
    failures: int = 0,
    stage: Stage = "train",
    stack: int | None = None,
    rows: int | None = None,
    advanced: bool = False,
) -> Ended:
    return Ended(
        state=state,
        runs=("a", "b", "c", "d"),
        stopped=stopped,
        outcomes=outcomes or {},
        queue=QueueRecord(failures=failures),
        stage=stage,
        stack=stack,
        rows=rows,
        advanced=advanced,
    )


def test_a_lost_launch_is_tried_again_once_without_getting_further() -> None:
    assert decide_retry(ended()) == Retry("lost", 1)
    assert decide_retry(ended(failures=1)) is None


def test_as_long_as_it_gets_further_it_goes_on() -> None:
    assert decide_retry(ended(failures=1, advanced=True)) == Retry("lost", 0)


def test_what_people_stopped_is_not_tried_again() -> None:
    everyone = frozenset("abcd")
    assert decide_retry(ended(stopped=everyone)) is None
    outcomes = dict.fromkeys("abcd", CANCELLED)
    assert decide_retry(ended("cancelled", outcomes, stopped=everyone)) is None


def test_a_worker_told_to_stop_by_nobody_we_know_goes_on() -> None:
    """A reboot, a scheduler: SIGTERM, a checkpoint, and no wish of the user."""
    outcomes = {"a": FINISHED, "b": CANCELLED, "c": CANCELLED, "d": CANCELLED}
    found = decide_retry(ended("cancelled", outcomes, stopped=frozenset("b"), failures=1))
    assert found == Retry("stopped", 1)
    assert decide_retry(ended("cancelled", outcomes, stopped=frozenset("bcd"))) is None


def test_what_is_wrong_stays_wrong() -> None:
    outcomes = {"a": FAILED["Wrong template"], "b": FINISHED, "c": FINISHED, "d": FINISHED}
    assert decide_retry(ended("failed", outcomes)) is None


def test_an_unexpected_error_has_a_second_chance() -> None:
    outcomes = {**dict.fromkeys("abc", FINISHED), "d": FAILED["Unexpected error"]}
    assert decide_retry(ended("failed", outcomes)) == Retry("error", 1, message="why")
    assert decide_retry(ended("failed", outcomes, failures=1)) is None


@pytest.mark.parametrize(("now", "then"), [(None, 2), (3, 1), (2, 1)])
def test_memory_that_did_not_suffice_halves_the_stack(now: int | None, then: int) -> None:
    outcomes = dict.fromkeys("abcd", FAILED["Out of memory"])
    found = decide_retry(ended("failed", outcomes, stack=now, failures=1))
    assert found == Retry("memory", 0, stack=then, message="why")


def test_one_adapter_that_does_not_fit_stops_after_two_tries() -> None:
    outcomes = dict.fromkeys("abcd", FAILED["Out of memory"])
    assert decide_retry(ended("failed", outcomes, stack=1)) == Retry("memory", 1, message="why")
    assert decide_retry(ended("failed", outcomes, stack=1, failures=1)) is None


def test_a_sampler_draws_fewer_rows() -> None:
    outcomes = dict.fromkeys("abcd", FAILED["Out of memory"])
    found = decide_retry(ended("failed", outcomes, stage="sample"))
    assert found is not None
    assert found.rows == 32
    found = decide_retry(ended("failed", outcomes, stage="sample", rows=32))
    assert found is not None
    assert found.rows == 16


def test_a_full_disk_is_no_failure() -> None:
    outcomes = dict.fromkeys("abcd", FAILED["Disk full"])
    assert decide_retry(ended("failed", outcomes, failures=1)) == Retry("disk", 1, message="why")
