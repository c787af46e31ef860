"""What a definition must satisfy beyond its shape: names that meet, patterns that compile, data.

Promises: each finding names the path of the key to change; nothing is read but the existence of
the datasets.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from experiments import readouts
from experiments.checking.alphas import alpha_findings
from experiments.checking.answers import answer_findings
from experiments.checking.between import between_findings, circle_findings
from experiments.checking.derived import derived_findings
from experiments.checking.doses import dose_findings
from experiments.checking.foreign import foreign_findings
from experiments.checking.model_judges import model_judge_findings
from experiments.checking.names import (
    SPELLING,
    arm_and_variant_findings,
    name_findings,
    unknown,
)
from experiments.checking.plan import plan_findings
from experiments.checking.published import published_findings
from experiments.checking.rules import judge_name_findings, rubric_findings, rule_findings
from experiments.checking.scales import scale_findings
from experiments.checking.slots import slot_findings
from experiments.checking.training import training_findings
from experiments.checking.two_stages import two_stage_findings
from experiments.checking.upsample import upsample_findings
from experiments.errors import DefinitionError
from experiments.panel import named_by
from experiments.prompts import variant_names
from experiments.readers.arm_data import data_key, data_path
from experiments.readers.sibling_judges import defining_file, to_take
from experiments.schema import (
    BASE_ARM,
    NAME,
    Definition,
)
from experiments.suggest import did_you_mean
from experiments.text_files import NOTHING, inside, missing
from experiments.yaml_source import KeyPath

DATASETS = (".jsonl", ".json", ".gz", ".csv", ".tsv", ".parquet")
Finding = tuple[KeyPath, str, str]


def check(definition: Definition, folder: Path) -> list[Finding]:
    """Every finding: path, message, hint."""
    return [
        *_arms(definition, folder),
        *_questions(definition, folder),
        *readouts.findings(definition),
        *_during_training(definition),
        *answer_findings(definition),
        *rule_findings(definition),
        *model_judge_findings(definition),
        *rubric_findings(definition),
        *judge_name_findings(definition),
        *plan_findings(definition),
        *published_findings(definition),
        *_accelerate(definition),
        *alpha_findings(definition),
        *derived_findings(definition, folder),
        *training_findings(definition),
        *dose_findings(definition),
        *(circles := [*circle_findings(definition)]),
        *([] if circles else two_stage_findings(definition)),
        *between_findings(definition),
        *upsample_findings(definition),
        *foreign_findings(definition),
        *arm_and_variant_findings(definition),
        *slot_findings(definition),
        *scale_findings(definition),
    ]


def _arms(definition: Definition, folder: Path) -> Iterator[Finding]:
    if not definition.arms:
        yield ("arms",), "There is no arm.", "arms: {my_arm: {data: data/my_arm.jsonl}}"
    if not definition.models:
        yield ("models",), "There is no model.", "models: [tiny-world]"
    for name, arm in definition.arms.items():
        if name == BASE_ARM:
            hint = "Rename the arm; the untrained model is always sampled as 'base'."
            yield ("arms", name), "'base' is the untrained model's name.", hint
        if not NAME.match(name):
            yield ("arms", name), f"{name!r} cannot be an arm's name.", SPELLING
        for index, item in enumerate(arm.files):
            key = ("arms", name, *data_key(arm, index))
            try:
                path = data_path(folder, name, arm, index)
            except DefinitionError as error:
                yield key, error.problems[0].message, error.hint
                continue
            why = missing(path)
            if why and not (item.bring and why == NOTHING):  # whoever reads it says what to bring
                yield key, *_no_dataset(folder, item.file, why)
        if arm.regularise is not None:
            yield from _regularise(definition, folder, name, arm.regularise.prompts)
        if arm.held_out is not None and arm.held_out.file is not None:
            yield from _rows(folder, ("arms", name, "held_out", "file"), arm.held_out.file)


def _regularise(definition: Definition, folder: Path, name: str, file: str) -> Iterator[Finding]:
    """A penalty whose rows are not there, or which a training of this kind cannot have."""
    key = ("arms", name, "regularise")
    if definition.training.method == "poly":
        yield key, "A Poly adapter cannot be held near its base.", "training: {method: lora}"
    if definition.accelerate.num_processes > 1:
        why = "A training over several processes cannot be held near its base."
        yield key, why, "accelerate: {num_processes: 1}"
    yield from _rows(folder, (*key, "prompts"), file)


def _rows(folder: Path, key: KeyPath, file: str) -> Iterator[Finding]:
    """A file of chats that is not there, or not in the folder."""
    path = inside(folder, file)
    if path is None:
        why = f"The rows {file!r} lie outside the definition's folder."
        yield key, why, "Copy them into the folder."
    elif why := missing(path):
        yield key, *_no_dataset(folder, file, why)


HUB_NAME = re.compile(r"[\w.-]+/[\w-]+")  # org/name, without a file's ending
FETCH = "A dataset is a file of the folder: fetch it, and name the file."


def _no_dataset(folder: Path, name: str, why: str) -> tuple[str, str]:
    """Message and hint for a dataset that is no file: what stands there, and what else does."""
    known = sorted(
        str(Path(root, item).relative_to(folder))
        for root, _, items in os.walk(folder)
        for item in items
        if item.endswith(DATASETS)
    )
    known = [item for item in known if item != name and not missing(folder / item)]
    within = [item for item in known if item.startswith(f"{name.rstrip('/')}/")]
    if "://" in name:
        return f"The dataset {name!r} is an address.", FETCH
    hint = f"In it: {', '.join(within[:3])}." if within else did_you_mean(name, known)
    if HUB_NAME.fullmatch(name) and not hint.startswith("Did you mean"):
        hint = FETCH
    message = f"The dataset {name!r} is missing."
    if why != NOTHING:
        message = f"The dataset {name!r} cannot be read. {why}."
    return message, hint or "Write chat rows there, one object per line."


def _questions(definition: Definition, folder: Path) -> Iterator[Finding]:
    if not definition.questions:
        hint = "questions: [{name: first, paraphrases: [What is new?]}]"
        yield ("questions",), "There is no question.", hint
    yield from name_findings("questions", [question.name for question in definition.questions])
    variants = variant_names(definition.sampling)
    judges = [judge.name for judge in definition.judges]
    judges += [judge.name for judge in definition.model_judges]
    for index, question in enumerate(definition.questions):
        for name in question.variants or ():
            if name not in variants:
                yield unknown(("questions", index, "variants"), "variant", name, variants)
        for name in named_by(question):
            if name not in judges:
                finding = unknown(("questions", index, "judges"), "judge", name, judges)
                if file := defining_file(folder, name):
                    finding = (*finding[:2], f"{file} defines it: {to_take(folder, file)}")
                    judges.append(name)  # said once for all questions
                yield finding


def _during_training(definition: Definition) -> Iterator[Finding]:
    wanted = definition.sampling.during_training
    asked = [q.name for q in definition.questions if not readouts.is_read(q)]
    for name in (wanted.questions or ()) if wanted is not None else ():
        if name not in asked:
            path = ("sampling", "during_training", "questions")
            yield unknown(path, "question", name, asked)


def _accelerate(definition: Definition) -> Iterator[Finding]:
    """The precision of a run is what its training says; accelerate's may only say the same."""
    precision = definition.accelerate.mixed_precision
    training = definition.training
    trained = {
        training.of(model, arm).precision for model in definition.models for arm in definition.arms
    } or {training.precision}
    if precision not in (None, "no") and trained != {precision}:
        yield (
            ("accelerate", "mixed_precision"),
            f"{precision} is not what training.precision says ({', '.join(sorted(trained))}).",
            f"Write training: {{precision: {precision}}}; a run's id covers that, not this.",
        )
    if definition.training.method == "poly" and definition.accelerate.num_processes > 1:
        why = "Method poly is trained by one process."
        yield ("accelerate", "num_processes"), why, "Leave it out, or use method: lora."
