"""Whether an arm with an adapter trained elsewhere says nothing that only a training could obey.

Promises: what would have no effect on such an arm is an error.
"""

from __future__ import annotations

from collections.abc import Iterator

from experiments.schema import Definition, TrainingContext
from experiments.yaml_source import KeyPath

Finding = tuple[KeyPath, str, str]
OF_TRAINING = ("in_context", "hold", "regularise", "derived", "start_from", "upsample")


def foreign_findings(definition: Definition) -> Iterator[Finding]:
    """Everything that is wrong with `adapter` of the arms."""
    for name, arm in definition.arms.items():
        if arm.adapter is None:
            continue
        path: KeyPath = ("arms", name)
        if arm.files:
            why = "The adapter was trained elsewhere, so these rows would be trained by nobody."
            yield (*path, "data"), why, f"data in another arm, with start_from: {name}"
        for key in OF_TRAINING:
            if getattr(arm, key) is not None:
                yield (*path, key), "The adapter is not trained here.", "Leave it out."
        if arm.context != TrainingContext():
            yield (*path, "context"), "The adapter is not trained here.", "sampling.variants"
        if definition.training.method == "poly":
            yield (*path, "adapter"), "Method poly trains one adapter for all arms.", ""
