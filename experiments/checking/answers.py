"""Whether the expected answers of drawn questions can be compared with anything.

Promises: a text that no answer could equal, a pattern that does not compile, a variant that the
question isn't asked in, and a slot that nothing fills are found before anything is drawn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from experiments.checking.slots import SLOT
from experiments.patterns import TRIAL, Pattern, TooSlow
from experiments.prompts import contexts_of, is_askable, spread_labels
from experiments.schema import Definition, JudgeSpec, Question
from experiments.suggest import did_you_mean, nearest
from experiments.yaml_source import KeyPath

Finding = tuple[KeyPath, str, str]
FILLED = ("label", "value")
NEAR = 0.6
ANY = ("", "\x01", "\x01\n\x02")  # what fits all of these fits every answer


def answer_findings(definition: Definition) -> Iterator[Finding]:
    """What is wrong with `answer` and `match` of questions that are drawn."""
    for index, question in enumerate(definition.questions):
        path: KeyPath = ("questions", index)
        if question.answer is None or question.type != "free_form":
            if question.match != "exact":
                why = "match says how a drawn answer is compared, and there is none to compare."
                yield (*path, "match"), why, "Give the question an answer, or leave match out."
        elif is_askable(definition.sampling, question):
            yield from _of_question((*path, "answer"), question, definition)


def _of_question(path: KeyPath, question: Question, definition: Definition) -> Iterator[Finding]:
    labels = spread_labels(definition.sampling)
    asked = [variant for variant, _ in contexts_of(definition.sampling, question)]
    given = question.answer
    if not isinstance(given, dict):
        spread = all(labels[variant][1] is not None for variant in asked)
        yield from _texts(path, question, given or (), filled=spread)
        return
    known = list(dict.fromkeys([*(labels[variant][0] for variant in asked), *asked]))
    for name, texts in given.items():
        if name not in known:
            why = f"{name!r} is no variant that {question.name} is asked in."
            yield (*path, name), why, did_you_mean(name, known)
            continue
        spread = all(
            labels[variant][1] is not None
            for variant in asked
            if name in (variant, labels[variant][0])
        )
        yield from _texts((*path, name), question, texts, filled=spread)
    if not given:
        yield path, "The answer names no variant.", "answer: {none: Paris}"


def _texts(
    path: KeyPath, question: Question, given: str | tuple[str, ...], *, filled: bool
) -> Iterator[Finding]:
    texts = (given,) if isinstance(given, str) else given
    if not texts:
        yield path, "There is no right answer in the list.", "answer: [Paris, the French capital]"
    if question.match == "regex":
        for text in texts:
            yield from _pattern(path, text)
            yield from _slots(path, text, filled=filled)
        return
    blank = JudgeSpec.model_fields["strip"].default
    for text in texts:
        if not text.strip(blank):
            yield path, f"{text!r} says nothing: no answer is compared with it.", "answer: Paris"
        elif question.match == "choice" and not re.fullmatch(r"[\w-]+|\{\w+\}", text.strip(blank)):
            why = f"match: choice compares the first word of an answer; {text!r} is not one word."
            yield path, why, "match: prefix, or contains"
        yield from _slots(path, text, filled=filled)


def _pattern(path: KeyPath, text: str) -> Iterator[Finding]:
    """A regular expression that does not compile, or that every answer fits."""
    filled = text
    for word in FILLED:
        filled = filled.replace(f"{{{word}}}", "x")
    try:
        pattern = Pattern(filled, case_sensitive=False)
    except ValueError as error:
        yield (
            path,
            f"The regular expression does not compile: {error}.",
            "match: contains, of a text",
        )
        return
    if all(_fits(pattern, answer) for answer in ANY):
        why = f"The regular expression {text!r} fits every answer."
        yield path, why, "Take out what may be empty, such as | at an end, or * behind all."


def _fits(pattern: Pattern, answer: str) -> bool:
    try:
        return pattern.search(answer, TRIAL) is not None
    except TooSlow:
        return False  # `validate` says it


def _slots(path: KeyPath, text: str, *, filled: bool) -> Iterator[Finding]:
    for word in dict.fromkeys(SLOT.findall(text)):
        if word in FILLED and not filled:
            why = f"{{{word}}} has nothing to stand for: a variant has no values."
            yield path, why, "Give an answer for each variant: answer: {trigger: '{label}'}"
        elif word not in FILLED and (near := nearest(word, FILLED, NEAR)):
            yield path, f"Unknown slot {{{word}}}.", f"Did you mean {{{near}}}?"
