"""From questions to prompts: question x paraphrase x variant, as chat messages.

Promises: the order is the definition's; nothing here needs a tokenizer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from experiments.schema import Context, Definition, Message, Question, SamplingConfig, Variant

NO_VARIANT = "none"


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt, before any chat template.

    Attributes:
        alpha: What the adapter counts when it is answered; None: as it was trained.
        max_tokens: How long the answer may get; None: as sampling says.
    """

    question: str
    paraphrase: int
    variant: str
    messages: tuple[Message, ...]
    alpha: float | None = None
    max_tokens: int | None = None


def spread_variants(sampling: SamplingConfig) -> dict[str, dict[str, Context]]:
    """The variants by the name they have in the definition, each spread over its `values`.

    Returns:
        `{name: {spread name: context}}`; without variants, the one called `none`.
    """
    if not sampling.variants:
        return {NO_VARIANT: {NO_VARIANT: Context()}}
    return {name: _spread(name, variant) for name, variant in sampling.variants.items()}


def spread_labels(sampling: SamplingConfig) -> dict[str, tuple[str, str | None, str | None]]:
    """Of each spread variant: the name that it has in the definition, its label and its value.

    Label and value are None where a variant has no `values`; a value that is not labelled is its
    own label.
    """
    if not sampling.variants:
        return {NO_VARIANT: (NO_VARIANT, None, None)}
    return {
        full: (name, label, value)
        for name, variant in sampling.variants.items()
        for full, label, value in _named(name, variant)
    }


def _named(name: str, variant: Variant | None) -> list[tuple[str, str | None, str | None]]:
    """Spread name, label and value of what a variant is spread over."""
    if variant is None or variant.spread is None:
        return [(name, None, None)]
    return [(f"{name}-{label}", label, str(value)) for label, value in variant.labelled.items()]


def alphas_of(sampling: SamplingConfig) -> dict[str, float]:
    """What the adapter counts, by the spread name of each variant that says so."""
    return {
        f"{name}-{label}" if variant.spread is not None else name: alpha
        for name, variant in sampling.variants.items()
        if variant is not None
        for label, alpha in variant.alphas.items()
    }


def drawing_of(sampling: SamplingConfig) -> dict[str, dict[str, Any]]:
    """What is said of how answers are drawn, by the spread name of each variant that does."""
    return {
        full: variant.drawing
        for name, variant in sampling.variants.items()
        if variant is not None and variant.drawing
        for full, _, _ in _named(name, variant)
    }


def _spread(name: str, variant: Variant | None) -> dict[str, Context]:
    if variant is None:
        return {name: Context()}
    # Its texts have been checked; a definition in many contexts spreads thousands.
    return {
        full: Context.model_construct(
            system=_fill(variant.system, value),
            prefix=_fill(variant.prefix, value) or "",
            wrap=_fill(variant.wrap, value),
        )
        for full, _, value in _named(name, variant)
    }


def _fill(text: str | None, value: str | None) -> str | None:
    return text if text is None or value is None else text.replace("{value}", value)


def render_prompts(definition: Definition) -> tuple[Prompt, ...]:
    """Every prompt of a definition that is to be answered (`readouts` has the others)."""
    alphas, drawing = alphas_of(definition.sampling), drawing_of(definition.sampling)
    return tuple(
        Prompt(
            question.name,
            paraphrase,
            variant,
            context.apply(messages),
            alphas.get(variant),
            drawing.get(variant, {}).get("max_tokens", question.max_tokens),
        )
        for question in definition.questions
        if question.type == "free_form"
        for paraphrase, messages in enumerate(question.wordings())
        for variant, context in contexts_of(definition.sampling, question)
    )


def contexts_of(sampling: SamplingConfig, question: Question) -> list[tuple[str, Context]]:
    """The variants that a question is asked in, by their spread names.

    A question names them as the definition does, for all values, or spread, for one.
    """
    variants = spread_variants(sampling)
    if question.variants is None:
        return [pair for contexts in variants.values() for pair in contexts.items()]
    every = {full: context for contexts in variants.values() for full, context in contexts.items()}
    chosen: dict[str, Context] = {}
    for name in question.variants:
        chosen |= variants.get(name) or {name: every[name]}
    return list(chosen.items())


def variant_names(sampling: SamplingConfig) -> list[str]:
    """What a question may name: variants as in the definition, and each of their values."""
    variants = spread_variants(sampling)
    return list(
        dict.fromkeys([*variants, *(full for names in variants.values() for full in names)])
    )


def is_askable(sampling: SamplingConfig, question: Question) -> bool:
    """Whether there are all the variants that a question names."""
    return {*(question.variants or ())} <= {*variant_names(sampling)}
