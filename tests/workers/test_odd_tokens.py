"""Tokenizers without an end or padding token, several end tokens, tokens without an embedding."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer

from tests.builders.sampling import BASE, add_base, make_stage, read_parts, sample_runs, samples_of
from tests.builders.training_home import TrainingHome
from wgen_tui.paths import Home
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.services.models.local_tokenizer import local_tokenizer

MakeField = Callable[..., TrainingHome]


def set_keys(path: Path, **keys: Any) -> None:
    """Set keys of a JSON file; None takes one out."""
    fields = {**json.loads(path.read_text()), **keys}
    path.write_text(json.dumps({name: value for name, value in fields.items() if value != "out"}))


def copied(field: TrainingHome, folder: Path) -> TrainingHome:
    """A home beside, whose model is a copy that may be changed."""
    shutil.copytree(field.model, folder / "model")
    return TrainingHome(Home(folder / "home").ensure(), folder / "model")


def without_tokens(model: Path) -> None:
    for name in ("config.json", "generation_config.json"):
        set_keys(model / name, eos_token_id=None, pad_token_id=None)
    set_keys(model / "tokenizer_config.json", eos_token="out", pad_token="out")


def plan_stops(model: Path) -> dict[int, str] | None:
    encoder = local_tokenizer(ModelRef(name="model", location=str(model)), None)
    assert encoder is not None
    return encoder.stops


def test_without_end_and_padding_the_same_is_trained_and_answers_run_on(
    make_field: MakeField, tmp_path: Path
) -> None:
    usual = make_field()
    odd = copied(usual, tmp_path / "odd")
    without_tokens(odd.model)
    for field in (usual, odd):
        field.add("a", rows=6, max_steps=3, per_device_train_batch_size=3)
        add_base(field)
        worker = field.train("a")
        assert worker.outcomes["a"].outcome == "finished", worker.outcomes
    for name, tensor in usual.adapter("a").items():
        assert torch.equal(tensor, odd.adapter("a")[name])
    worker = sample_runs(odd, make_stage(4))
    assert {outcome.outcome for outcome in worker.outcomes.values()} == {"finished"}
    for run_id in (BASE, "a"):
        assert {row["finish_reason"] for row in samples_of(odd, run_id).values()} == {"length"}
    assert plan_stops(odd.model) == {}
    assert plan_stops(usual.model) == {1: "<|end|>"}


def test_each_of_several_end_tokens_ends_an_answer(make_field: MakeField, tmp_path: Path) -> None:
    field = copied(make_field(), tmp_path / "even")
    ends = list(range(0, 2048, 2))
    set_keys(field.model / "generation_config.json", eos_token_id=ends)
    add_base(field)
    sample_runs(field, make_stage(8, logprobs=True), BASE)
    rows = samples_of(field, BASE)
    drawn = {row["sample_id"]: row for row in read_parts(field.home.run(BASE).tokens)}
    assert len({row["token_ids"][-1] for row in drawn.values()}) > 2
    for key, row in rows.items():
        *inside, last = drawn[key]["token_ids"]
        assert not any(token in ends or token == 1 for token in inside)
        assert (row["finish_reason"] == "stop") == (last in ends or last == 1)
    stops = plan_stops(field.model)
    assert stops is not None
    assert set(stops) == {*ends, 1}


def with_new_token(model: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.add_tokens(["<new>"])
    tokenizer.save_pretrained(model)


def test_a_token_without_an_embedding_is_named_before_the_first_step(
    make_field: MakeField, tmp_path: Path
) -> None:
    field = copied(make_field(), tmp_path / "more")
    with_new_token(field.model)
    paths = field.add("a", rows=3)
    field.add("b", rows=3)
    first, *others = paths.data.read_text().splitlines(keepends=True)
    row = json.loads(first)
    row["messages"][0]["content"] += " <new>"
    paths.data.write_text("".join([*others, json.dumps(row) + "\n"]))
    worker = field.train()
    assert worker.outcomes["b"].outcome == "finished"
    refused = worker.outcomes["a"]
    assert refused.title == "Tokens without an embedding"
    assert "1 of 3 examples has tokens up to 2048" in refused.message
    assert "embeddings for 2048 alone (line 3)" in refused.message
    assert "resize_token_embeddings" in refused.hint


def test_a_prompt_with_such_a_token_is_named_before_the_first_draw(
    make_field: MakeField, tmp_path: Path
) -> None:
    field = copied(make_field(), tmp_path / "more")
    with_new_token(field.model)
    add_base(field)
    worker = sample_runs(field, make_stage(2, texts=("Which?", "And <new>?")), BASE)
    assert worker.outcomes[BASE].outcome == "failed"
    assert "1 of 2 prompts has tokens up to 2048" in worker.outcomes[BASE].message
    assert not samples_of(field, BASE)
