"""Modules that are trained whole leave nothing in the base for the runs that come after."""

from __future__ import annotations

from collections.abc import Callable

import torch

from tests.builders.sampling import add_base, completions, make_stage, sample_runs
from tests.builders.training_home import TrainingHome

RUNS = ("one", "two")


def test_each_run_begins_with_the_base(make_field: Callable[..., TrainingHome]) -> None:
    together, apart = make_field(home="together"), make_field(home="apart")
    for field in (together, apart):
        for seed, run_id in enumerate(RUNS):
            more = {"lora": {"r": 4, "modules_to_save": ["lm_head"]}, "learning_rate": 3e-2}
            field.add(run_id, seed=seed, max_steps=4, **more)
        add_base(field)
    together.train()
    for run_id in RUNS:
        apart.train(run_id)
        mine, theirs = together.adapter(run_id), apart.adapter(run_id)
        assert any("lm_head" in name for name in mine)
        for name in mine:
            assert torch.equal(mine[name], theirs[name]), (run_id, name)

    stage = make_stage(2, temperature=0.7)
    worker = sample_runs(together, stage, *RUNS, "base")
    assert {outcome.outcome for outcome in worker.outcomes.values()} == {"finished"}
    for run_id in ("base", *RUNS):
        sample_runs(apart, stage, run_id)
        assert completions(together, run_id) == completions(apart, run_id), run_id
