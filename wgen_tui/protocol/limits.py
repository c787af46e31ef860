"""How much a worker does at once.

Promises: the workers choose by these numbers, and the estimate foretells their choice by the same.
"""

from __future__ import annotations

MAX_TRAINED_ADAPTERS = 32  # in one stack
TRAINED_ADAPTER_BYTES = 20  # per weight: itself, gradient, two moments, the step's working copy
TRAINING_SHARE = 0.6  # of free memory, for adapters and what they save for the backward pass
GPU_PASS_TOKENS, CPU_PASS_TOKENS = 16_384, 2_048  # more keep the machine no busier

MAX_ROWS = 512  # draws made together
ROWS_SHARE = 0.25  # of free memory, for keys, values and logits
SPARE_TOKENS = 128  # on a GPU, for which a set of rows has space beyond what it has drawn
MAX_SAMPLED_ADAPTERS = 64  # on the base at once
SAMPLED_ADAPTERS_SHARE = 0.1  # of free memory, for their weights


def pass_tokens(*, on_gpu: bool) -> int:
    """Tokens of a training pass from which on the machine is busy."""
    return GPU_PASS_TOKENS if on_gpu else CPU_PASS_TOKENS
