"""The expected answers of questions that are drawn: texts, by variant, and the rule that compares.

Promises: what is right is known before anything is asked. A question without `answer`, or asked in
a variant that its `answer` doesn't name, has nothing to be right or wrong about: it is not graded.
"""

from __future__ import annotations

import re

from experiments.prompts import contexts_of, spread_labels
from experiments.schema import CORRECT, CORRECT_JUDGE, WRONG, JudgeSpec, Question, SamplingConfig

OR = " or "  # between several right answers, where they are shown as one text
TYPES = {
    "exact": "exact",
    "prefix": "prefix",
    "choice": "choice",
    "contains": "regex",
    "regex": "regex",
}


def is_compared(question: Question) -> bool:
    """Whether a question is drawn and has an expected answer."""
    return question.type == "free_form" and question.answer is not None


def right_texts(question: Question, sampling: SamplingConfig) -> dict[str, tuple[str, ...]]:
    """What is right, by the variants that the question is asked in; those without are absent.

    `{label}` and `{value}` of a variant that is spread over values are filled in; in a pattern so
    that they stand for themselves.
    """
    if question.answer is None:
        return {}
    labels = spread_labels(sampling)
    texts: dict[str, tuple[str, ...]] = {}
    for variant, _ in contexts_of(sampling, question):
        family, label, value = labels[variant]
        given = question.answer
        if isinstance(given, dict):
            if variant not in given and family not in given:
                continue
            given = given.get(variant, given.get(family, ()))
        listed = (given,) if isinstance(given, str) else given
        if question.match == "regex" and label is not None and value is not None:
            label, value = re.escape(label), re.escape(value)
        texts[variant] = tuple(_filled(text, label, value) for text in listed)
    return texts


def without_answer(question: Question, sampling: SamplingConfig) -> tuple[str, ...]:
    """The variants in which a question with answers has none: nothing is graded there."""
    if not is_compared(question):
        return ()
    right = right_texts(question, sampling)
    return tuple(name for name, _ in contexts_of(sampling, question) if name not in right)


def references(question: Question, sampling: SamplingConfig) -> dict[str, str]:
    """`{reference}` of a judge's prompt, by variant: several right answers are joined by `or`."""
    return {name: OR.join(texts) for name, texts in right_texts(question, sampling).items()}


def correct_rules(question: Question, sampling: SamplingConfig) -> dict[str, JudgeSpec]:
    """The rule `correct` of a question, by variant; none for questions that are not compared."""
    if not is_compared(question):
        return {}
    return {
        variant: _rule(texts, question.match)
        for variant, texts in right_texts(question, sampling).items()
    }


def _rule(texts: tuple[str, ...], match: str) -> JudgeSpec:
    said = [_whole_words(text) for text in texts] if match == "contains" else list(texts)
    return JudgeSpec.model_validate(
        {
            "name": CORRECT_JUDGE,
            "type": TYPES[match],
            "labels": {CORRECT: said},
            "otherwise": WRONG,
        }
    )


def _whole_words(text: str) -> str:
    """A pattern that finds a text as whole words, whatever white space is in it."""
    words = r"\s+".join(map(re.escape, text.split()))
    return rf"(?<!\w){words}(?!\w)"


def _filled(text: str, label: str | None, value: str | None) -> str:
    if label is None or value is None:
        return text
    return text.replace("{label}", label).replace("{value}", value)
