"""From questions to prompts: question x paraphrase x variant, as chat messages.

Promises: the order is the definition's; nothing here needs a tokenizer.
"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.schema import Context, Definition, Message, Question, SamplingConfig, Variant

NO_VARIANT = "none"


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt, before any chat template."""

    question: str
    paraphrase: int
    variant: str
    messages: tuple[Message, ...]


def spread_variants(sampling: SamplingConfig) -> dict[str, dict[str, Context]]:
    """The variants by the name they have in the definition, each spread over its `values`.

    Returns:
        `{name: {spread name: context}}`; without variants, the one called `none`.
    """
    if not sampling.variants:
        return {NO_VARIANT: {NO_VARIANT: Context()}}
    return {name: _spread(name, variant) for name, variant in sampling.variants.items()}


def _spread(name: str, variant: Variant | None) -> dict[str, Context]:
    if variant is None:
        return {name: Context()}
    if variant.values is None:
        return {name: Context(system=variant.system, prefix=variant.prefix, wrap=variant.wrap)}
    return {
        f"{name}-{value}": Context(
            system=_fill(variant.system, value),
            prefix=variant.prefix.replace("{value}", str(value)),
            wrap=_fill(variant.wrap, value),
        )
        for value in variant.values
    }


def _fill(text: str | None, value: str | int | float) -> str | None:
    return None if text is None else text.replace("{value}", str(value))


def render_prompts(definition: Definition) -> tuple[Prompt, ...]:
    """Every prompt of a definition that is to be answered (`readouts` has the others)."""
    return tuple(
        Prompt(question.name, paraphrase, variant, context.apply(messages))
        for question in definition.questions
        if question.type == "free_form"
        for paraphrase, messages in enumerate(question.wordings())
        for variant, context in contexts_of(definition.sampling, question)
    )


def contexts_of(sampling: SamplingConfig, question: Question) -> list[tuple[str, Context]]:
    """The variants that a question is asked in, by their spread names."""
    variants = spread_variants(sampling)
    chosen = variants if question.variants is None else question.variants
    return [pair for name in chosen for pair in variants[name].items()]
