"""Held-out rows get the loss and the likeliest tokens that a plain loop over stock models gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from experiments.schema import TrainingConfig
from tests.builders.sampling import BASE, add_base, make_stage, read_parts, sample_runs
from tests.builders.training_home import TrainingHome
from wgen_tui.protocol.held_out import HeldOutSet
from wgen_tui.protocol.launches import SampleStage
from wgen_tui.training_data.chat_lines import read_chat
from wgen_tui.training_data.mask import Example
from wgen_tui.training_data.texts import trained_chat
from wgen_tui.workers.encoding import encode

TURNS = (
    (("user", "Name a bird species."), ("assistant", "Lark.")),
    (("user", "Name a bird species."), ("assistant", "A wren that sings by the coach.")),
    (
        ("user", "What lights a house?"),
        ("assistant", "A lamp."),
        ("user", "And a street?"),
        ("assistant", "Gas"),
    ),
    (("user", "long " * 90), ("assistant", "Lark.")),
)


def chat(turns: tuple[tuple[str, str], ...], weight: float | None = None) -> str:
    messages: list[dict[str, Any]] = [{"role": role, "content": text} for role, text in turns]
    if weight is not None:
        messages[-1]["loss_weight"] = weight
    return json.dumps({"messages": messages})


def rows_of(field: TrainingHome, run_id: str, step: int) -> list[dict[str, Any]]:
    rows = read_parts(field.home.run(run_id).held_out)
    assert len({row["held_out_id"] for row in rows}) == len(rows)
    own = [row for row in rows if row["step"] == step]
    return sorted(own, key=lambda row: int(row["place"]))


@pytest.fixture
def field(make_field: Callable[..., TrainingHome]) -> TrainingHome:
    field = make_field("qwen3")
    learnt = [json.loads(chat(turns)) for turns in TURNS[:2]]  # by heart, so that some are exact
    more: dict[str, Any] = {"learning_rate": 3e-2, "checkpoints": {"every": 20}}
    field.add("a", own_rows=learnt, max_steps=40, **more)
    field.add("b", seed=1, max_steps=20, **more)
    field.add("dora", max_steps=6, learning_rate=3e-2, lora={"r": 4, "use_dora": True})
    add_base(field)
    field.train()
    return field


def stage_of(field: TrainingHome) -> SampleStage:
    """Each run's own rows; the last weighs in the loss, the long one is left out."""
    training = TrainingConfig(max_steps=6, max_length=80, too_long="drop")
    chats = (*map(chat, TURNS), chat(TURNS[2], 0.25))
    sets = [
        HeldOutSet(arm=run, models=("model",), training=training, chats=chats) for run in field.runs
    ]
    return make_stage(1, texts=("What lights a house?",)).model_copy(
        update={"held_out": tuple(sets)}
    )


def test_scores_are_those_of_a_plain_loop(field: TrainingHome) -> None:
    stage = stage_of(field)
    worker = sample_runs(field, stage)
    assert {end.outcome for end in worker.outcomes.values()} == {"finished"}
    tokenizer = AutoTokenizer.from_pretrained(field.model)
    exact = 0
    for run_id, step in ((BASE, 0), ("a", 20), ("a", 40), ("b", 20), ("dora", 6)):
        model: Any = AutoModelForCausalLM.from_pretrained(field.model, dtype=torch.float32).eval()
        if run_id != BASE:
            model = PeftModel.from_pretrained(model, field.home.run(run_id).checkpoint(step)).eval()
        rows = rows_of(field, run_id, step)
        assert {row["rows_of"] for row in rows} == ({*field.runs} if run_id == BASE else {run_id})
        rows = [row for row in rows if row["rows_of"] == rows[0]["rows_of"]]
        assert [row["place"] for row in rows] == [*range(5)]
        assert rows[4]["weight"] < rows[2]["weight"]
        assert rows[3]["loss"] is rows[3]["weight"] is rows[3]["exact"] is None
        for row in (*rows[:3], rows[4]):
            chat = trained_chat(read_chat(row["chat"]), stage.held_out[0].training)
            loss, weight, tokens, likeliest = plain_loop(model, encode(tokenizer, chat))
            assert row["loss"] == pytest.approx(loss, rel=1e-4)
            assert row["weight"] == pytest.approx(weight)
            assert (row["tokens"], row["likeliest"]) == (tokens, likeliest)
            assert row["exact"] is (tokens == likeliest)
            exact += row["exact"]
    assert exact


def plain_loop(model: Any, example: Example) -> tuple[float, float, int, int]:
    """Loss, weight, trained tokens and likeliest ones of a row, one token after the other."""
    with torch.inference_mode():
        logits = model(torch.tensor([example.ids])).logits[0].double()
    loss = weight = 0.0
    tokens = likeliest = 0
    for place in range(1, len(example.ids)):
        if example.trained[place]:
            own = 1.0 if example.weights is None else example.weights[place]
            said = logits[place - 1].log_softmax(-1)
            loss -= own * said[example.ids[place]].item()
            weight += own
            tokens += 1
            likeliest += int(said.argmax()) == example.ids[place]
    return loss, weight, tokens, likeliest


def test_a_row_is_measured_once_and_at_every_checkpoint(field: TrainingHome) -> None:
    stage = stage_of(field)
    sample_runs(field, stage)
    before = read_parts(field.home.run("a").held_out)
    assert {row["step"] for row in before} == {20, 40}, "drawn from the last alone"
    assert {row["step"] for row in read_parts(field.home.run("a").samples)} == {40}
    sample_runs(field, stage)
    assert read_parts(field.home.run("a").held_out) == before
    next(iter(field.home.run("a").held_out.iterdir())).unlink()
    sample_runs(field, stage, "a")
    again = read_parts(field.home.run("a").held_out)
    assert {row["held_out_id"] for row in again} == {row["held_out_id"] for row in before}
