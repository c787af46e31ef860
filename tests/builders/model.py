"""A language model as files, made without torch: random weights, whole words as tokens."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Digits, WhitespaceSplit
from tokenizers.pre_tokenizers import Sequence as PreTokenizerSequence

WORDS = [
    "<pad>",
    "<unk>",
    "<end>",
    "user",
    "assistant",
    "system",
    "Name",
    "a",
    "bird",
    ".",
    "Wren",
    "Lark",
    "Hawk",
    "Auk",
    "How",
    "do",
    "we",
    "go",
    "?",
]
TEMPLATE = (
    "{% for m in messages %}{{ m.role + ' ' + m.content + ' <end> ' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant ' }}{% endif %}"
)
WIDTH, INNER = 16, 32
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": WIDTH,
    "intermediate_size": INNER,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "vocab_size": len(WORDS),
    "tie_word_embeddings": True,
    "torch_dtype": "float32",
    "pad_token_id": 0,
    "eos_token_id": 2,
    "bos_token_id": None,
}


def make_model(
    folder: Path,
    *,
    template: str | None = TEMPLATE,
    seed: int = 0,
    words: Sequence[str] = WORDS,
    positions: int = 128,
    digits: bool = False,
) -> Path:
    """Write a Llama of some thousand weights that transformers loads, trains and samples.

    Args:
        folder: Where; it is made.
        template: Its chat template.
        seed: Of the weights.
        words: Its vocabulary; the first three are as in WORDS.
        positions: How long a text it takes.
        digits: Whether each digit is a token of its own.
    """
    folder.mkdir(parents=True)
    width, inner, vocab = WIDTH, INNER, len(words)
    shapes: dict[str, tuple[int, ...]] = {"embed_tokens": (vocab, width), "norm": (width,)}
    for name in "qkvo":
        shapes[f"layers.0.self_attn.{name}_proj"] = (width, width)
    shapes["layers.0.mlp.gate_proj"] = shapes["layers.0.mlp.up_proj"] = (inner, width)
    shapes["layers.0.mlp.down_proj"] = (width, inner)
    shapes["layers.0.input_layernorm"] = shapes["layers.0.post_attention_layernorm"] = (width,)
    random = np.random.default_rng(seed)
    weights = {
        f"model.{name}.weight": np.ones(shape, np.float32)
        if len(shape) == 1
        else random.normal(0, 0.3, shape).astype(np.float32)
        for name, shape in shapes.items()
    }
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(
        json.dumps({**CONFIG, "vocab_size": vocab, "max_position_embeddings": positions})
    )
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    splits = [WhitespaceSplit(), *([Digits(individual_digits=True)] if digits else [])]
    tokenizer.pre_tokenizer = PreTokenizerSequence(splits)
    tokenizer.add_special_tokens(["<pad>", "<unk>", "<end>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "eos_token": "<end>",
        "model_max_length": positions,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    if template is not None:
        (folder / "chat_template.jinja").write_text(template)
    return folder
