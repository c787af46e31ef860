"""Ids of launches: chains that are tried again in one second do not meet."""

from __future__ import annotations

from datetime import UTC, datetime

from wgen_tui.protocol.launches import STAGES, new_launch_id

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_a_thousand_of_one_second_differ() -> None:
    assert len({new_launch_id(AT, 0, "train") for _ in range(1000)}) == 1000


def test_a_chain_sorts_in_the_order_of_its_stages() -> None:
    ids = [new_launch_id(AT, step, stage) for step, stage in enumerate(STAGES)]
    assert sorted(ids) == ids
    panels = [new_launch_id(AT, len(STAGES), "judge", f"{place:02d}-") for place in (2, 10)]
    assert sorted([*panels, *ids]) == [*ids, *panels]
