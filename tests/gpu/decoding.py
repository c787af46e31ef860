"""Sampling base + 8 adapters of a model in memory, for what it takes rather than what it draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from experiments.schema import SamplingConfig, TrainingConfig
from tests.benchmarks.bench_sampling import ADAPTERS, QUESTIONS
from wgen_tui.workers.adapters import new_adapter
from wgen_tui.workers.encoding import render
from wgen_tui.workers.models import Base
from wgen_tui.workers.recipe import lora_config
from wgen_tui.workers.sample.engine.decode import Request, SamplingParams
from wgen_tui.workers.sample.engine.engine import Engine
from wgen_tui.workers.sample.engine.multi_lora import NO_SLOT, AdapterSlots

__all__ = ["ADAPTERS", "QUESTIONS", "first_batch"]


def first_batch(
    base: Base, training: TrainingConfig, draws: int, tokens: int, poll: Callable[[], None]
) -> None:
    """Draw one batch, as large as the engine makes it, from the base and new adapters on it.

    Args:
        base: Without adapters, as it is again afterwards.
        training: Says what the adapters are.
        draws: Of each of the questions, from each adapter.
        tokens: Of each draw.
        poll: Called before each token.
    """
    slots = AdapterSlots(base.model)
    try:
        with base.device:  # on a CPU an 8B's adapter takes PEFT a second
            adapter, _ = new_adapter(base.model, lora_config(training, base.model), 0)
        slots.load([adapter] * ADAPTERS)
        del adapter
        sampling = SamplingConfig(n=draws, max_tokens=tokens)
        params = SamplingParams(base.tokenizer, sampling, frozenset())
        engine = Engine(base.model, params, slots, print)
        prompts = [_prompt(base.tokenizer, question) for question in QUESTIONS] * draws
        queues = [
            [Request(number, prompt, number, slot) for number, prompt in enumerate(prompts)]
            for slot in range(NO_SLOT, ADAPTERS)
        ]
        for _ in engine.draw(queues, poll):
            break  # no answer ends early, so all of the batch are done
    finally:
        slots.clear()


def _prompt(tokenizer: Any, question: str) -> tuple[int, ...]:
    text = render(tokenizer, [{"role": "user", "content": question}], prompt=True)
    return tuple(tokenizer(text, add_special_tokens=False)["input_ids"])
