"""The benchmarks' bars as tests: `pytest tests/benchmarks/bars.py`, on an otherwise idle machine.

Here, so that the benchmarks themselves run where pytest is not: on a machine lent with its GPU.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.benchmarks import bench_grid, bench_sampling


@pytest.mark.benchmark
def test_a_grid_of_eight_beside_trl_and_a_grid_of_one_beside_peft() -> None:
    figures = bench_grid.run()
    print(f"\n{bench_grid.table(figures)}")
    assert not bench_grid.missed(figures)


@pytest.mark.benchmark
def test_a_grid_of_eight_takes_less_memory_than_eight_processes() -> None:
    together, apart = bench_grid.memory()
    print(f"\n{bench_grid.memory_line(together, apart)}")
    assert together <= bench_grid.MEMORY_BAR * apart


@pytest.mark.benchmark
@pytest.mark.parametrize("make", [bench_sampling.tiny_world, bench_sampling.wide])
def test_greedy_tokens_are_those_of_generate(make: Callable[[], bench_sampling.Rivals]) -> None:
    rivals = make()
    assert rivals.ours(1, 0)[0] == rivals.peft(1, 0)


@pytest.mark.benchmark
def test_sampling_is_never_slower_and_much_faster_at_one_draw() -> None:
    figures = bench_sampling.run()
    print(f"\n{bench_sampling.table(figures)}")
    assert not bench_sampling.missed(figures)
