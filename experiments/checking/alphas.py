"""Variants with `alpha`: every adapter that is drawn in them must be one that can be scaled.

Promises: looked at for every arm and model, as `training.for` resolves them; told where the key
stands that makes an adapter more than a sum of products.
"""

from __future__ import annotations

from collections.abc import Iterator

from experiments.schema import Definition
from experiments.yaml_source import KeyPath

Finding = tuple[KeyPath, str, str]
HINT = "Train it with plain LoRA, or leave alpha out."


def scaled_variant(definition: Definition) -> str:
    """The first variant in which an adapter counts other than it was trained to; else empty."""
    for name, variant in definition.sampling.variants.items():
        if variant is not None and {*variant.alphas.values()} - {1.0}:
            return name
    return ""


def alpha_findings(definition: Definition) -> Iterator[Finding]:
    """The first adapter that cannot be scaled."""
    variant, training = scaled_variant(definition), definition.training
    if not variant or training.method == "poly":
        return
    for model in definition.models:
        for name, arm in definition.arms.items():
            why = training.of(model, name).not_stackable_because
            if why and arm.has_rows and arm.in_context is None:
                say = f"Variant {variant!r} has alpha, and the adapter of arm {name!r} cannot be "
                yield _said_at(definition, model, name), f"{say}scaled: {why}.", HINT
                return


def _said_at(definition: Definition, model: str, arm: str) -> KeyPath:
    """The key of `training` that makes an arm's adapter more than a plain LoRA."""
    lora = definition.training.of(model, arm).lora
    key = "use_dora" if lora.use_dora else "modules_to_save"
    for index, entry in reversed([*enumerate(definition.training.for_)]):
        said = entry.lora.model_fields_set if "lora" in entry.changes else ()
        if key in said and entry.counts_for(model, arm):
            return "training", "for", index, "lora", key
    return "training", "lora", key
