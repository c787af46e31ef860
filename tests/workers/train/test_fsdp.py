"""A launch that is to be sharded, where accelerate does not shard: `tests/e2e` does shard."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.builders.training_home import TrainingHome
from wgen_tui.services.runs import process


def test_fsdp_without_a_gpu_is_said(
    make_field: Callable[..., TrainingHome], monkeypatch: pytest.MonkeyPatch
) -> None:
    if process.has_gpu():
        pytest.skip("there is a GPU, so FSDP works")
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")  # what accelerate's launcher sets
    field = make_field()
    field.add("shards", lora={"r": 2, "modules_to_save": ["lm_head"]})  # it trains alone
    worker = field.train()
    assert "does not shard on cpu" in worker.outcomes["shards"].message
    assert not list(field.home.run("shards").checkpoints.glob("*"))
