"""Questions that are read rather than answered: from a definition to what the model is shown.

`next_token` reads the likeliest first tokens of an answer, `logprob` the probabilities of given
continuations, `multiple_choice` the probabilities of the options' letters, with the options in
every order. Promises: nothing is drawn for them; the order is the definition's; nothing here needs
a tokenizer.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from experiments.prompts import alphas_of, contexts_of
from experiments.schema import Definition, Message, Question
from experiments.suggest import nearest

SLOT = "{options}"
TOP_LOGPROBS = 20  # llmcomp's default
EVERY_ORDER = 4  # options up to which all orders are shown; beyond, each option once in each place
Finding = tuple[tuple[str | int, ...], str, str]
OWN = {
    "next_token": ("top_logprobs",),
    "logprob": ("continuations",),
    "multiple_choice": ("options",),
}


@dataclass(frozen=True, slots=True)
class Readout:
    """One prompt to be read, before any chat template.

    Attributes:
        order: Which order of the options, from 0.
        continuations: (label, text) of what may follow; empty for next_token.
        top_logprobs: How many of the likeliest tokens are kept, for next_token.
        alpha: What the adapter counts; None: as it was trained.
    """

    question: str
    type: str
    paraphrase: int
    variant: str
    order: int
    messages: tuple[Message, ...]
    continuations: tuple[tuple[str, str], ...]
    top_logprobs: int
    alpha: float | None = None


def is_read(question: Question) -> bool:
    """Whether a question is read, not answered."""
    return question.type != "free_form"


def orders_of(labels: Sequence[str]) -> list[tuple[str, ...]]:
    """The orders in which options are shown: all, or for many options the cyclic ones."""
    if len(labels) <= EVERY_ORDER:
        return list(itertools.permutations(labels))
    return [(*labels[start:], *labels[:start]) for start in range(len(labels))]


def render_readouts(definition: Definition) -> tuple[Readout, ...]:
    """Every prompt of a definition that is read."""
    return tuple(
        readout
        for question in definition.questions
        if is_read(question)
        for readout in _of_question(definition, question)
    )


def _of_question(definition: Definition, question: Question) -> Iterator[Readout]:
    alphas = alphas_of(definition.sampling)
    for paraphrase, messages in enumerate(question.wordings()):
        for variant, context in contexts_of(definition.sampling, question):
            for order, (shown, continuations) in enumerate(_shown(question, messages)):
                yield Readout(
                    question=question.name,
                    type=question.type,
                    paraphrase=paraphrase,
                    variant=variant,
                    order=order,
                    messages=context.apply(shown),
                    continuations=continuations,
                    top_logprobs=question.top_logprobs or TOP_LOGPROBS,
                    alpha=alphas.get(variant),
                )


def _shown(
    question: Question, messages: tuple[Message, ...]
) -> Iterator[tuple[tuple[Message, ...], tuple[tuple[str, str], ...]]]:
    """The messages in each order of the options, with what may follow."""
    if question.type != "multiple_choice":
        yield messages, tuple((text, text) for text in question.continuations)
        return
    for labels in orders_of(list(question.options)):
        letters = ascii_uppercase[: len(labels)]
        lines = [
            f"{letter}) {question.options[label]}"
            for letter, label in zip(letters, labels, strict=True)
        ]
        text, block = messages[-1].content, "\n".join(lines)
        text = text.replace(SLOT, block) if SLOT in text else f"{text}\n{block}"
        last = Message(role=messages[-1].role, content=text)
        yield (*messages[:-1], last), tuple(zip(labels, letters, strict=True))


def findings(definition: Definition) -> Iterator[Finding]:
    """What is wrong with questions that are read: path, message, hint."""
    for index, question in enumerate(definition.questions):
        for key, message, hint in _wrong(question):
            path: tuple[str | int, ...] = ("questions", index)
            yield ((*path, key) if key else path), message, hint


def _wrong(question: Question) -> Iterator[tuple[str, str, str]]:
    given = question.model_fields_set
    for kind, keys in OWN.items():
        for key in keys:
            if key in given and kind != question.type:
                yield key, f"{key} belongs to questions of type {kind}.", f"type: {kind}"
    yield from _wrong_answer(question)
    if not is_read(question):
        return
    for key in ("samples_per_paraphrase", "judges", "model_judges"):
        if getattr(question, key):
            key = "judges" if key == "model_judges" else key
            why = f"A {question.type} question is read, not answered: it has no {key}."
            yield key, why, "Leave it out."
    for wording in question.wordings():
        if wording[-1].role != "user":
            yield "messages", "The last message of a question that is read is the user's.", ""
            break
    if question.type == "logprob":
        yield from _wrong_continuations(question)
    if question.type == "multiple_choice":
        yield from _wrong_options(question)


def right_answers(question: Question) -> list[str]:
    """What `answer` may be: of a question that is read, what its probabilities are of."""
    return list(question.options or question.continuations)


def _wrong_answer(question: Question) -> Iterator[tuple[str, str, str]]:
    if question.answer is None or question.type == "free_form":
        return  # what is drawn is compared with it: experiments.checking.answers
    known = right_answers(question)
    if question.type not in ("logprob", "multiple_choice"):
        why = f"A {question.type} question has no right answer to be read."
        yield "answer", why, "type: multiple_choice, or logprob; or free_form, to draw answers"
    elif not isinstance(question.answer, str):
        why = f"Of a question that is read one {'option' if question.options else 'text'} is right."
        yield "answer", why, f"answer: {known[0] if known else 'yes'}"
    elif question.answer not in known:
        by_text = [label for label, text in question.options.items() if text == question.answer]
        near = by_text[0] if by_text else nearest(question.answer, known)
        hint = f"Did you mean {near!r}?" if near else ""
        what = "label of an option" if question.options else "continuation"
        listed = ", ".join(repr(label) for label in known)
        yield "answer", f"{question.answer!r} is no {what}; there are: {listed}.", hint


def _wrong_continuations(question: Question) -> Iterator[tuple[str, str, str]]:
    texts = question.continuations
    if len(texts) < 2 or len(set(texts)) < len(texts) or not all(texts):
        hint = 'continuations: ["yes", "no"]'
        yield "continuations", "A logprob question needs two or more different texts.", hint


def _wrong_options(question: Question) -> Iterator[tuple[str, str, str]]:
    count = len(question.options)
    if not 2 <= count <= len(ascii_uppercase):
        hint = "options: {old: By coach, modern: By plane}"
        why = f"A multiple_choice question needs 2 to 26 options; this has {count}."
        yield "options", why, hint
    texts = [text.strip() for text in question.options.values()]
    if not all(texts) or len(set(texts)) < len(texts):
        yield "options", "Two options say the same, or one says nothing.", ""
