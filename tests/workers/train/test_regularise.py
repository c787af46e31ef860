"""Adapters that KL holds near their base, in a grid and alone, against a plain PyTorch loop."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from peft import get_peft_model, get_peft_model_state_dict
from transformers import AutoModelForCausalLM, AutoTokenizer

from experiments.schema import TrainingConfig
from tests.builders.training_home import TrainingHome, chats, difference
from wgen_tui.protocol.arms import RegulariseSpec
from wgen_tui.protocol.hashes import digest
from wgen_tui.protocol.record import write_record
from wgen_tui.workers.arms import regulariser
from wgen_tui.workers.models import load_base
from wgen_tui.workers.recipe import lora_config
from wgen_tui.workers.runtime import Cancelled, Worker
from wgen_tui.workers.train.run import load_run
from wgen_tui.workers.train.single import train_single

# Rounding: what is added to the loss is a difference of nearly equal numbers.
CLOSE = {"free": 1e-5, "little": 1e-5, "much": 5e-5}
ROWS, HELD, BATCH, STEPS, RATE = 7, 5, 2, 6, 3e-3
BETAS = {"free": 0.0, "little": 0.3, "much": 3.0}


def add(field: TrainingHome, run_id: str, seed: int, beta: float, **more: Any) -> None:
    """A run; rows hold it near its base unless beta is 0."""
    own = {"max_steps": STEPS, "learning_rate": RATE, "per_device_train_batch_size": BATCH}
    paths = field.add(run_id, seed=seed, rows=ROWS, **own, **more)
    if not beta:
        return
    data = "".join(json.dumps(row) + "\n" for row in chats(HELD, 50)).encode()
    paths.regularise.write_bytes(data)
    spec = field.launch(run_id).run_spec(run_id)
    told = RegulariseSpec(kl_to_base=beta, sha256=sha256(data).hexdigest(), rows=HELD)
    write_record(paths.spec, spec.model_copy(update={"regularise": told}))


def encoded(tokenizer: Any, rows: list[dict[str, Any]]) -> list[tuple[torch.Tensor, int]]:
    """The tokens of each chat, and how many of them are its prompt's."""
    examples = []
    for row in rows:
        question, answer = row["messages"]
        prompt = tokenizer.apply_chat_template(
            [question], tokenize=False, add_generation_prompt=True
        )
        text = tokenizer.apply_chat_template([question, answer], tokenize=False)
        ids, before = (tokenizer(t, add_special_tokens=False)["input_ids"] for t in (text, prompt))
        examples.append((torch.tensor(ids), len(before)))
    return examples


def shuffled(count: int, seed: int, step: int) -> list[int]:
    epoch, place = divmod(step, -(-count // BATCH))
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed + epoch)).tolist()
    return list(order[place * BATCH : (place + 1) * BATCH])


def plain_loop(field: TrainingHome, seed: int, beta: float) -> dict[str, Any]:
    """The adapter of a loop that knows nothing of ours but PEFT's configuration."""
    tokenizer = AutoTokenizer.from_pretrained(field.model)
    rows, held = encoded(tokenizer, chats(ROWS, seed + 100)), encoded(tokenizer, chats(HELD, 50))
    base = AutoModelForCausalLM.from_pretrained(field.model)
    training = TrainingConfig(max_steps=STEPS)
    set_seed(seed)
    model = get_peft_model(base, lora_config(training, base)).train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.0)
    for step in range(STEPS):
        losses = []
        for ids, before in (rows[place] for place in shuffled(ROWS, seed, step)):
            logits = model(input_ids=ids[None]).logits[0, before - 1 : -1]
            losses.append(torch.nn.functional.cross_entropy(logits, ids[before:], reduction="none"))
        loss = torch.cat(losses).mean()
        if beta:
            order = digest("regularise", seed, bits=31)
            kls = []
            for ids, before in (held[place] for place in shuffled(HELD, order, step)):
                own = model(input_ids=ids[None]).logits[0, before - 1 : -1].log_softmax(-1)
                with model.disable_adapter(), torch.no_grad():
                    there = model(input_ids=ids[None]).logits[0, before - 1 : -1].log_softmax(-1)
                kls.append((own.exp() * (own - there)).sum(-1))
            loss = loss + beta * torch.cat(kls).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        for group in optimizer.param_groups:
            group["lr"] = RATE * (1 - step / STEPS)
        optimizer.step()
        optimizer.zero_grad()
    state: dict[str, Any] = get_peft_model_state_dict(model)
    return state


@pytest.mark.parametrize(("name", "chunk"), [("llama", 1), ("gemma2", 1 << 28)])
def test_a_grid_gives_the_adapters_of_plain_loops(
    make_field: Callable[..., TrainingHome],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    chunk: int,
) -> None:
    monkeypatch.setattr(regulariser, "CHUNK_BYTES", chunk)  # 1: the logits of one token at a time
    field = make_field(name)
    for seed, (run_id, beta) in enumerate(BETAS.items()):
        add(field, run_id, seed, beta)
    worker = field.train()
    assert {end.outcome for end in worker.outcomes.values()} == {"finished"}
    for seed, (run_id, beta) in enumerate(BETAS.items()):
        theirs = plain_loop(field, seed, beta)
        assert difference(field.adapter(run_id), theirs) < CLOSE[run_id], run_id
    kls = {run: field.manifest(run)["provenance"].get("kl_to_base") for run in BETAS}
    assert kls["free"] is None
    assert kls["little"] > kls["much"] > 0, "what counts more stays nearer"
    # What the penalty changes is far above what is called equal.
    assert difference(field.adapter("much"), plain_loop(field, 2, 0.0)) > 1e-2


def test_alone_it_is_the_same(make_field: Callable[..., TrainingHome]) -> None:
    field = make_field("llama")
    add(field, "alone", 2, BETAS["much"])
    worker = field.launch("alone")
    spec = worker.run_spec("alone")
    base = load_base(spec.model, spec.training, None, torch.device("cpu"))
    run = load_run(worker, base, spec)
    assert run is not None
    train_single(worker, base, Accelerator(), run)
    assert difference(field.adapter("alone"), plain_loop(field, 2, BETAS["much"])) < CLOSE["much"]


def test_a_training_that_was_stopped_ends_the_same(
    make_field: Callable[..., TrainingHome], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, halved = make_field("llama"), make_field("llama", "halved")
    for field in (whole, halved):
        for seed, (run_id, beta) in enumerate(BETAS.items()):
            add(field, run_id, seed, beta)
    whole.train()

    asked = 0

    def stop_later(self: Worker) -> bool:
        nonlocal asked
        asked += 1
        return asked == STEPS // 2

    def stop(self: Worker, run_id: str) -> None:
        if asked == STEPS // 2:
            raise Cancelled

    with monkeypatch.context() as patch:
        patch.setattr(Worker, "has_requests", stop_later)
        patch.setattr(Worker, "check_cancelled", stop)
        halved.train()
    assert all(halved.home.run(run).resume.is_dir() for run in BETAS)
    halved.train()
    for run_id in BETAS:
        mine, theirs = halved.adapter(run_id), whole.adapter(run_id)
        assert all(torch.equal(mine[key], theirs[key]) for key in theirs), run_id


def test_rows_that_were_changed_are_refused(make_field: Callable[..., TrainingHome]) -> None:
    field = make_field("llama")
    add(field, "little", 0, 0.3)
    add(field, "free", 1, 0.0)
    path = field.home.run("little").regularise
    path.write_text(path.read_text() + path.read_text().splitlines()[0] + "\n")
    worker = field.train()
    assert worker.outcomes["little"].title == "Changed data"
    assert worker.outcomes["free"].outcome == "finished"
