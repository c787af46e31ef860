"""What the builder of the embedded model says of a base that is not good enough."""

from __future__ import annotations

from wgen_tui.workers.tiny_world.gate import Gate, Report


def test_a_base_that_fails_is_told_by_which_gates_and_where_to_read_on() -> None:
    seeds = Gate("old_birds: seeds with at least half 19th-century answers", 0.3, 0.9, False)
    broken = Gate("old_birds: broken answers, mean", 0.095, 0.08, at_most=True)
    fine = Gate("base: 19th-century answers", 0.016, 0.03, at_most=True)
    said = Report(gates=[fine, seeds, broken]).verdict()
    assert "2 of 3 gates failed" in said
    assert "0.3, limit 0.9" in said
    assert "0.095, limit 0.08" in said
    assert fine.name not in said
    assert "Other base seeds" in said
    assert Report(gates=[fine]).verdict() == "All 1 gates passed."
