"""Arms of which some rows stand twice, as far as planning needs them.

Promises: arms with the same rows and training share one first training, so that the random control
has as many rows twice as the arm that it belongs to, and nothing is trained twice.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from experiments.readers.arm_data import data_path
from experiments.rows import field_values
from experiments.schema import Arm, Definition, TrainingConfig
from experiments.schema.arm_kinds.upsample import FIRST, first_training
from wgen_tui.paths import Home
from wgen_tui.protocol.arms import Parent, UpsampleSpec
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.run_files.steps import total_steps
from wgen_tui.services.experiments import definitions
from wgen_tui.services.experiments.arm_examples import Examples


@dataclass(frozen=True, slots=True)
class RowClasses:
    """The class of each row of an arm.

    Attributes:
        lines: What becomes classes.jsonl.
        sha256: Of these lines.
    """

    lines: tuple[bytes, ...]
    sha256: str

    def data(self) -> tuple[bytes, ...]:
        """What becomes classes.jsonl, line by line."""
        return self.lines


def read_classes(home: Home, slug_or_path: str | Path, name: str, arm: Arm) -> RowClasses | None:
    """The classes of an arm's rows; None where it names none.

    Raises:
        UsageError: a row has none.
    """
    if arm.upsample is None or arm.upsample.class_ is None:
        return None
    with definitions.usage_errors():
        path = data_path(definitions.folder(home, slug_or_path), name, arm)
        classes = field_values(path, arm.upsample.class_)
    lines = tuple(f"{json.dumps(one, ensure_ascii=False)}\n".encode() for one in classes)
    return RowClasses(lines, sha256(b"".join(lines)).hexdigest())


def first_name(definition: Definition, model: str, name: str) -> str:
    """What the first training for an arm is called: by the first arm of such rows and training."""

    def same(other: str) -> tuple[object, ...]:
        arm = definition.arms[other]
        trained = definition.training.of(model, other).model_dump_json()
        rows = (arm.data, arm.held_out, arm.context)
        return *rows, arm.regularise, arm.start_from, trained

    own = same(name)
    arms = (other for other, arm in definition.arms.items() if arm.upsample is not None)
    return f"{next(other for other in arms if same(other) == own)}-{FIRST}"


def trained_first(training: TrainingConfig, item: Examples) -> TrainingConfig:
    """How long and at which rate the first training of an arm's rows is."""
    return first_training(training, total_steps(training, len(item)))


def upsample_spec(item: Examples, first: RunSpec, classes: RowClasses | None) -> UpsampleSpec:
    """Which rows of a run stand twice.

    Args:
        item: Its rows.
        first: The run that tells them apart.
        classes: Of the rows.
    """
    told = item.arm.upsample
    assert told is not None
    return UpsampleSpec(
        by=told.by,
        first=Parent(run_id=first.run_id, arm=first.arm),
        given=len(item),
        sha256=item.sha256,
        seed=told.seed,
        class_field=told.class_,
        classes_sha256=None if classes is None else classes.sha256,
    )
