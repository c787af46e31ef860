"""What a definition asks twice, or does not ask: equal and empty prompts, draws that are copies.

Promises: each is named once; none is refused, since a control may be meant so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from experiments.prompts import Prompt, drawing_of, render_prompts
from experiments.schema import Definition


def prompt_notes(definition: Definition) -> list[str]:
    """Every such prompt, by question."""
    notes: list[str] = []
    drawing = drawing_of(definition.sampling)
    for name, group in groupby(render_prompts(definition), lambda prompt: prompt.question):
        prompts = list(group)
        told = [*_empty(name, prompts), *_twice(name, prompts, drawing)]
        notes += dict.fromkeys(told)
    sampling = definition.sampling
    for name, own in drawing.items():
        n = own.get("n", sampling.n)
        if own.get("temperature") == 0 and n > 1:
            notes.append(
                f"variant {name}: at its temperature 0 all {n} draws of a prompt are the same "
                "answer; n: 1 in it says as much"
            )
    if sampling.temperature == 0 and sampling.n > 1:
        notes.append(
            f"temperature 0: all {sampling.n} draws of a prompt are the same answer; n: 1 says "
            "as much"
        )
    for question in definition.questions:
        n = question.samples_per_paraphrase or sampling.n
        if question.temperature == 0 and n > 1:
            notes.append(
                f"question {question.name}: at its temperature 0 all {n} draws of a prompt are the "
                "same answer; samples_per_paraphrase: 1 says as much"
            )
    return notes


def _empty(name: str, prompts: list[Prompt]) -> Iterator[str]:
    for prompt in prompts:
        if not prompt.messages[-1].content.strip():
            yield f"question {name}: wording {prompt.paraphrase} is empty: nothing is asked"


def _twice(
    name: str, prompts: list[Prompt], drawing: Mapping[str, dict[str, Any]]
) -> Iterator[str]:
    first: dict[object, Prompt] = {}
    for prompt in prompts:
        texts = tuple(message.model_dump_json() for message in prompt.messages)
        own = tuple(drawing.get(prompt.variant, {}).items())
        asked = texts, prompt.alpha, own
        before = first.setdefault(asked, prompt)
        if before is prompt:
            continue
        if before.variant == prompt.variant:
            told = f"wordings {before.paraphrase} and {prompt.paraphrase}"
        else:
            told = f"variants {before.variant} and {prompt.variant}"
        yield f"question {name}: {told} ask the same, and count twice"
