"""Padded or packed: by the padding that a step would have.

Promises: the same step is always done the same way on the same kind of machine, so a training can be
repeated to the last bit; both ways give the same gradients up to rounding, so only speed hangs on it.
"""

from __future__ import annotations

# Padded tokens per real token above which packing is faster. A token costs 1.3 to 1.4 times as much
# in a packed pass, and more the longer the pass is, since attention is computed over all of it and
# masked; fitted to the table in docs/benchmarks.md. The growth on a GPU is not measured yet.
FACTOR = 1.35
GROWTH = {"cpu": 1 / 1000, "cuda": 1 / 8000}


def packs(real: int, padded: int, device: str) -> bool:
    """Whether to pack a step.

    Args:
        real: Its examples' tokens.
        padded: Tokens of the rows that they would be.
        device: Type of the device.
    """
    return padded > real * (FACTOR + real * GROWTH.get(device, GROWTH["cpu"]))
