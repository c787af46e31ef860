"""Every draw is handed out once, in the way that costs less."""

from __future__ import annotations

from wgen_tui.workers.sample.engine.batching import ENOUGH, Batch, DrawQueue
from wgen_tui.workers.sample.engine.decode import Request
from wgen_tui.workers.sample.engine.multi_lora import NO_SLOT, AdapterSlots

RANK = 8


class Ranks(AdapterSlots):
    """Any number of adapters, all of one rank, on nothing."""

    def __init__(self) -> None:
        super().__init__(None)

    def columns(self, slot: int) -> int:
        return 0 if slot == NO_SLOT else RANK


def queue(slot: int, count: int, length: int = 3) -> list[Request]:
    return [Request(1000 * (slot + 1) + n, (1,) * (length + n % 5), n, slot) for n in range(count)]


def make(counts: list[int], widest: int = 10**6) -> DrawQueue:
    return DrawQueue([queue(slot - 1, count) for slot, count in enumerate(counts)], Ranks(), widest)


def drain(pool: DrawQueue, rows: int, rates: dict[str, int] | None = None) -> list[Batch]:
    """Hand out everything; a second gives this many tokens, by way."""
    batches = []
    while batch := pool.next_batch(rows):
        assert len(batch.requests) <= rows
        batches.append(batch)
        pool.record_cost(batch, (rates or {}).get(batch.mode, 1), 1.0)
    return batches


def test_everything_once() -> None:
    counts = [7, 30, 1, 100]
    pool = make(counts)
    everything = {id(item) for own in pool.queues for item in own}
    handed = [id(item) for batch in drain(pool, 16) for item in batch.requests]
    assert len(handed) == len(set(handed)) == sum(counts)
    assert set(handed) == everything


def test_few_draws_are_stacked_and_many_are_not() -> None:
    assert {b.name for b in drain(make([10] * 9), 512)} == {"stacked 9"}
    assert {b.mode for b in drain(make([ENOUGH] * 3), 512)} == {"alone"}
    assert drain(make([600]), 512)[0].name == "alone"


def test_both_ways_are_tried_where_there_is_work_and_the_faster_is_kept() -> None:
    for rates, kept in (
        ({"alone": 9, "stacked": 5}, "alone"),
        ({"alone": 5, "stacked": 9}, "stacked"),
    ):
        ways = [batch.mode for batch in drain(make([40] * 60), 100, rates)]
        assert set(ways[:2]) == {"alone", "stacked"}
        assert set(ways[2:-3]) == {kept}


def test_a_pass_is_not_wider_than_it_may_be() -> None:
    batches = drain(make([10] * 9, widest=3 * RANK), 512)
    for batch in batches:
        assert len({item.slot for item in batch.requests} - {NO_SLOT}) <= 3
    assert batches[0].name == "stacked 4"  # the base has no columns
    assert drain(make([5, 5], widest=1), 512)[0].requests  # one adapter always fits


def test_what_is_given_back_comes_again_and_what_nobody_wants_does_not() -> None:
    pool = make([10, 10])
    first = pool.next_batch(8)
    assert first is not None
    pool.put_back(first.requests)
    for item in pool.queues[-1]:
        item.aborted = True
    handed = [item for batch in drain(pool, 8) for item in batch.requests]
    assert {id(item) for item in first.requests} <= {id(item) for item in handed}
    assert {item.slot for item in handed} == {NO_SLOT}
