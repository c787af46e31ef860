"""Architectures that cannot be trained or sampled here, told from config.json before anything runs.

Promises: each reason is what the workers would find out by trying (`sample.engine.state_check`,
`module_calls`); the table in docs/models.md, made by building each, is held to these lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.schema import TrainingConfig
from wgen_tui.errors import UsageError

TABLE = "docs/models.md lists the architectures that work."
# By model_type: why rows of a batch do not get what they get alone.
REFUSED = {
    "minimax": "it has a cache of its own, which cannot be divided into rows",
    "recurrent_gemma": "it keeps its state inside its modules, where rows cannot be told apart",
    "rwkv": "it keeps its state in a list of its own, not in transformers' cache",
    "xlstm": "it keeps its state in a cache of its own",
}
# By model_type: modules among all linear ones that take no LoRA, and why.
NO_LORA = {
    **dict.fromkeys(
        ("falcon_h1", "falcon_mamba", "mamba", "mamba2", "nemotron_h"),
        ("out_proj", "PEFT refuses it in models with Mamba's fused kernels"),
    ),
    "llama4_text": ("router", "it gives more than a tensor"),
    "phimoe": ("router", "it gives more than a tensor"),
}
# What `architectures` of a model that does not continue a text ends in.
NO_TEXT = ("ForMaskedLM", "Classification", "ForQuestionAnswering", "ForMultipleChoice")


def refuse_architecture(name: str, config: Mapping[str, Any]) -> None:
    """Refuse a model whose kind cannot be sampled.

    Raises:
        UsageError: saying why.
    """
    kind = str(config.get("model_type"))
    if kind in REFUSED:
        raise UsageError(
            f"{name} is of the architecture {kind}, which cannot be sampled in batches: "
            f"{REFUSED[kind]}.",
            title="Architecture not supported",
            hint=TABLE,
        )
    named = [str(item) for item in config.get("architectures") or ()]
    if config.get("is_encoder_decoder") or (named and all(x.endswith(NO_TEXT) for x in named)):
        raise UsageError(
            f"{name} ({', '.join(named) or kind}) is no decoder that continues a chat.",
            title="Architecture not supported",
            hint=TABLE,
        )


def refuse_all_linear(name: str, config: Mapping[str, Any], training: TrainingConfig) -> None:
    """Refuse LoRA on all linear modules where one of them takes none.

    Raises:
        UsageError: naming it.
    """
    lora, kind = training.lora, str(config.get("model_type"))
    if training.method != "lora" or kind not in NO_LORA or lora.target_modules != "all-linear":
        return
    module, why = NO_LORA[kind]
    raise UsageError(
        f"{name} ({kind}): training.lora.target_modules: all-linear has {module} among them, which "
        f"takes no LoRA: {why}.",
        title="LoRA targets",
        hint=f"List the modules, {module} left out, such as: {', '.join(examples(kind))}.",
    )


def examples(kind: str) -> tuple[str, ...]:
    """Modules that a LoRA of this architecture may name."""
    if kind in ("mamba", "falcon_mamba"):
        return ("in_proj", "x_proj")
    if kind == "mamba2":
        return ("in_proj",)
    mixed = ("q_proj", "v_proj", "up_proj", "down_proj")
    if kind == "phimoe":
        return ("q_proj", "k_proj", "v_proj", "o_proj")
    return ("in_proj", *mixed) if NO_LORA[kind][0] == "out_proj" else mixed
