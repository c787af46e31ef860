"""Where a launch may run: rules over plain data."""

from __future__ import annotations

from typing import Any

import pytest

from wgen_tui.services.machine.gpus import Gpu
from wgen_tui.services.settings import Settings
from wgen_tui.services.supervisor.placement import Lease, Place, Request, Wait, place

GB = 1024


def settings(**gpu: Any) -> Settings:
    slots = gpu.pop("cpu_slots", 1)
    policy = {"reserve_mb": 0, **gpu}
    return Settings.model_validate({"gpu": policy, "queue": {"cpu_slots": slots}})


def card(
    index: int = 0,
    free: float = 24,
    total: float = 24,
    processes: dict[int, float | None] | None = None,
    names: dict[int, str] | None = None,
    unseen: float = 0,
) -> Gpu:
    """A GPU, in GB; its processes are all called python unless `names` says otherwise."""
    sizes = processes or {}
    return Gpu(
        index=index,
        uuid=f"GPU-{index}",
        name="NVIDIA",
        total_mb=int(total * GB),
        free_mb=int(free * GB),
        processes={p: None if size is None else int(size * GB) for p, size in sizes.items()},
        names=dict.fromkeys(sizes, "python") if names is None else names,
        unseen_mb=int(unseen * GB),
    )


def lease(name: str, memory: float, *pids: int, gpus: tuple[str, ...] = ("GPU-0",)) -> Lease:
    return Lease(name, gpus, int(memory * GB), frozenset(pids), "train")


def want(memory: float = 6, **more: Any) -> Request:
    least = int(more.pop("least", 0) * GB)
    return Request("new", more.pop("stage", "train"), int(memory * GB), least_mb=least, **more)


def why(found: Place | Wait) -> str:
    assert isinstance(found, Wait)
    return found.why


def test_an_empty_gpu_is_taken_and_the_memory_promised() -> None:
    assert place(want(6), [card()], [], settings()) == Place(("GPU-0",), 6 * GB)


def test_the_gpu_with_the_most_room_is_preferred() -> None:
    cards = [card(0, free=12), card(1, free=20), card(2, free=20)]
    assert place(want(6), cards, [], settings()) == Place(("GPU-1",), 6 * GB)


def test_room_is_what_is_free_less_what_is_promised() -> None:
    """GPU 0 has more free, but the launch on it has only begun."""
    cards = [card(0, free=22, processes={7: 2}), card(1, free=15)]
    begun = [lease("old", 12, 7)]
    assert place(want(6), cards, begun, settings()) == Place(("GPU-1",), 6 * GB)


def test_memory_is_not_counted_twice_once_it_is_used() -> None:
    """12 promised and used: 12 of 24 are free for others."""
    grown = [card(free=12, processes={7: 12})]
    assert place(want(12), grown, [lease("old", 12, 7)], settings()) == Place(("GPU-0",), 12 * GB)
    half = [card(free=18, processes={7: 6})]
    assert why(place(want(12.5), half, [lease("old", 12, 7)], settings())) == (
        "waits for GPU 0: 18.0 of 24.0 GB free, 6.0 promised to 1 launch of ours, needs 12.5"
    )


def test_what_a_launch_uses_beyond_its_promise_is_gone() -> None:
    over = [card(free=4, processes={7: 20})]
    assert isinstance(place(want(6), over, [lease("old", 12, 7)], settings()), Wait)
    assert isinstance(place(want(4), over, [lease("old", 12, 7)], settings()), Place)


def test_two_launches_in_one_look_are_not_promised_the_same_memory() -> None:
    cards = [card()]
    first = place(want(14), cards, [], settings())
    assert isinstance(first, Place)
    leases = [Lease("first", first.gpus, first.memory_mb, frozenset(), "train")]
    assert isinstance(place(want(14), cards, leases, settings()), Wait)
    assert isinstance(place(want(10), cards, leases, settings()), Place)


def test_a_launch_is_not_in_its_own_way() -> None:
    """A second attempt, whose lease is still there."""
    own = [Lease("new", ("GPU-0",), 20 * GB, frozenset(), "train")]
    assert isinstance(place(want(20), [card()], own, settings()), Place)


def test_some_memory_is_kept_free() -> None:
    assert isinstance(place(want(6), [card(free=6.9)], [], settings(reserve_mb=1024)), Wait)
    assert isinstance(place(want(6), [card(free=7)], [], settings(reserve_mb=1024)), Place)


def test_at_most_so_many_to_a_gpu() -> None:
    cards = [card(free=20, processes={7: 2, 8: 2})]
    both = [lease("a", 2, 7), lease("b", 2, 8)]
    assert isinstance(place(want(1), cards, both, settings(per_gpu=3)), Place)
    assert why(place(want(1), cards, both, settings(per_gpu=2))) == (
        "waits for GPU 0: 2 launches of ours on it (per_gpu = 2)"
    )


def test_a_gpu_on_which_somebody_else_computes_is_left_alone() -> None:
    used = [card(free=20, processes={4711: 4})]
    assert why(place(want(6.2), used, [], settings())) == (
        "waits for GPU 0: python (pid 4711) uses 4.0; 20.0 of 24.0 GB free, needs 6.2"
    )
    shared = settings(share_with_others=True)
    assert place(want(6), used, [], shared) == Place(("GPU-0",), 6 * GB)


def test_shared_with_others_only_what_is_free_counts() -> None:
    used = [card(free=3.1, processes={4711: 20.1})]
    found = place(want(6.2), used, [], settings(share_with_others=True))
    assert why(found) == (
        "waits for GPU 0: 3.1 of 24.0 GB free, needs 6.2; python (pid 4711) uses 20.1"
    )


def test_others_beside_our_own_launch_are_seen() -> None:
    used = [card(free=10, processes={7: 10, 4711: 4})]
    assert "4711" in why(place(want(2), used, [lease("old", 10, 7)], settings()))


def test_from_inside_a_container_our_own_worker_is_no_stranger() -> None:
    """NVML numbers it as the host does: a process without a name, a launch that is not listed."""
    inside = [card(free=14, processes={990001: 10}, names={})]
    assert place(want(6), inside, [lease("old", 10, 7)], settings()) == Place(("GPU-0",), 6 * GB)
    two = [card(free=10, processes={990001: 10, 990002: 4}, names={})]
    assert "990002" in why(place(want(6), two, [lease("old", 10, 7)], settings()))


def test_inside_a_container_what_is_used_is_set_against_what_was_promised() -> None:
    """10 of the 12 promised are taken by a process with another number: 2 are still to come."""
    inside = [card(free=14, processes={990001: 10}, names={})]
    assert isinstance(place(want(12), inside, [lease("old", 12, 7)], settings()), Place)
    assert isinstance(place(want(12.1), inside, [lease("old", 12, 7)], settings()), Wait)
    hidden = [card(free=14, unseen=10)]  # NVML lists nobody at all
    assert isinstance(place(want(12), hidden, [lease("old", 12, 7)], settings()), Place)
    assert isinstance(place(want(12.1), hidden, [lease("old", 12, 7)], settings()), Wait)


def test_memory_that_nobody_owns_is_somebodys() -> None:
    assert why(place(want(6), [card(free=4, unseen=20)], [], settings())) == (
        "waits for GPU 0: processes that cannot be seen from here use 20.0; "
        "4.0 of 24.0 GB free, needs 6.0"
    )
    drivers_own = card(free=23.4, unseen=0.6)
    assert isinstance(place(want(6), [drivers_own], [], settings()), Place)


def test_a_process_whose_memory_is_not_told() -> None:
    untold = [card(free=4, processes={4711: None})]
    assert "python (pid 4711) computes;" in why(place(want(6), untold, [], settings()))


def test_what_fits_on_no_gpu_is_told_so_and_what_to_do() -> None:
    cards = [card(0), card(1, total=16, free=16)]
    found = place(want(40, least=30), cards, [], settings(reserve_mb=1024))
    assert found == Wait(
        "will never fit: needs 30.0 GB, each GPU has at most 23.0 (1.0 kept free). Use a smaller "
        "batch or max_length, gradient_checkpointing: true, quantization: 4bit, or accelerate with "
        "FSDP over several GPUs",
        never=True,
    )
    sampled = place(want(40, stage="sample"), cards, [], settings())
    assert "fewer max_tokens" in why(sampled)


def test_a_busy_gpu_is_no_reason_to_say_never() -> None:
    found = place(want(20), [card(free=1, processes={4711: 23})], [], settings())
    assert isinstance(found, Wait)
    assert not found.never


def test_a_launch_that_can_do_with_less_gets_what_there_is() -> None:
    """Workers do as much at once as memory holds: a whole GPU is enough for the largest grid."""
    assert place(want(40, least=5), [card()], [], settings()) == Place(("GPU-0",), 24 * GB)


def test_it_waits_for_our_own_launches_all_the_same() -> None:
    """With 10 GB now it would crawl, although an hour later it had 24."""
    half = [card(free=14, processes={7: 10})]
    found = place(want(40, least=5), half, [lease("old", 10, 7)], settings())
    assert "needs 24.0" in why(found)


def test_with_others_who_stay_it_takes_what_they_leave() -> None:
    shared = settings(share_with_others=True)
    found = place(want(40, least=5), [card(free=9, processes={4711: 15})], [], shared)
    assert found == Place(("GPU-0",), 9 * GB)
    assert isinstance(
        place(want(40, least=10), [card(free=9, processes={4711: 15})], [], shared), Wait
    )


def test_an_unknown_size_gets_a_gpu_without_others_of_ours() -> None:
    cards = [card(0, free=20, processes={7: 4}), card(1, free=18)]
    assert place(want(0), cards, [lease("old", 4, 7)], settings()) == Place(("GPU-1",), 0)
    assert why(place(want(0), cards[:1], [lease("old", 4, 7)], settings())) == (
        "waits for GPU 0: 1 launch of ours on it, needs it alone"
    )


def test_nothing_joins_a_launch_of_unknown_size() -> None:
    alone = [card(free=20, processes={7: 4})]
    assert isinstance(place(want(2), alone, [lease("old", 0, 7)], settings()), Wait)


def test_several_gpus_for_several_processes() -> None:
    cards = [card(0, free=23), card(1, free=24), card(2, free=22)]
    assert place(want(6, gpus_needed=2), cards, [], settings()) == Place(("GPU-1", "GPU-0"), 6 * GB)
    busy = [cards[0], card(1, free=20, processes={4711: 4}), card(2, free=5)]
    assert why(place(want(6, gpus_needed=2), busy, [], settings())) == (
        "1 of 2 GPUs free for it; waits for GPU 2: 5.0 of 24.0 GB free, needs 6.0"
    )


def test_more_gpus_than_there_are() -> None:
    found = place(want(6, gpus_needed=4), [card(0), card(1)], [], settings())
    assert isinstance(found, Wait)
    assert found.never
    assert found.why.startswith("needs 4 GPUs, and there are 2: lower num_processes")


def test_the_second_best_gpu_must_be_large_enough_as_well() -> None:
    found = place(want(20, gpus_needed=2), [card(0), card(1, free=16, total=16)], [], settings())
    assert isinstance(found, Wait)
    assert found.never


def test_it_is_told_of_the_gpu_that_is_nearest() -> None:
    cards = [card(0, free=1), card(1, free=5), card(2, processes={4711: 0.5})]
    ours = [lease("a", 23, gpus=("GPU-0",)), lease("b", 19, gpus=("GPU-1",))]
    assert why(place(want(6), cards, ours, settings())).startswith("waits for GPU 1: 5.0 of 24.0")


@pytest.mark.parametrize("gpus", [[], [card(free=0, processes={4711: 24})]])
def test_what_needs_no_model_takes_a_cpu_slot(gpus: list[Gpu]) -> None:
    judge = want(0, stage="judge", needs_model=False)
    assert place(judge, gpus, [lease("a", 5)], settings()) == Place(())
    slot = lease("a", 0, gpus=())
    assert why(place(judge, gpus, [slot], settings())) == (
        "waits for a CPU slot: 1 of 1 taken, by a"
    )
    assert place(judge, gpus, [slot], settings(cpu_slots=2)) == Place(())


def test_without_a_gpu_that_nvml_knows_models_take_cpu_slots() -> None:
    assert place(want(60), [], [], settings()) == Place(())
    taken = [lease("a", 0, gpus=()), lease("b", 0, gpus=())]
    assert why(place(want(60), [], taken, settings(cpu_slots=2))) == (
        "waits for a CPU slot: 2 of 2 taken, by a and 1 more"
    )
