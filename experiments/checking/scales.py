"""Scales that name what there is not.

Promises: a finding names the key to change.
"""

from __future__ import annotations

from collections.abc import Iterator

from experiments.checking.names import SPELLING, Finding, unknown
from experiments.schema import BASE_ARM, NAME, Definition


def scale_findings(definition: Definition) -> Iterator[Finding]:
    """Everything that is wrong with `scales`."""
    arms = [*definition.arms, BASE_ARM]
    for name, scale in definition.scales.items():
        if not NAME.match(name):
            yield ("scales", name), f"{name!r} cannot be a name.", SPELLING
        for index, arm in enumerate(scale.arms or ()):
            if arm not in arms:
                yield unknown(("scales", name, "arms", index), "arm", arm, arms)
