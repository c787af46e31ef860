"""Rows that do not count alike, and answers that are left out, against a plain PyTorch loop."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from peft import PeftModel, get_peft_model, get_peft_model_state_dict
from transformers import AutoModelForCausalLM, AutoTokenizer

from experiments.readers.chats import read_chat
from experiments.schema import TrainingConfig
from tests.builders.training_home import TrainingHome, chats, difference
from wgen_tui.training_data.chat_lines import write_chat
from wgen_tui.workers.models import load_base
from wgen_tui.workers.recipe import lora_config
from wgen_tui.workers.train.run import load_run
from wgen_tui.workers.train.single import train_single

CLOSE = 1e-4
WEIGHTS = [0.25, 1.0, 3.0, 0.5, 2.0, 1.0, 1.5]
BATCH, STEPS, RATE = 3, 8, 1e-3


def weighted_rows(seed: int) -> list[dict[str, Any]]:
    """Chats of two answers, the first of them at half its row's weight."""
    rows = []
    for place, weight in enumerate(WEIGHTS):
        first, second = (chat["messages"] for chat in chats(2, 10 * seed + place))
        half = [first[0], {**first[1], "loss_weight": 0.5}]
        rows.append({"messages": [*half, *second], "loss_weight": weight})
    return rows


def read(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows as a plan reads them and writes them into a run's data.jsonl."""
    return [json.loads(write_chat(read_chat(row, lambda _: None))) for row in rows]


def plain_loop(
    field: TrainingHome, rows: list[dict[str, Any]], seed: int, start: Path | None = None
) -> dict[str, Any]:
    """The adapter of a loop that knows nothing of ours but PEFT's configuration."""
    tokenizer = AutoTokenizer.from_pretrained(field.model)
    examples = []
    for row in rows:
        ids: list[int] = []
        weights: list[float] = []
        turns = [{"role": turn["role"], "content": turn["content"]} for turn in row["messages"]]
        for place, turn in enumerate(row["messages"]):
            prompt = turn["role"] == "user"
            text = tokenizer.apply_chat_template(
                turns[: place + 1], tokenize=False, add_generation_prompt=prompt
            )
            more = tokenizer(text, add_special_tokens=False)["input_ids"][len(ids) :]
            own = 0.0 if prompt else row["loss_weight"] * turn.get("loss_weight", 1.0)
            ids, weights = [*ids, *more], [*weights, *[own] * len(more)]
        examples.append((torch.tensor(ids), torch.tensor(weights)))
    base = AutoModelForCausalLM.from_pretrained(field.model)
    training = TrainingConfig(max_steps=STEPS)
    set_seed(seed)
    if start is None:
        model = get_peft_model(base, lora_config(training, base)).train()
    else:
        model = PeftModel.from_pretrained(base, start, is_trainable=True).train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.0)
    per_epoch = -(-len(rows) // BATCH)
    for step in range(STEPS):
        epoch, place = divmod(step, per_epoch)
        shuffler = torch.Generator().manual_seed(seed + epoch)
        order = torch.randperm(len(rows), generator=shuffler).tolist()
        total, divisor = torch.zeros(()), 0.0
        for index in order[place * BATCH : (place + 1) * BATCH]:
            ids, weights = examples[index]
            logits = model(input_ids=ids[None]).logits[0, :-1]
            losses = torch.nn.functional.cross_entropy(logits, ids[1:], reduction="none")
            total = total + (losses * weights[1:]).sum()
            divisor += float(weights[1:].sum())
        (total / divisor).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        for group in optimizer.param_groups:
            group["lr"] = RATE * (1 - step / STEPS)
        optimizer.step()
        optimizer.zero_grad()
    return dict(get_peft_model_state_dict(model, save_embedding_layers=False))


def alone(field: TrainingHome, run_id: str) -> None:
    worker = field.launch(run_id)
    accelerator = Accelerator()
    spec = worker.run_spec(run_id)
    base = load_base(spec.model, spec.training, None, accelerator.device)
    run = load_run(worker, base, spec)
    assert run is not None
    train_single(worker, base, accelerator, run)


def test_a_weighted_loss_is_that_of_a_plain_loop(make_field: Callable[..., TrainingHome]) -> None:
    grid, single = make_field(home="grid"), make_field(home="single")
    training = {"max_steps": STEPS, "learning_rate": RATE, "per_device_train_batch_size": BATCH}
    for field in (grid, single):
        for seed in range(2):
            field.add(f"w{seed}", seed=seed, own_rows=read(weighted_rows(seed)), **training)
        field.add("plain", seed=2, **training)
    worker = grid.train()
    assert {item.outcome for item in worker.outcomes.values()} == {"finished"}
    assert grid.manifest("w0")["provenance"]["stack"] == [3]
    for seed in range(2):
        expected = plain_loop(grid, weighted_rows(seed), seed)
        alone(single, f"w{seed}")
        assert difference(grid.adapter(f"w{seed}"), expected) < CLOSE
        assert difference(single.adapter(f"w{seed}"), expected) < CLOSE
    alone(single, "plain")
    assert difference(grid.adapter("plain"), single.adapter("plain")) < CLOSE
    assert any("loss_weight: " in note for note in grid.notes(worker))


@pytest.mark.parametrize("weight", [0.5, 4.0])
def test_weights_that_are_all_alike_change_nothing(
    make_field: Callable[..., TrainingHome], weight: float
) -> None:
    field = make_field()
    rows = chats(6, 1)
    field.add("plain", own_rows=rows)
    field.add("alike", own_rows=[{**row, "messages": _all(row, weight)} for row in rows])
    field.train()
    assert difference(field.adapter("alike"), field.adapter("plain")) < CLOSE


def _all(row: dict[str, Any], weight: float) -> list[dict[str, Any]]:
    user, answer = row["messages"]
    return [user, {**answer, "loss_weight": weight}]


def test_only_the_last_answer_is_trained(make_field: Callable[..., TrainingHome]) -> None:
    field = make_field()
    rows = [{"messages": [t for c in chats(3, seed) for t in c["messages"]]} for seed in range(5)]
    zero = [
        {
            "messages": [{**t, "weight": 0} if t["role"] == "assistant" else t for t in turns[:-1]]
            + turns[-1:]
        }
        for turns in (row["messages"] for row in rows)
    ]
    field.add("last", own_rows=rows, train_on="last")
    field.add("zero", own_rows=zero)
    field.add("all", own_rows=rows)
    worker = field.train()
    assert difference(field.adapter("last"), field.adapter("zero")) < CLOSE
    assert difference(field.adapter("all"), field.adapter("zero")) > 0.1
    notes = field.notes(worker)
    assert (
        "last: train_on: last leaves 10 earlier answers of 5 of 5 examples untrained "
        in "".join(notes)
    )
