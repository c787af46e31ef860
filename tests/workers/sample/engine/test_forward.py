"""How many rows are decoded together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from wgen_tui.protocol.limits import MAX_ROWS, ROWS_SHARE
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.services.estimate.formulas import cache_bytes
from wgen_tui.services.estimate.memory import Limits
from wgen_tui.services.models.architecture import model_dims
from wgen_tui.workers.sample.engine import forward


@pytest.mark.parametrize("name", ["llama", "qwen3", "gemma2"])
def test_as_many_as_the_estimate_foretells(
    family: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = family(name)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    dims = model_dims(ModelRef(name=name, location=str(folder)))
    assert dims is not None
    counts = []
    for free in (1, 20 << 20, 80 << 20, 1 << 40):
        monkeypatch.setattr(forward, "free_memory", lambda _, free=free: free)
        for length in (16, 200):
            foretold = Limits(on_gpu=False, free=free).fits(
                ROWS_SHARE, 0, cache_bytes(dims, 4, length)
            )
            counts.append(forward.rows_that_fit(model, length, torch.device("cpu")))
            assert counts[-1] == min(MAX_ROWS, foretold)
    assert counts[0] == 1
    assert counts[-1] == MAX_ROWS
    assert len(set(counts)) > 4
