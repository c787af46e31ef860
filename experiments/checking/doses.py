"""Whether `hold:` of an arm has something to hold.

Promises: what would change nothing, or cannot be kept, is an error, so that no arm says what its
runs do not do.
"""

from __future__ import annotations

from collections.abc import Iterator

from experiments.schema import Definition
from experiments.yaml_source import KeyPath

Finding = tuple[KeyPath, str, str]


def dose_findings(definition: Definition) -> Iterator[Finding]:
    """Everything that is wrong with `hold` of the arms."""
    training = definition.training
    for name, arm in definition.arms.items():
        path: KeyPath = ("arms", name, "hold")
        # Of what is not trained here, or has rows to come, that check says why it cannot hold.
        if arm.hold is None or not arm.has_rows or arm.derived is not None or arm.upsample:
            continue
        if arm.in_context is not None:
            yield path, "Nothing is trained with rows in context.", "Leave it out."
        elif arm.dose is None:
            why = "All rows are taken, so there is nothing to hold."
            yield path, why, "data: {file: data/a.jsonl, share: 0.1}"
        elif training.method == "poly":
            yield path, "Method poly trains all arms as one.", "Leave it out."
        elif arm.hold == "epochs" and any(
            training.of(model, name).max_steps is not None for model in definition.models
        ):
            why = "Training says max_steps, so the steps stay equal and not the epochs."
            yield path, why, "training: {num_train_epochs: 3}"
