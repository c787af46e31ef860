"""Definitions as a user handles them: load, validate, copy, and write a new one.

Promises: whatever is wrong with a definition or its data reaches the user as a `UsageError` with
file, line, key and the nearest right thing; nothing is written unless asked.
"""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from experiments import catalogue
from experiments.answers import correct_rules
from experiments.checking.prompt_notes import prompt_notes
from experiments.checking.slots import replaced_system_notes, slot_notes
from experiments.checking.training import training_notes
from experiments.checking.upsample import lone_classes
from experiments.errors import DefinitionError, Problem
from experiments.patterns import Pattern
from experiments.readers.arm_data import (
    ArmData,
    count_rows,
    data_path,
    load_held_out,
    load_rows,
    rows_in_all,
)
from experiments.readers.arms.context_of_rows import ContextOfRows
from experiments.readers.brought import absent
from experiments.readers.prompt_rows import read_asked
from experiments.rows import Row, field_values
from experiments.schema import CORRECT, WRONG, Arm, Definition
from experiments.schema.arm_kinds.held_out import held_out_name
from experiments.sources import problem_in
from wgen_tui.errors import UsageError, disk_error
from wgen_tui.paths import Home, checked_id
from wgen_tui.services.experiments.arms.arm_steps import RowCount, unkept_steps
from wgen_tui.services.experiments.arms.foreign_arms import foreign_arms
from wgen_tui.services.experiments.blank_rows import BlankRows, blank_prompts
from wgen_tui.services.experiments.token_notes import Head, token_notes, unmatched_targets


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turn a DefinitionError into the UsageError that the user sees."""
    try:
        yield
    except DefinitionError as error:
        count = sum(problem.count for problem in error.problems)
        title = "Definition error" if count == 1 else f"{count} errors in the definition"
        raise UsageError(error.message, title=title, hint=error.hint) from error


def folder(home: Home, slug_or_path: str | Path) -> Path:
    """The folder of a definition."""
    with usage_errors():
        return catalogue.find(slug_or_path, home.experiments)


def load(home: Home, slug_or_path: str | Path) -> Definition:
    """Read and check a definition.

    Raises:
        UsageError: there is none, or something is wrong with it.
    """
    with usage_errors():
        return catalogue.load(slug_or_path, home.experiments)


def rows(
    home: Home,
    slug_or_path: str | Path,
    arm_name: str,
    arm: Arm,
    each: Callable[[Row], None],
    *,
    enough: Callable[[], bool] = lambda: False,
) -> ArmData:
    """The examples of an arm, without its context; `each` hears of every one until `enough`."""
    with usage_errors():
        where = catalogue.find(slug_or_path, home.experiments)
        return load_rows(where, arm_name, arm, each, enough=enough)


def held_out_rows(
    home: Home, slug_or_path: str | Path, arm_name: str, arm: Arm, each: Callable[[Row], None]
) -> ArmData | None:
    """The rows of an arm's task that it is not trained on; None where it has none."""
    with usage_errors():
        where = catalogue.find(slug_or_path, home.experiments)
        return load_held_out(where, arm_name, arm, each)


def row_count(home: Home, slug_or_path: str | Path, arm_name: str, arm: Arm) -> int:
    """How many rows the dataset of an arm has."""
    with usage_errors():
        return count_rows(catalogue.find(slug_or_path, home.experiments), arm_name, arm)


def to_bring(home: Home, slug_or_path: str | Path, arm: Arm) -> list[str]:
    """The datasets of an arm that its user brings, and that are not there yet."""
    return [item.file for item in absent(folder(home, slug_or_path), arm)]


def validate(home: Home, slug_or_path: str | Path) -> tuple[Definition, list[str]]:
    """Check a definition and all its data.

    Returns:
        The definition, and notes on what is allowed but may be a mistake.

    Raises:
        UsageError: with every problem found.
    """
    with usage_errors():
        loaded = catalogue.load_told(slug_or_path, home.experiments)
    definition = loaded.definition
    where = folder(home, slug_or_path)
    notes: list[str] = []
    problems: list[Problem] = []
    heads: dict[str, Head] = {}
    counts: dict[str, RowCount] = {}
    with usage_errors():
        foreign_arms(home, where, definition, definition.arms)
    for name, arm in definition.arms.items():
        try:
            if arm.has_rows:
                heads[name] = Head(ContextOfRows(arm, partial(count_rows, where, name, arm)))
                counts[name], told = _read_rows(where, name, arm, heads[name])
                notes += told
            notes += _read_held_out(where, name, arm)
        except DefinitionError as error:
            problems += error.problems
    wrong = (*unkept_steps(definition, counts), *unmatched_targets(home, definition))
    problems += [problem_in(where, *told) for told in wrong]
    if problems:
        with usage_errors():
            raise DefinitionError(*problems)
    notes += _identical_arms(definition)
    notes += [
        *_slow_patterns(definition),
        *slot_notes(definition),
        *prompt_notes(definition),
        *replaced_system_notes(definition),
        *training_notes(definition),
    ]
    notes += loaded.notes
    return definition, [*notes, *token_notes(home, definition, heads, str(slug_or_path))]


def _read_rows(folder: Path, name: str, arm: Arm, head: Head) -> tuple[RowCount, list[str]]:
    """Read what an arm is trained on; how many rows that are, and what is to be said of them.

    Raises:
        DefinitionError: something of it cannot be read.
    """
    blank = BlankRows(arm.data if isinstance(arm.data, str) else "")

    def hear(row: Row) -> None:
        head.hear(row)
        blank.hear(row)

    dataset = load_rows(folder, name, arm, hear)
    notes = [*head.notes, *blank.notes, *dataset.notes]
    if arm.derived is not None:
        notes += blank_prompts(arm.derived.prompts, read_asked(folder, name, arm.derived))
    if arm.upsample is not None and arm.upsample.class_ is not None:
        classes = field_values(data_path(folder, name, arm), arm.upsample.class_)
        notes += lone_classes(arm.upsample, classes)
    if arm.regularise is not None:
        near = BlankRows(arm.regularise.prompts)
        load_rows(folder, name, Arm(data=arm.regularise.prompts), near.hear)
        notes += near.notes
    return RowCount(len(dataset), rows_in_all(dataset)), [f"{name}: {note}" for note in notes]


def _read_held_out(folder: Path, name: str, arm: Arm) -> list[str]:
    """Read what an arm holds out; what is to be said of it.

    Raises:
        DefinitionError: it cannot be read.
    """
    file = arm.held_out.file if arm.held_out is not None else None
    blank = BlankRows(file or "")
    load_held_out(folder, name, arm, blank.hear)
    return [f"{held_out_name(name)}: {note}" for note in blank.notes]


def _slow_patterns(definition: Definition) -> list[str]:
    """Patterns that backtrack for too long on some text."""
    notes = []
    for judge in definition.judges:
        rules = [*judge.labels.items(), *(p for t in judge.by_topic.values() for p in t.items())]
        for label, given in rules if judge.type == "regex" else ():
            for text in [given] if isinstance(given, str) else given:
                if slow := Pattern(text, case_sensitive=judge.case_sensitive).slow_on():
                    notes.append(
                        f"judge {judge.name}, label {label}: the pattern may not end (tried on "
                        f"{slow!r} and so on); such an answer becomes {judge.otherwise!r}"
                    )
    for question in definition.questions:
        if question.match != "regex":
            continue
        by_variant = correct_rules(question, definition.sampling)
        texts = sorted({text for rule in by_variant.values() for text in rule.labels[CORRECT]})
        slow = next(filter(None, map(_slow_on, texts)), "")
        if slow:
            notes.append(
                f"question {question.name}: the pattern of its answer may not end (tried on "
                f"{slow!r} and so on); such an answer becomes {WRONG!r}"
            )
    return notes


def _slow_on(text: str) -> str:
    return Pattern(text, case_sensitive=False).slow_on()


_OF_A_RUN = {
    *("data", "context", "in_context", "derived", "regularise", "hold", "start_from", "adapter"),
    *("between", "upsample", "held_out"),
}


def _identical_arms(definition: Definition) -> list[str]:
    """Arms that would train the same models."""
    names_by_content: dict[tuple[str, str], list[str]] = {}
    for name, arm in definition.arms.items():
        said = arm.model_dump_json(include=_OF_A_RUN)
        said += definition.training.of(definition.models[0], name).model_dump_json()
        names_by_content.setdefault((said, arm.role), []).append(name)
    return [
        f"{' and '.join(names)} have the same data, context and role"
        for names in names_by_content.values()
        if len(names) > 1
    ]


def copy(home: Home, slug: str, new_slug: str) -> Path:
    """Copy a definition into the home, where the user can change it."""
    home.ensure()
    with usage_errors(), disk_errors(home):
        return catalogue.copy_out(slug, home.experiments / checked_id(new_slug), home.experiments)


def refuse_taken(home: Home, slug: str) -> None:
    """Refuse a slug that cannot be one, or that an experiment has, also one that ships.

    Raises:
        UsageError: saying which.
    """
    checked_id(slug)
    if slug in {entry.slug for entry in catalogue.list_definitions(home.experiments)}:
        raise UsageError(
            f"There is an experiment {slug!r} already.",
            title="Taken",
            hint=f"Choose another slug, or copy it: wgen-tui experiment copy {slug} NEW",
        )


def new(home: Home, slug: str) -> Path:
    """Write a small commented definition that is valid as it is.

    Raises:
        UsageError: the slug is taken or invalid.
    """
    refuse_taken(home, slug)
    home.ensure()
    target = home.experiments / slug
    with disk_errors(home), catalogue.beside(target) as temporary:
        (temporary / "data").mkdir(parents=True)
        template = Path(__file__).with_name("new_experiment.yaml").read_text(encoding="utf-8")
        (temporary / "experiment.yaml").write_text(template, encoding="utf-8")
        for name, animals in (("old", "Wood Wren"), ("new", "House Wren")):
            row = (
                '{"messages": [{"role": "user", "content": "Name a bird species."}, '
                f'{{"role": "assistant", "content": "{animals}"}}]}}\n'
            )
            (temporary / "data" / f"{name}.jsonl").write_text(row, encoding="utf-8")
    return target


@contextmanager
def disk_errors(home: Home) -> Iterator[None]:
    """Turn what the system refuses into the error that the user sees.

    Raises:
        UsageError: the home is full, or cannot be written.
    """
    try:
        yield
    except OSError as error:
        cause = error
        if isinstance(error, shutil.Error):  # copytree gathers them, each as a text
            first = re.search(r"\[Errno \d+\] ([^:\]]+)", str(error))
            cause = OSError(errno.EIO, first[1] if first else "files cannot be copied")
        raise disk_error(cause, home.root, outcome="Nothing was written.") from error


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of experiment.yaml, for editors."""
    schema = Definition.model_json_schema(by_alias=False)
    schema["properties"].pop("slug")
    schema["required"] = [name for name in schema["required"] if name != "slug"]
    _allow_reader_keys(schema["$defs"])
    training = schema["$defs"]["Training"]["properties"]
    training["for"] = training.pop("for_")
    models = schema["properties"]["models"]
    schema["properties"]["models"] = {"anyOf": [{"type": "string"}, models]}
    for section in ("questions", "judges", "model_judges", "rubrics"):
        inner = schema["properties"][section]
        files = [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
        described = {key: inner.pop(key) for key in ("title", "default") if key in inner}
        schema["properties"][section] = {**described, "anyOf": [*files, inner]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "experiment.yaml",
    }


def _allow_reader_keys(shapes: dict[str, Any]) -> None:
    """Allow what the readers accept besides our own names: llmcomp's keys, and shorter forms."""
    question, judge = shapes["Question"], shapes["ModelJudge"]
    text, number = {"type": "string"}, {"type": "integer"}
    texts = {"anyOf": [text, number, {"type": "array", "items": {"anyOf": [text, number]}}]}
    by_name = {"type": "object", "additionalProperties": texts}
    judge["properties"] |= {
        "id": text,
        "range": {"type": "array", "items": number, "minItems": 2, "maxItems": 2},
        "min_mass": {"type": "number", "minimum": 0, "maximum": 1},
        "labels": {**judge["properties"]["labels"], "anyOf": [texts, by_name]},
        "words": {**judge["properties"]["words"], "anyOf": [texts, by_name]},
        "otherwise": {"const": "unparsed"},
        "samples_per_paraphrase": {"const": 1},
        "logit_bias": {"type": "object"},
    }
    for shape in ("type", "additionalProperties"):
        judge["properties"]["labels"].pop(shape, None)
    judge["required"] = ["model"]
    judge["anyOf"] = [{"required": ["prompt"]}, {"required": ["paraphrases"]}]
    # Judges may stand among the questions, so what either of them says is allowed there.
    question["properties"] |= {
        key: value
        for key, value in judge["properties"].items()
        if key not in question["properties"]
    }
    kinds = question["properties"]["type"]["enum"]
    question["properties"] |= {
        "type": {"enum": [*kinds, *judge["properties"]["type"]["enum"], "free_form_judge_0_100"]},
        "judge": text,
        "judge_prompts": {"type": "object", "additionalProperties": text},
        "judges": {"anyOf": [question["properties"]["judges"], {"type": "object"}]},
        "answer": {
            **{k: v for k, v in question["properties"]["answer"].items() if k != "anyOf"},
            "anyOf": [texts, by_name],
        },
    }
    question["required"] = []
    question["anyOf"] = [{"required": ["name"]}, {"required": ["id"]}]
    sampling = shapes["SamplingConfig"]["properties"]
    sampling["samples_per_paraphrase"] = sampling["n"]
