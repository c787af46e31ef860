"""How torch takes a GPU's memory: set before it takes any.

Promises: what a worker holds is little more than what it uses, so that others can be placed beside
it; a setting of the user's own stays.
"""

from __future__ import annotations

import os

SETTING = "PYTORCH_ALLOC_CONF"
# Fixed segments hold gaps that nothing else fits into: a fifth of what 16 adapters on long rows
# use (docs/benchmarks.md).
GROWING = "expandable_segments:True"
OLDER_NAMES = ("PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_HIP_ALLOC_CONF")


def prefer_growing_segments() -> None:
    """Let segments grow in place of adding others, unless the user has said how."""
    if not any(name in os.environ for name in (SETTING, *OLDER_NAMES)):
        os.environ[SETTING] = GROWING
