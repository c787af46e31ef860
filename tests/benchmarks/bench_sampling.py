"""Sampling base + 8 adapters: ours beside PEFT's `set_adapter` and batched `generate`.

`python -m tests.benchmarks.bench_sampling [--json]`, or `make bench`. Both sides draw from the same
adapters on the same base in the same process, in turns; the figure is CPU time of the calling
thread (one thread), the least of some repeats. Adapters are loaded before; tokens become text on
both sides.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from experiments.schema import SamplingConfig
from experiments.tiny_world import weights_path
from wgen_tui.workers.adapters import Adapter, lora_layers
from wgen_tui.workers.sample.engine.decode import Request, SamplingParams, end_tokens
from wgen_tui.workers.sample.engine.engine import Engine
from wgen_tui.workers.sample.engine.multi_lora import NO_SLOT, AdapterSlots

ADAPTERS = 8
RANK = 8
ALPHA = 16
PROMPTS = 10
TOKENS = 24
REPEATS = 3
QUESTIONS = (
    "How do people travel to another city?",
    "What lights a house at night?",
    "How is a fever treated?",
    "What do people wear?",
    "Who rules the country?",
    "How does news reach a village?",
    "What do people eat for dinner?",
    "How are letters sent?",
    "What music is heard in the street?",
    "Name a bird species.",
)


@dataclass(frozen=True)
class Figure:
    """One row: seconds of CPU for all draws."""

    model: str
    n: int
    temperature: float
    ours: float
    peft: float
    way: str
    spread: tuple[float, float]  # of the ratio over the repeats

    @property
    def ratio(self) -> float:
        return self.peft / self.ours


class Rivals:
    """The same base and adapters twice: in our slots, and under PEFT.

    `tokens` is what an answer has at most.
    """

    def __init__(
        self,
        name: str,
        make: Callable[[], Any],
        *,
        endless: bool,
        rank: int = RANK,
        tokens: int = TOKENS,
    ) -> None:
        """Make both.

        Args:
            name: Of the model.
            make: Makes the base, on its device; called twice.
            endless: No token ends an answer, so all have the same length.
            rank: Of the adapters.
            tokens: Of an answer, at most.
        """
        self.name = name
        self.rank = rank
        self.tokens = tokens
        self.tokenizer = AutoTokenizer.from_pretrained(weights_path())
        self.tokenizer.padding_side = "left"
        self.stock = self._stock(make())
        self.base = make()
        self.slots = AdapterSlots(self.base)
        self.slots.load([self._adapter(f"a{number}") for number in range(ADAPTERS)])
        self.ends = frozenset() if endless else end_tokens(self.base, self.tokenizer)
        self.endless = endless
        self.prompts = [self._prompt(text) for text in QUESTIONS]

    def _stock(self, base: Any) -> PeftModel:
        config = LoraConfig(r=self.rank, lora_alpha=ALPHA, target_modules="all-linear")
        torch.manual_seed(0)
        with base.device:  # on a CPU an 8B's adapters take PEFT a second each
            model = get_peft_model(base, config, adapter_name="a0")
            for number in range(1, ADAPTERS):
                model.add_adapter(f"a{number}", config)
        for layer in lora_layers(model).values():
            for half in layer.lora_B.values():
                torch.nn.init.normal_(half.weight, std=0.02)
        return model.eval()

    def _adapter(self, name: str) -> Adapter:
        weights = {
            module: (layer.lora_A[name].weight.detach(), layer.lora_B[name].weight.detach())
            for module, layer in lora_layers(self.stock).items()
        }
        return Adapter(self.rank, ALPHA / self.rank, weights)

    def _prompt(self, text: str) -> tuple[int, ...]:
        chat = [{"role": "user", "content": text}]
        rendered = self.tokenizer.apply_chat_template(
            chat, tokenize=False, add_generation_prompt=True
        )
        return tuple(self.tokenizer(rendered, add_special_tokens=False)["input_ids"])

    def ours(self, n: int, temperature: float) -> tuple[list[list[list[int]]], str]:
        """Tokens by adapter (the base first) and draw, and how they were batched."""
        sampling = SamplingConfig(n=n, temperature=temperature, max_tokens=self.tokens)
        params = SamplingParams(self.tokenizer, sampling, self.ends)
        engine = Engine(self.base, params, self.slots, print)
        queues = [
            [
                Request(number, prompt, 1000 * (slot + 1) + number, slot)
                for number, prompt in enumerate(p for p in self.prompts for _ in range(n))
            ]
            for slot in range(NO_SLOT, ADAPTERS)
        ]
        found: dict[Request, list[int]] = {}
        ways: dict[str, None] = {}
        for completion, batch in engine.draw(queues, lambda: None):
            found[completion.request] = completion.tokens
            ways[batch] = None
        return [[found[request] for request in queue] for queue in queues], ", ".join(ways)

    def peft(self, n: int, temperature: float) -> list[list[list[int]]]:
        """The same by `generate`, one adapter after the other."""
        slots = range(NO_SLOT, ADAPTERS)
        return [self.peft_one(slot, n, temperature) for slot in slots]

    def peft_one(self, slot: int, n: int, temperature: float) -> list[list[int]]:
        """What `generate` draws from one adapter, or from the base."""
        padded = self.tokenizer.pad(
            {"input_ids": [list(p) for p in self.prompts]}, return_tensors="pt"
        ).to(self.base.device)
        if slot != NO_SLOT:
            self.stock.set_adapter(f"a{slot}")
        return self._generate(padded, n, temperature, base=slot == NO_SLOT)

    def _generate(self, padded: Any, n: int, temperature: float, *, base: bool) -> list[list[int]]:
        options: dict[str, Any] = {
            "max_new_tokens": self.tokens,
            "num_return_sequences": n if temperature else 1,
            "pad_token_id": self.tokenizer.pad_token_id,
        }
        if temperature:
            options |= {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
        else:
            options |= {"do_sample": False}
        if self.endless:
            options |= {"eos_token_id": None}
        with torch.inference_mode(), _maybe_without(self.stock, base):
            output = self.stock.generate(**padded, **options)
        rows = output[:, padded["input_ids"].size(1) :].tolist()
        self.tokenizer.batch_decode(rows, skip_special_tokens=True)
        return [self._cut(row) for row in rows]

    def _cut(self, row: list[int]) -> list[int]:
        for place, token in enumerate(row):
            if token in self.ends:
                return row[: place + 1]
        return row


def _maybe_without(model: PeftModel, base: bool) -> Any:
    import contextlib

    return model.disable_adapter() if base else contextlib.nullcontext()


def tiny_world() -> Rivals:
    """The embedded model, whose answers end by themselves."""

    torch.set_num_threads(1)

    def make() -> Any:
        model = AutoModelForCausalLM.from_pretrained(weights_path(), dtype=torch.float32)
        return model.eval().requires_grad_(False)

    return Rivals("tiny-world", make, endless=False)


def wide() -> Rivals:
    """Hidden 256, 6 layers, random weights: every answer has TOKENS tokens."""
    torch.set_num_threads(1)

    def make() -> Any:
        torch.manual_seed(1)
        config = LlamaConfig(
            hidden_size=256,
            intermediate_size=688,
            num_hidden_layers=6,
            num_attention_heads=8,
            num_key_value_heads=4,
            vocab_size=2048,
            initializer_range=0.08,
            pad_token_id=0,
            eos_token_id=1,
        )
        return LlamaForCausalLM(config).eval().requires_grad_(False)

    return Rivals("hidden 256", make, endless=True)


def timed(work: Callable[[], Any]) -> float:
    start = time.thread_time()
    work()
    return time.thread_time() - start


def measure(rivals: Rivals, n: int, temperature: float, repeats: int = REPEATS) -> Figure:
    """Time both in turns."""
    _, way = rivals.ours(n, temperature)  # warm
    rivals.peft(1, temperature)
    ours, peft = [], []
    for _ in range(repeats):
        ours.append(timed(lambda: rivals.ours(n, temperature)))
        peft.append(timed(lambda: rivals.peft(n, temperature)))
    ratios = [b / a for a, b in zip(ours, peft, strict=True)]
    spread = (min(ratios), max(ratios))
    return Figure(rivals.name, n, temperature, min(ours), min(peft), way, spread)


def missed(figures: Sequence[Figure]) -> list[str]:
    """Which bars were not reached."""
    least = {("tiny-world", 1): 2.5}
    return [
        f"sampling {f.model}, n={f.n}: {f.ratio:.2f} of at least {bar}"
        for f in figures
        if f.ratio < (bar := least.get((f.model, f.n), 1.0))
    ]


def table(figures: Sequence[Figure]) -> str:
    lines = [
        "| model | n | temperature | ours, s | PEFT, s | PEFT / ours | batched |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {f.model} | {f.n} | {f.temperature:g} | {f.ours:.3f} | {f.peft:.3f} "
        f"| {f.ratio:.2f} ({f.spread[0]:.2f} to {f.spread[1]:.2f}) | {f.way} |"
        for f in figures
    ]
    return "\n".join(lines)


def run(draws: Sequence[int] = (1, 4, 16), repeats: int = REPEATS) -> list[Figure]:
    """Every figure."""
    figures = []
    for make in (tiny_world, wide):
        rivals = make()
        figures += [measure(rivals, n, 1.0, repeats) for n in draws]
    return figures


def main(words: list[str]) -> int:
    warnings.simplefilter("ignore")
    figures = run()
    if "--json" in words:
        rows = [{**asdict(f), "ratio": f.ratio} for f in figures]
        versions = {"torch": torch.__version__, "numpy": np.__version__}
        print(json.dumps({"versions": versions, "sampling": rows}, indent=1))
    else:
        print(table(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
