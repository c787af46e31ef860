"""One base with adapters, twice: in our engine's slots and under stock PEFT, on the device."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from experiments.schema import SamplingConfig
from tests.builders.sampling import TEXTS
from tests.gpu.homes import model
from tests.gpu.session import Session
from wgen_tui.workers.adapters import Adapter, lora_layers
from wgen_tui.workers.sample.engine.decode import Completion, Request, SamplingParams, end_tokens
from wgen_tui.workers.sample.engine.engine import Engine
from wgen_tui.workers.sample.engine.multi_lora import NO_SLOT, AdapterSlots

FAMILY = "qwen3"
RANKS = (1, 2, 4, 8, 16, 2, 4, 8)
SLOTS = (NO_SLOT, *range(len(RANKS)))
MORE_TEXTS = ("What do people eat for dinner?", "How are letters sent?", "Who rules the country?")
Draws = dict[Request, Completion]


class Rivals:
    """Both sides.

    Attributes:
        prompts: Token ids of each.
        notes: What the engine had to say.
        ways: How its batches were made up.
    """

    def __init__(self, session: Session, dtype: torch.dtype) -> None:
        self.device = session.device
        folder = model(session, FAMILY)
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self._base, bare = (
            AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
            .to(session.device)
            .eval()
            .requires_grad_(False)
            for _ in range(2)
        )
        self._stock = self._with_adapters(bare)
        self._slots = AdapterSlots(self._base)
        self._adapters = [self._adapter(number) for number in range(len(RANKS))]
        self._ends = end_tokens(self._base, self.tokenizer)
        self.prompts = [self._prompt(text) for text in (*TEXTS, *MORE_TEXTS)]
        self.notes: list[str] = []
        self.ways: set[str] = set()

    def _with_adapters(self, base: Any) -> Any:
        torch.manual_seed(0)
        configs = [
            LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear") for rank in RANKS
        ]
        peft = get_peft_model(base, configs[0], adapter_name="a0")
        for number, config in enumerate(configs[1:], start=1):
            peft.add_adapter(f"a{number}", config)
        for layer in lora_layers(peft).values():
            for half in layer.lora_B.values():
                torch.nn.init.normal_(half.weight, std=0.05)
        return peft.eval().requires_grad_(False)

    def _adapter(self, number: int) -> Adapter:
        weights = {
            name: (layer.lora_A[f"a{number}"].weight, layer.lora_B[f"a{number}"].weight)
            for name, layer in lora_layers(self._stock).items()
        }
        return Adapter(RANKS[number], 2.0, weights)

    def _prompt(self, text: str) -> tuple[int, ...]:
        chat = [{"role": "user", "content": text}]
        rendered = self.tokenizer.apply_chat_template(
            chat, tokenize=False, add_generation_prompt=True
        )
        return tuple(self.tokenizer(rendered, add_special_tokens=False)["input_ids"])

    # -- ours ------------------------------------------------------------------------------------

    def requests(self, slot: int, n: int) -> list[Request]:
        """`n` draws of every prompt; a draw's seed is its own."""
        return [
            Request(number, prompt, seed=1000 * (slot + 2) + number, slot=slot)
            for number, prompt in enumerate(p for p in self.prompts for _ in range(n))
        ]

    def draw(self, queues: Sequence[Sequence[Request]], sampling: SamplingConfig) -> Draws:
        """Draw from the base and all adapters by the engine."""
        self._slots.load(self._adapters)
        return self._draw(queues, sampling, self._slots)

    def draw_bare(self, queue: Sequence[Request], sampling: SamplingConfig) -> Draws:
        """Draw from the base when nothing is on it."""
        self._slots.clear()
        return self._draw([queue], sampling, None)

    def _draw(
        self,
        queues: Sequence[Sequence[Request]],
        sampling: SamplingConfig,
        slots: AdapterSlots | None,
    ) -> Draws:
        params = SamplingParams(self.tokenizer, sampling, self._ends)
        engine = Engine(self._base, params, slots, self.notes.append)
        found: Draws = {}
        self.ways.clear()
        for completion, way in engine.draw(queues, lambda: None):
            found[completion.request] = completion
            self.ways.add(way)
        return found

    # -- stock PEFT ------------------------------------------------------------------------------

    def _answering_as(self, slot: int) -> AbstractContextManager[Any]:
        if slot == NO_SLOT:
            disabled: AbstractContextManager[Any] = self._stock.disable_adapter()
            return disabled
        self._stock.set_adapter(f"a{slot}")
        return nullcontext()

    def generate(self, slot: int, tokens: int) -> list[list[int]]:
        """The likeliest tokens after every prompt, up to the end token."""
        self.tokenizer.padding_side = "left"
        batch = self.tokenizer.pad(
            {"input_ids": [list(prompt) for prompt in self.prompts]}, return_tensors="pt"
        ).to(self.device)
        with torch.inference_mode(), self._answering_as(slot):
            output = self._stock.generate(
                **batch,
                max_new_tokens=tokens,
                do_sample=False,
                pad_token_id=self.tokenizer.pad_token_id,
            )
        return [self._cut(row) for row in output[:, batch["input_ids"].size(1) :].tolist()]

    def _cut(self, row: list[int]) -> list[int]:
        ends = [place for place, token in enumerate(row) if token in self._ends]
        return row[: ends[0] + 1] if ends else row

    def log_probs(
        self, slot: int, rows: Sequence[tuple[Sequence[int], Sequence[int]]]
    ) -> list[torch.Tensor]:
        """What the stock model makes of completions: log-probabilities [tokens, vocabulary] each.

        Args:
            slot: The adapter.
            rows: Prompts with completions; all go through the model together.
        """
        whole = [[*prompt, *tokens] for prompt, tokens in rows]
        width = max(map(len, whole))
        pad = self.tokenizer.pad_token_id
        ids = torch.tensor([row + [pad] * (width - len(row)) for row in whole])
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in whole])
        with torch.inference_mode(), self._answering_as(slot):
            logits = self._stock(
                input_ids=ids.to(self.device), attention_mask=mask.to(self.device)
            ).logits.float()  # [rows, width, vocabulary]
        return [
            own[len(prompt) - 1 : len(prompt) - 1 + len(tokens)].log_softmax(-1).double().cpu()
            for own, (prompt, tokens) in zip(logits, rows, strict=True)
        ]
