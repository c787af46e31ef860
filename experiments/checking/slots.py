"""Slots in variants and questions, such as `{value}`: the ones there are, and near misses.

Promises: a slot that is misspelt, or stands where nothing fills it, is an error with the nearest
one; other words in braces are text, and are named, since the model is asked them as they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from experiments.prompts import contexts_of, spread_variants
from experiments.schema import Definition, Variant
from experiments.suggest import nearest

Finding = tuple[tuple[str | int, ...], str, str]
SLOT = re.compile(r"(?<!\{)\{([A-Za-z_]\w*)\}(?!\})")
NEAR = 0.7


def slot_findings(definition: Definition) -> Iterator[Finding]:
    """Every slot of a variant that nothing fills."""
    for name, variant in definition.sampling.variants.items():
        if variant is not None:
            path = ("sampling", "variants", name)
            for key, text, known in _texts(variant):
                yield from _wrong((*path, key), text, known)


def slot_notes(definition: Definition) -> list[str]:
    """Words in braces that are no slots: they are asked as they stand."""
    notes = []
    for name, variant in definition.sampling.variants.items():
        for key, text, known in _texts(variant) if variant is not None else ():
            if words := [word for word in SLOT.findall(text) if word not in known]:
                shown = ", ".join(f"{{{word}}}" for word in words)
                notes.append(f"variant {name}: {shown} in {key} is asked as it stands")
    for question in definition.questions:
        texts = [message.content for wording in question.wordings() for message in wording]
        words = [w for text in texts for w in SLOT.findall(text) if w != "options"]
        if words:
            shown = ", ".join(f"{{{word}}}" for word in dict.fromkeys(words))
            notes.append(f"question {question.name}: {shown} is asked as it stands")
    return notes


def replaced_system_notes(definition: Definition) -> list[str]:
    """Variants whose system prompt takes the place of a question's own."""
    with_system = [
        question.name
        for question in definition.questions
        if any(message.role == "system" for wording in question.wordings() for message in wording)
    ]
    variants = [
        name
        for name, variant in definition.sampling.variants.items()
        if variant is not None and variant.system is not None
    ]
    return [
        f"variant {name}: its system prompt replaces that of {', '.join(asked)}"
        for name in variants
        if (asked := _asked_in(definition, name, with_system))
    ]


def _asked_in(definition: Definition, variant: str, names: list[str]) -> list[str]:
    spread = {*spread_variants(definition.sampling)[variant]}
    return [
        question.name
        for question in definition.questions
        if question.name in names
        and spread & {name for name, _ in contexts_of(definition.sampling, question)}
    ]


def _texts(variant: Variant) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Key, text and slots of what a variant adds."""
    filled = ("value",) if variant.values is not None else ()
    yield "system", variant.system or "", filled
    yield "prefix", variant.prefix, filled
    yield "wrap", variant.wrap or "", ("question", *filled)


def _wrong(path: tuple[str | int, ...], text: str, known: tuple[str, ...]) -> Iterator[Finding]:
    for word in dict.fromkeys(SLOT.findall(text)):
        if word in known:
            continue
        if word == "value":
            why = "{value} has nothing to stand for: the variant has no values."
            yield path, why, "values: [1850, 1984]"
        elif word == "question":
            yield path, "{question} is filled in wrap alone.", "wrap: 'Q: {question}'"
        elif near := nearest(word, known or ("value", "question"), NEAR):
            yield path, f"Unknown slot {{{word}}}.", f"Did you mean {{{near}}}?"
