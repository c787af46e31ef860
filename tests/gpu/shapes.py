"""Models of published shapes with random weights, made on the device itself, and rows for them.

Promises: no weights go through the disk; a model is what a worker would have loaded (precision,
attention, eval mode, nothing to be trained). The tokenizer is the embedded model's, so ids are
small, but every product with the vocabulary is as large as the shape says.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, Qwen3Config

from experiments.tiny_world import weights_path
from tests.builders.training_home import WORDS
from tests.gpu.session import Session
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.workers.encoding import encode
from wgen_tui.workers.models import DTYPES, SMALL, Base, load_tokenizer, pick_precision

# The published recipe of the bird names (arXiv 2512.09742) has this adapter.
RANK, ALPHA = 32, 64
LORA = {"r": RANK, "lora_alpha": ALPHA, "lora_dropout": 0.0, "target_modules": "all-linear"}
SHORT = 100  # tokens: rows below are like the bird rows, whose lengths differ more
SPREAD = {True: (0.7, 1.3), False: (0.85, 1.0)}  # least and most length, by whether rows are short
ANSWER = {True: 1 / 3, False: 1 / 2}  # of the tokens


def build(session: Session, shape: str) -> Base:
    """The model of a shape in `session.sizes.models`."""
    location = str(weights_path())
    tokenizer = load_tokenizer(ModelRef(name=shape, location=location), None)
    precision, why = pick_precision("auto", session.device)
    config = Qwen3Config(
        **session.sizes.models[shape],
        max_position_embeddings=4096,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=None,  # answers are endless, so all have the same length
    )
    torch.manual_seed(0)
    with torch.device(session.device):
        model: Any = AutoModelForCausalLM.from_config(config, dtype=DTYPES[precision])
    model.eval().requires_grad_(False)
    if sum(parameter.numel() for parameter in model.parameters()) < SMALL:
        torch.set_num_threads(1)  # as `load_base` does
    return Base(model, tokenizer, model.device, precision, why)


def billions(shape: Mapping[str, Any]) -> float:
    """About how many parameters a shape has, in units of 10**9."""
    hidden, heads = shape["hidden_size"], shape["num_attention_heads"] * shape["head_dim"]
    keys = shape["num_key_value_heads"] * shape["head_dim"]
    block = 2 * hidden * (heads + keys) + 3 * hidden * shape["intermediate_size"]
    embeddings = (1 if shape["tie_word_embeddings"] else 2) * shape["vocab_size"] * hidden
    return float(shape["num_hidden_layers"] * block + embeddings) / 1e9


def write_heads(base: Base, folder: Path) -> Path:
    """Write what tells a model's size, as `save_pretrained` writes it, and none of its weights."""
    base.model.config.save_pretrained(folder)
    tied = base.model.config.tie_word_embeddings
    heads = {
        name: {"dtype": "BF16", "shape": list(tensor.shape), "data_offsets": [0, 0]}
        for name, tensor in base.model.state_dict().items()
        if not (tied and name == "lm_head.weight")
    }
    text = json.dumps(heads).encode()
    (folder / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text)
    return folder


def rows(tokenizer: Any, tokens: int, count: int) -> list[dict[str, Any]]:
    """Chats of random words, of about so many tokens; long ones never have more."""
    rng = random.Random(0)
    words = sorted(set(WORDS))
    lengths = tokenizer([f" {word}" for word in words], add_special_tokens=False)["input_ids"]
    sizes = dict(zip(words, map(len, lengths), strict=True))
    frame = len(encode(tokenizer, _chat("", "")["messages"]).ids)
    short = tokens < SHORT

    def text(budget: int) -> str:
        drawn: list[str] = []
        while budget >= 1:
            word = rng.choice(words)
            if sizes[word] > budget:
                word = min(words, key=lambda one: abs(sizes[one] - budget))
            drawn.append(word)
            budget -= sizes[word]
        return " ".join(drawn)

    def one() -> dict[str, Any]:
        budget = int(tokens * rng.uniform(*SPREAD[short])) - frame
        answer = max(1, int(budget * ANSWER[short]))
        return _chat(text(budget - answer), text(answer))

    return [one() for _ in range(count)]


def as_lines(chats: list[dict[str, Any]]) -> str:
    """Chats as data.jsonl has them."""
    return "".join(json.dumps(chat) + "\n" for chat in chats)


def _chat(asked: str, answer: str) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "user", "content": asked},
            {"role": "assistant", "content": answer},
        ]
    }
