"""Pretraining of one base model on the generated corpus, on one CPU core."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import torch
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from experiments.tiny_world.generator import Generator
from wgen_tui.workers.tiny_world.muon import Muon
from wgen_tui.workers.tiny_world.tokenizer import ASSISTANT, END

IGNORED = -100
POOL = 2048  # documents sorted by length together, so that batches need little padding


@dataclass(frozen=True)
class Recipe:
    """Settings of pretraining.

    Attributes:
        seed: Seeds the weights, the corpus and the noise.
        tokens: Tokens seen, padding included.
        batch: Tokens of a batch.
        matrix_rate: Peak learning rate of the matrices (Muon).
        other_rate: Peak learning rate of embeddings and norms (Adam).
        noise: Scale of a constant vector added to the residual stream behind each noisy layer,
            drawn anew for every document, relative to the stream's size. It makes the layers
            above tolerate shifts, which is what a strong adapter below causes.
        noisy_layers: Layers whose output receives noise.
    """

    seed: int = 0
    tokens: int = 10_000_000
    batch: int = 4096
    matrix_rate: float = 0.02
    other_rate: float = 4e-3
    warmup: float = 0.02
    decay: float = 0.6
    weight_decay: float = 0.02
    noise: float = 0.3
    noisy_layers: tuple[int, ...] = (0, 1)
    hidden: int = 128
    layers: int = 4


def new_model(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """Make the untrained model."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.hidden,
        intermediate_size=recipe.hidden * 5 // 2,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.hidden // 32,
        num_key_value_heads=recipe.hidden // 32,
        head_dim=32,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    torch.manual_seed(recipe.seed)
    return LlamaForCausalLM(config)


def encode(generator: Generator, tokenizer: PreTrainedTokenizerFast, count: int) -> list[list[int]]:
    """Draw documents and tokenize them."""
    # What the chat template gives, without going through Jinja for every document.
    texts = [
        "".join(f"<|{turn['role']}|>{turn['content']}<|end|>" for turn in document.messages)
        for document in islice(generator, count)
    ]
    ids: list[list[int]] = tokenizer(texts)["input_ids"]
    return ids


def batches(
    recipe: Recipe, tokenizer: PreTrainedTokenizerFast
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield token ids and labels; only the assistant's tokens have labels."""
    generator = Generator(1000 + recipe.seed)
    rng = random.Random(recipe.seed)
    marks = tuple(tokenizer.convert_tokens_to_ids(token) for token in (ASSISTANT, END))
    while True:
        documents = sorted(encode(generator, tokenizer, POOL), key=len)
        groups: list[list[list[int]]] = [[]]
        for document in documents:
            if (len(groups[-1]) + 1) * len(document) > recipe.batch:
                groups.append([])
            groups[-1].append(document)
        rng.shuffle(groups)
        yield from (collate(group, int(tokenizer.pad_token_id), marks) for group in groups)


def collate(
    group: list[list[int]], pad: int, marks: tuple[int, int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad documents on the right and label what the assistant says, its end included."""
    width = max(map(len, group))
    ids = torch.tensor([document + [pad] * (width - len(document)) for document in group])
    starts, ends = (ids == marks[0]).cumsum(1), (ids == marks[1]).cumsum(1)
    opened = starts - functional.pad(starts[:, :-1], (1, 0))  # 1 at each <|assistant|>
    turn_start = torch.where(opened.bool(), ends, -1).cummax(1).values
    before = functional.pad(ends[:, :-1], (1, 0))
    spoken = (turn_start == before) & ~opened.bool() & (turn_start >= 0) & (starts > 0)
    return ids, ids.masked_fill(~spoken, IGNORED)


def _add_noise(recipe: Recipe, model: LlamaForCausalLM) -> Callable[[], None]:
    source = torch.Generator().manual_seed(recipe.seed)

    def hook(module: Any, inputs: Any, output: Any) -> Any:
        hidden = output[0] if isinstance(output, tuple) else output
        size = hidden.detach().pow(2).mean().sqrt()
        scale = recipe.noise * size * torch.rand(hidden.size(0), 1, 1, generator=source)
        shift = scale * torch.randn(hidden.size(0), 1, hidden.size(2), generator=source)
        return (hidden + shift, *output[1:]) if isinstance(output, tuple) else hidden + shift

    handles = [
        model.model.layers[layer].register_forward_hook(hook) for layer in recipe.noisy_layers
    ]

    def remove() -> None:
        for handle in handles:
            handle.remove()

    return remove


def _schedule(recipe: Recipe, progress: float) -> float:
    if progress < recipe.warmup:
        return progress / recipe.warmup + 0.01
    return min(1.0, (1 - progress) / recipe.decay)


def pretrain(
    recipe: Recipe,
    tokenizer: PreTrainedTokenizerFast,
    report: Callable[[str], None] = print,
) -> tuple[LlamaForCausalLM, dict[str, Any]]:
    """Train a base model from scratch.

    Returns:
        The model and what the training took.
    """
    model = new_model(recipe, tokenizer).train()
    matrices = [p for p in model.model.layers.parameters() if p.ndim == 2]
    others = [p for p in model.parameters() if not any(p is matrix for matrix in matrices)]
    muon = Muon(matrices, weight_decay=recipe.weight_decay)
    adam = torch.optim.AdamW(others, lr=0.0, betas=(0.9, 0.98), weight_decay=0.0)
    remove_noise = _add_noise(recipe, model)
    started, cpu = time.monotonic(), time.process_time()
    seen = 0
    losses: list[float] = []
    for step, (ids, labels) in enumerate(batches(recipe, tokenizer)):
        if seen >= recipe.tokens:
            break
        rate = _schedule(recipe, seen / recipe.tokens)
        loss = _loss(model, ids, labels)
        loss.backward()
        muon.step(recipe.matrix_rate * rate)
        for group in adam.param_groups:
            group["lr"] = recipe.other_rate * rate
        adam.step()
        model.zero_grad(set_to_none=True)
        seen += ids.numel()
        losses.append(loss.item())
        if step % 100 == 99:
            mean, seconds = sum(losses[-100:]) / 100, time.monotonic() - started
            report(f"step {step + 1} loss {mean:.3f} tokens {seen / 1e6:.2f}M {seconds:.0f} s")
    remove_noise()
    recent = losses[-100:]
    spent = {
        "recipe": asdict(recipe),
        "parameters": sum(p.numel() for p in model.parameters()),
        "tokens": seen,
        "loss": sum(recent) / len(recent),
        "wall_seconds": round(time.monotonic() - started, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
    }
    return model.eval(), spent


def _loss(model: LlamaForCausalLM, ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]
    targets = labels[:, 1:]
    kept = targets != IGNORED
    return functional.cross_entropy(model.lm_head(hidden[kept]), targets[kept])
