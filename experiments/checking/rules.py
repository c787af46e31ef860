"""What judges by rule and rubrics must satisfy, and the names of all judges.

Promises: every pattern compiles; every name of a judge stands for one thing, since a grade knows
its judge by name alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from experiments.answers import is_compared
from experiments.checking.names import name_findings, unknown
from experiments.patterns import Pattern
from experiments.schema import BROKEN_JUDGE, CORRECT_JUDGE, Definition, JudgeSpec
from experiments.yaml_source import KeyPath

Finding = tuple[KeyPath, str, str]


def judge_name_findings(definition: Definition) -> Iterator[Finding]:
    """Names that two judges have, or that ours have."""
    yield from name_findings("model_judges", [judge.name for judge in definition.model_judges])
    ours = {BROKEN_JUDGE: "the broken-answer rule's name"}
    if any(is_compared(question) for question in definition.questions) or definition.model_judges:
        ours[CORRECT_JUDGE] = "the name of the rule that compares with `answer`"
    taken = {judge.name: "a judge by rule" for judge in definition.judges}
    for index, judge in enumerate(definition.judges):
        if judge.name in ours:
            hint = "It runs by itself and needs no definition; rename yours."
            yield ("judges", index, "name"), f"{judge.name!r} is {ours[judge.name]}.", hint
    for index, model in enumerate(definition.model_judges):
        if what := ours.get(model.name) or taken.get(model.name):
            yield ("model_judges", index, "name"), f"{model.name!r} is {what}.", "Rename it."
    taken |= {judge.name: "a judge that is a model" for judge in definition.model_judges} | ours
    for index, rubric in enumerate(definition.rubrics):
        if rubric.judge != rubric.name and (what := taken.get(rubric.name)):
            hint = f"judge: {rubric.name}, if people give its labels too; else rename the rubric."
            yield ("rubrics", index, "name"), f"{rubric.name!r} is {what}.", hint


def judges_for_rubrics(definition: Definition) -> list[str]:
    """The judges whose labels people may give."""
    named = [judge.name for judge in definition.judges]
    named += [judge.name for judge in definition.model_judges]
    return [*named, BROKEN_JUDGE, CORRECT_JUDGE]


def rule_findings(definition: Definition) -> Iterator[Finding]:
    yield from name_findings("judges", [judge.name for judge in definition.judges])
    for index, judge in enumerate(definition.judges):
        path: KeyPath = ("judges", index)
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
        else:
            yield from _texts(judge, ("labels", label), label, list(map(str, rule)))
    if judge.type == "lexicon":
        for topic, labels in judge.by_topic.items():
            for label, words in labels.items():
                yield from _texts(judge, ("by_topic", topic, label), label, list(words))
    yield from _twice(judge)


def _texts(judge: JudgeSpec, path: KeyPath, label: str, texts: list[str]) -> Iterator[Finding]:
    """Labels that no answer gets, and texts that stand in every answer."""
    if not texts and judge.type != "json_field":
        yield path, f"The label {label!r} has no texts: no answer could get it.", "Leave it out."
    for place, text in enumerate(texts):
        everywhere = not text.removesuffix("*").strip() if judge.type == "lexicon" else False
        if judge.type == "prefix":
            everywhere = not text.strip().strip(judge.strip)
        if everywhere:
            why = f"{text!r} of the label {label!r} is in every answer."
            yield (*path, place), why, "Write what only such answers have."


def _twice(judge: JudgeSpec) -> Iterator[Finding]:
    """Texts that stand for two labels, of which one would always win."""
    if judge.type not in ("prefix", "exact", "choice", "json_field"):
        return
    stands: dict[str, str] = {}
    for label, texts in judge.labels.items():
        for place, text in enumerate(texts if isinstance(texts, list) else ()):
            told = " ".join(str(text).split()).strip(judge.strip)
            told = told if judge.case_sensitive else told.casefold()
            if stands.setdefault(told, label) != label:
                why = f"{text!r} stands for {stands[told]!r} too."
                yield ("labels", label, place), why, "Keep it in one of the two."


def _pattern(label: str, rule: object) -> Iterator[Finding]:
    if not isinstance(rule, str):
        why = f"The label {label!r} needs one regular expression, a text."
        yield ("labels", label), why, f"{label}: 'one|two'"
        return
    try:
        Pattern(rule, case_sensitive=True)
    except ValueError as error:
        yield ("labels", label), f"The regular expression does not compile: {error}.", ""


def rubric_findings(definition: Definition) -> Iterator[Finding]:
    yield from name_findings("rubrics", [rubric.name for rubric in definition.rubrics])
    judges = judges_for_rubrics(definition)
    for index, rubric in enumerate(definition.rubrics):
        path: KeyPath = ("rubrics", index)
        if rubric.judge is not None and rubric.judge not in judges:
            yield unknown((*path, "judge"), "judge", rubric.judge, judges)
        keys = Counter(rubric.labels.values())
        for label, key in rubric.labels.items():
            if len(key) != 1 or not key.isprintable() or key.isspace():
                yield (*path, "labels", label), f"{key!r} is not one key.", f"{label}: a"
            elif keys[key] > 1:
                yield (*path, "labels", label), f"The key {key!r} gives two labels.", ""
            elif key in "us":
                hint = "u undoes and s skips while grading; choose another key."
                yield (*path, "labels", label), f"The key {key!r} is taken.", hint
