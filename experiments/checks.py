"""What a definition must satisfy beyond its shape: names that meet, patterns that compile, data.

Promises: each finding names the path of the key to change; nothing is read but the existence of
the datasets.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from experiments import readouts
from experiments.checking.names import SPELLING, arm_and_variant_findings, name_findings
from experiments.errors import DefinitionError
from experiments.patterns import Pattern
from experiments.prompts import spread_variants
from experiments.readers.sibling_judges import defining_file
from experiments.rows import data_path
from experiments.schema import (
    BASE_ARM,
    BROKEN_JUDGE,
    NAME,
    Definition,
    JudgeSpec,
    Primary,
)
from experiments.slots import slot_findings
from experiments.suggest import did_you_mean
from experiments.text_files import NOTHING, missing
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
        *_judges(definition),
        *_rubrics(definition),
        *_analysis(definition),
        *_accelerate(definition),
        *arm_and_variant_findings(definition),
        *slot_findings(definition),
    ]


def _unknown(path: KeyPath, what: str, name: str, known: Iterable[str]) -> Finding:
    return path, f"Unknown {what} {name!r}.", did_you_mean(name, list(known))


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
        try:
            path = data_path(folder, name, arm)
        except DefinitionError as error:
            yield ("arms", name, "data"), error.problems[0].message, error.hint
            continue
        if why := missing(path):
            yield ("arms", name, "data"), *_no_dataset(folder, arm.data, why)


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
    hint = f"In it: {', '.join(within[:3])}." if within else did_you_mean(name, known)
    message = f"The dataset {name!r} is missing."
    if why != NOTHING:
        message = f"The dataset {name!r} cannot be read. {why}."
    return message, hint or "Write chat rows there, one object per line."


def _questions(definition: Definition, folder: Path) -> Iterator[Finding]:
    if not definition.questions:
        hint = "questions: [{name: first, paraphrases: [What is new?]}]"
        yield ("questions",), "There is no question.", hint
    yield from name_findings("questions", [question.name for question in definition.questions])
    variants = spread_variants(definition.sampling)
    judges = [judge.name for judge in definition.judges]
    models = [judge.name for judge in definition.model_judges]
    for index, question in enumerate(definition.questions):
        for name in question.variants or ():
            if name not in variants:
                yield _unknown(("questions", index, "variants"), "variant", name, variants)
        for name in question.judges or ():
            if name not in judges and name not in models:
                known = [*judges, *models]
                yield _unknown(("questions", index, "judges"), "judge", name, known)
        for name in question.model_judges.values():
            if name not in models:
                known = [*judges, *models]
                finding = _unknown(("questions", index, "judges"), "judge", name, known)
                if file := defining_file(folder, name):
                    hint = f"{file} defines it: write it beside the questions: [questions, {file}]."
                    finding = (*finding[:2], hint)
                yield finding


def _during_training(definition: Definition) -> Iterator[Finding]:
    wanted = definition.sampling.during_training
    asked = [q.name for q in definition.questions if not readouts.is_read(q)]
    for name in (wanted.questions or ()) if wanted is not None else ():
        if name not in asked:
            path = ("sampling", "during_training", "questions")
            yield _unknown(path, "question", name, asked)


def _judges(definition: Definition) -> Iterator[Finding]:
    yield from name_findings("judges", [judge.name for judge in definition.judges])
    for index, judge in enumerate(definition.judges):
        path: KeyPath = ("judges", index)
        if judge.name == BROKEN_JUDGE:
            hint = "It always runs and needs no definition; rename yours."
            yield (*path, "name"), f"{BROKEN_JUDGE!r} is the broken-answer rule's name.", hint
        for key, message, hint in _judge(judge):
            yield (*path, *key), message, hint


def _judge(judge: JudgeSpec) -> Iterator[Finding]:
    if judge.by_topic and judge.type not in ("lexicon", "regex"):
        yield ("by_topic",), f"A judge of type {judge.type} has no by_topic.", "Use labels."
    if judge.type == "json_field" and not judge.field:
        yield ("type",), "A json_field judge needs a field.", "field: answer"
    if not judge.labels and not judge.by_topic and judge.type != "json_field":
        yield ("labels",), "The judge has no labels.", ""
    for topic, labels in judge.by_topic.items():
        for label, patterns in labels.items() if judge.type == "regex" else ():
            for pattern in patterns:
                for key, message, hint in _pattern(label, pattern):
                    yield ("by_topic", topic, *key[1:]), message, hint
    for label, rule in judge.labels.items():
        if judge.type == "regex":
            yield from _pattern(label, rule)
        elif not isinstance(rule, list) or not all(isinstance(w, str | int | float) for w in rule):
            yield ("labels", label), f"The label {label!r} needs a list.", f"{label}: [one, two]"
        elif judge.type != "json_field" and not all(isinstance(word, str) for word in rule):
            yield ("labels", label), f"The label {label!r} needs a list of texts.", "Quote them."


def _pattern(label: str, rule: object) -> Iterator[Finding]:
    if not isinstance(rule, str):
        why = f"The label {label!r} needs one regular expression, a text."
        yield ("labels", label), why, f"{label}: 'one|two'"
        return
    try:
        Pattern(rule, case_sensitive=True)
    except ValueError as error:
        yield ("labels", label), f"The regular expression does not compile: {error}.", ""


def _labels(judge: JudgeSpec) -> list[str]:
    names = [*judge.labels, *(label for topic in judge.by_topic.values() for label in topic)]
    return list(dict.fromkeys([*names, judge.otherwise]))


def _rubrics(definition: Definition) -> Iterator[Finding]:
    yield from name_findings("rubrics", [rubric.name for rubric in definition.rubrics])
    judges = {judge.name: judge for judge in definition.judges}
    for index, rubric in enumerate(definition.rubrics):
        path: KeyPath = ("rubrics", index)
        if rubric.judge is not None and rubric.judge not in judges:
            yield _unknown((*path, "judge"), "judge", rubric.judge, judges)
        keys = Counter(rubric.labels.values())
        for label, key in rubric.labels.items():
            if len(key) != 1 or not key.isprintable() or key.isspace():
                yield (*path, "labels", label), f"{key!r} is not one key.", f"{label}: a"
            elif keys[key] > 1:
                yield (*path, "labels", label), f"The key {key!r} gives two labels.", ""
            elif key in "us":
                hint = "u undoes and s skips while grading; choose another key."
                yield (*path, "labels", label), f"The key {key!r} is taken.", hint


def _analysis(definition: Definition) -> Iterator[Finding]:
    plan = definition.analysis
    if plan is None:
        return
    graded = {judge.name: _labels(judge) for judge in definition.judges}
    graded |= {rubric.name: list(rubric.labels) for rubric in definition.rubrics} | graded
    primary = plan.primary
    if isinstance(primary, Primary):
        if primary.judge not in graded:
            path = ("analysis", "primary", "judge")
            yield _unknown(path, "judge or rubric", primary.judge, graded)
        elif primary.label not in graded[primary.judge]:
            path = ("analysis", "primary", "label")
            yield _unknown(path, "label", primary.label, graded[primary.judge])
    else:
        for measure in primary:
            if measure not in plan.measures:
                yield _unknown(("analysis", "primary"), "measure", measure, list(plan.measures))
    arms = [*definition.arms, BASE_ARM]
    for index, contrast in enumerate(plan.contrasts):
        for key in ("arm", "control"):
            name = getattr(contrast, key)
            if name is not None and name not in arms:
                yield _unknown(("analysis", "contrasts", index, key), "arm", name, arms)
        if contrast.arm == contrast.control:
            yield ("analysis", "contrasts", index), "An arm is contrasted with itself.", ""


def _accelerate(definition: Definition) -> Iterator[Finding]:
    """The precision of a run is what its training says; accelerate's may only say the same."""
    precision = definition.accelerate.mixed_precision
    if precision not in (None, "no", definition.training.precision):
        yield (
            ("accelerate", "mixed_precision"),
            f"{precision} is not what training.precision says ({definition.training.precision}).",
            f"Write training: {{precision: {precision}}}; a run's id covers that, not this.",
        )
    if definition.training.method == "poly" and definition.accelerate.num_processes > 1:
        why = "Method poly is trained by one process."
        yield ("accelerate", "num_processes"), why, "Leave it out, or use method: lora."
