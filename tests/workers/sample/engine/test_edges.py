"""Sampling parameters at their edges."""

from __future__ import annotations

import numpy as np
import torch

from wgen_tui.workers.sample.engine.rng import make_keys, sample_tokens

LOGITS = torch.tensor([[0.0, 2.0, 1.0, -1.0], [3.0, 3.0, 0.0, 1.0]])
SEEDS = np.array([0, 2**63 - 1], dtype=np.uint64)


def test_the_smallest_nucleus_is_the_likeliest_token() -> None:
    for position in range(20):
        keys = make_keys(SEEDS, position)
        tokens, logprobs = sample_tokens(LOGITS, keys, temperature=1.0, top_p=1e-9)
        assert tokens[0] == 1
        assert tokens[1] in (0, 1)  # they tie
        assert logprobs[0] == 0.0
        assert abs(logprobs[1] - np.log(0.5)) < 1e-6


def test_a_temperature_near_zero_gives_numbers() -> None:
    tokens, logprobs = sample_tokens(LOGITS, make_keys(SEEDS, 0), temperature=1e-3, top_p=1.0)
    assert tokens[0] == 1
    assert logprobs.isfinite().all()
