"""What an architecture does here: each is trained, sampled, packed and verified for real.

Promises: nothing is stubbed; what a column of the table says was seen of a model that was built,
written to disk and loaded like any other.
"""

from __future__ import annotations

import gc
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import set_seed
from peft import PeftModel, get_peft_model, get_peft_model_state_dict

from experiments.schema import SamplingConfig
from tests.builders.training_home import TrainingHome, difference
from tests.zoo.configs import build
from wgen_tui.paths import Home
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.services.models.support import NO_LORA, examples
from wgen_tui.workers.adapters import NotStackable, read_adapter
from wgen_tui.workers.data import collate, load_examples
from wgen_tui.workers.models import Base, load_base
from wgen_tui.workers.module_calls import ModuleCalls
from wgen_tui.workers.recipe import Order, Schedule, lora_config
from wgen_tui.workers.sample.engine.decode import Request, SamplingParams
from wgen_tui.workers.sample.engine.engine import Engine
from wgen_tui.workers.sample.engine.multi_lora import NO_SLOT, AdapterSlots
from wgen_tui.workers.sample.engine.state_check import refuse_lost_state
from wgen_tui.workers.verify.check import FP32_LIMIT, Verifier

CPU = torch.device("cpu")
STEPS, DRAWN = 3, 6
LENGTHS = (12, 5, 9)  # of prompts: longer than the windows of the models built here
RUNS = ("one", "two")
M2 = ["in_proj", "q_proj", "v_proj", "up_proj", "down_proj", "gate_proj"]


@dataclass(frozen=True)
class Trial:
    """What was seen of an architecture.

    Attributes:
        adapters: Modules that the adapter is on.
        idle: Those of them that no gradient reached.
        losses: Of each step.
        alone: Why the runs were not trained in one stack; empty where they were.
        packed: Whether a pass of the training was packed.
        same_draws: Whether a batch of prompts and adapters drew what each draws alone.
        like_uncached: Whether the base's draws are the likeliest tokens of a pass without a cache.
        against: What the adapter was compared with: "TRL", or "PyTorch" where TRL fails.
        apart: How far it is from that.
        verified: Whether that is within rounding.
    """

    name: str
    adapters: int
    idle: tuple[str, ...]
    losses: tuple[float, ...]
    alone: str
    packed: bool
    same_draws: bool
    like_uncached: bool
    against: str
    apart: float
    verified: bool


def try_architecture(name: str, folder: Path) -> Trial:
    """Build an architecture and put it through what a run goes through.

    Raises:
        WorkerError: it is refused.
    """
    home = TrainingHome(Home(folder / "home").ensure(), build(name, folder / "model"))
    base = load(home.model)
    refuse_lost_state(base)
    for seed, run in enumerate(RUNS):
        home.add(
            run,
            seed=seed,
            max_steps=STEPS,
            learning_rate=1e-2,
            adam_epsilon=1e-4,  # so that a gradient that is all rounding moves nothing
            per_device_train_batch_size=3,  # of unlike lengths: one of the steps is packed
            lora=lora_of(name),
        )
    worker = home.train(stack=len(RUNS))
    for outcome in worker.outcomes.values():
        assert outcome.outcome == "finished", f"{name}: {outcome.title}: {outcome.message}"
    provenance = home.manifest("one")["provenance"]
    lines = home.home.run("one").metrics.read_text().splitlines()
    same, like = _draws(base, home)
    against, apart, verified = _verified(home)
    gc.collect()
    return Trial(
        name=name,
        adapters=sum(".lora_B" in key for key in home.adapter("one")),
        idle=tuple(provenance.get("idle_modules", ())),
        losses=tuple(json.loads(line)["loss"] for line in lines),
        alone=provenance.get("why", ""),
        packed=provenance.get("passes_packed", 0) > 0,
        same_draws=same,
        like_uncached=like,
        against=against,
        apart=apart,
        verified=verified,
    )


def lora_of(name: str) -> dict[str, Any]:
    """LoRA on all linear modules, or on those that take one."""
    return {"target_modules": examples(name)} if name in NO_LORA else {}


def load(model: Path) -> Base:
    return load_base(ModelRef(name=model.name, location=str(model)), None, None, CPU)


# -- sampling ------------------------------------------------------------------------------------


def _draws(base: Base, home: TrainingHome) -> tuple[bool, bool]:
    """Draw greedily from base and adapters, in one batch and one by one, and without a cache."""
    random = torch.Generator().manual_seed(1)
    size = len(base.tokenizer)
    prompts = [
        tuple(torch.randint(3, size, (length,), generator=random).tolist()) for length in LENGTHS
    ]
    params = SamplingParams(
        base.tokenizer, SamplingConfig(max_tokens=DRAWN, temperature=0), frozenset()
    )
    same = True
    with _engine(base, home, params) as (engine, slots):
        keys = [(slot, prompt) for slot in slots for prompt in prompts]
        requests = [Request(n, prompt, seed=n, slot=slot) for n, (slot, prompt) in enumerate(keys)]
        together = _drawn(engine, requests)
        same = together == [tokens for one in requests for tokens in _drawn(engine, [one])]
    bare = Engine(base.model, params, None, print)
    own = _drawn(bare, [Request(n, prompt, seed=n) for n, prompt in enumerate(prompts)])
    return same, own == [_uncached(base, prompt) for prompt in prompts]


@contextmanager
def _engine(
    base: Base, home: TrainingHome, params: SamplingParams
) -> Iterator[tuple[Engine, list[int]]]:
    """The base with the runs' adapters in slots; or one of them by PEFT."""
    folders = [home.home.run(run).checkpoint(STEPS) for run in RUNS]
    slots = AdapterSlots(base.model)
    try:
        adapters = [read_adapter(folder) for folder in folders]
        if why := ModuleCalls(base.model).why_not_stacked(adapters[0].weights):
            raise NotStackable(why)
    except NotStackable:
        model: Any = PeftModel.from_pretrained(base.model, folders[0]).eval()
        yield Engine(model, params, None, print), [NO_SLOT]
        base.model = model.unload()
        return
    slots.load(adapters)
    yield Engine(base.model, params, slots, print), [NO_SLOT, 0, 1]
    slots.clear()


def _drawn(engine: Engine, requests: list[Request]) -> list[list[int]]:
    drawn = {done.sample_id: done.tokens for done, _ in engine.draw([requests], lambda: None)}
    return [drawn[request.sample_id] for request in requests]


@torch.inference_mode()
def _uncached(base: Base, prompt: tuple[int, ...]) -> list[int]:
    ids = list(prompt)
    for _ in range(DRAWN):
        logits = base.model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1]
        ids.append(int(logits.argmax()))
    return ids[len(prompt) :]


# -- training ------------------------------------------------------------------------------------


def _verified(home: TrainingHome) -> tuple[str, float, bool]:
    """How far the run's adapter is from stock TRL's, or from a plain PyTorch loop's."""
    verifier = Verifier(home.home, "one", io.StringIO())
    try:
        seen = verifier.run(floor=True)
    except AttributeError:  # TRL's own
        ours = home.adapter("one")
        apart = difference(ours, _plain(verifier, load(home.model), home.home.run("one").data))
        return "PyTorch", apart, apart <= FP32_LIMIT
    return "TRL", seen.difference, seen.passed


def _plain(verifier: Verifier, base: Base, data: Path) -> dict[str, torch.Tensor]:
    """The adapter of a loop as PyTorch's and PEFT's documentation have it."""
    training, seeds = verifier.training, verifier.spec.seeds
    examples = load_examples(data, base.tokenizer, training).examples
    set_seed(seeds.lora_init)
    model = get_peft_model(base.model, lora_config(training, base.model)).train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        trained, eps=training.adam_epsilon, weight_decay=training.weight_decay
    )
    order, schedule = Order(examples, training, seeds.data_order), Schedule(training, STEPS)
    for step in range(1, STEPS + 1):
        (batch,) = order.batches(step)
        ids, mask, labels = collate(batch, base.tokenizer.pad_token_id, CPU)
        logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        torch.nn.functional.cross_entropy(logits[labels >= 0], labels[labels >= 0]).backward()
        torch.nn.utils.clip_grad_norm_(trained, training.max_grad_norm or float("inf"))
        optimizer.param_groups[0]["lr"] = schedule.rate
        optimizer.step()
        optimizer.zero_grad()
        schedule.advance()
    state: dict[str, torch.Tensor] = get_peft_model_state_dict(model)
    return {name: tensor.clone() for name, tensor in state.items()}
