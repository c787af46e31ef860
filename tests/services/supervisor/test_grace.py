"""The time of grace of launches that were told to stop."""

from __future__ import annotations

import time

from wgen_tui.services.supervisor.grace import GracePeriod


def test_the_time_begins_with_the_first_call_and_is_each_launchs_own() -> None:
    grace = GracePeriod()
    assert not grace.is_over("a", 0.05)
    time.sleep(0.06)
    assert grace.is_over("a", 0.05)
    assert not grace.is_over("b", 0.05)


def test_without_grace_the_time_is_over_at_once() -> None:
    assert GracePeriod().is_over("a", 0.0)


def test_what_need_not_end_any_more_gets_the_time_anew() -> None:
    grace = GracePeriod()
    grace.is_over("a", 60.0)
    grace.is_over("b", 60.0)
    time.sleep(0.06)
    grace.cancel("a")
    grace.keep_only(["a"])
    assert not grace.is_over("a", 0.05)
    assert not grace.is_over("b", 0.05)
