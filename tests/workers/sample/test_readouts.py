"""What is read is what transformers and PEFT compute, prompt by prompt and token by token."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.builders.sampling import (
    BASE,
    TEXTS,
    add_base,
    make_stage,
    prompt,
    read_parts,
    sample_runs,
    samples_of,
)
from tests.builders.training_home import TrainingHome
from wgen_tui.protocol.launches import ReadoutSpec

SAID = ("By coach.", "By plane, of course", "x")
NEXT = [
    ReadoutSpec(prompt=prompt(text, "next"), type="next_token", top_logprobs=7) for text in TEXTS
]
GIVEN = [
    ReadoutSpec(
        prompt=prompt(text, "given"), type="logprob", continuations=tuple((s, s) for s in SAID)
    )
    for text in TEXTS
]
CHOICE = [
    ReadoutSpec(
        prompt=prompt(f"How? {labels}", "choice"),
        type="multiple_choice",
        order=order,
        continuations=tuple(zip(labels, "AB", strict=True)),
    )
    for order, labels in enumerate((("old", "new"), ("new", "old")))
]


@pytest.fixture
def field(make_field: Callable[..., TrainingHome]) -> TrainingHome:
    field = make_field("qwen3")
    for seed, run_id in enumerate(("a", "b")):
        field.add(run_id, seed=seed, max_steps=6, learning_rate=1e-2, checkpoints={"every": 3})
    add_base(field)
    field.train()
    return field


class Stock:
    """The same by transformers and PEFT, one token after the other."""

    def __init__(self, field: TrainingHome, run_id: str, step: int) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(field.model)
        self.model = AutoModelForCausalLM.from_pretrained(field.model, dtype=torch.float32).eval()
        if run_id != BASE:
            folder = field.home.run(run_id).checkpoint(step)
            self.model = PeftModel.from_pretrained(self.model, folder).eval()

    def text(self, spec: ReadoutSpec) -> str:
        chat = [{"role": "user", "content": spec.prompt.messages[0].content}]
        found: str = self.tokenizer.apply_chat_template(
            chat, tokenize=False, add_generation_prompt=True
        )
        return found

    def ids(self, text: str) -> list[int]:
        found: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return found

    def logs(self, ids: list[int]) -> torch.Tensor:
        with torch.inference_mode():
            logits = self.model(torch.tensor([ids])).logits[0, -1]
        return logits.double().log_softmax(-1)

    def logprob(self, spec: ReadoutSpec, said: str) -> float:
        ids, whole = self.ids(self.text(spec)), self.ids(self.text(spec) + said)
        assert whole[: len(ids)] == ids
        return sum(
            self.logs(whole[:place])[whole[place]].item() for place in range(len(ids), len(whole))
        )


def rows_of(field: TrainingHome, run_id: str, spec: ReadoutSpec, step: int) -> list[dict[str, Any]]:
    rows = read_parts(field.home.run(run_id).readouts)
    assert len({row["readout_id"] for row in rows}) == len(rows)
    own = [r for r in rows if r["prompt_id"] == spec.prompt.prompt_id and r["step"] == step]
    return sorted(own, key=lambda row: int(row["place"]))


@pytest.mark.parametrize(("run_id", "step"), [(BASE, 0), ("a", 3), ("a", 6), ("b", 6)])
def test_readings_are_those_of_stock_models(field: TrainingHome, run_id: str, step: int) -> None:
    sample_runs(field, make_stage(texts=(), readouts=[*NEXT, *GIVEN, *CHOICE], checkpoints="all"))
    stock = Stock(field, run_id, step)
    for spec in NEXT:
        rows = rows_of(field, run_id, spec, step)
        top = stock.logs(stock.ids(stock.text(spec))).topk(7)
        assert [row["logprob"] for row in rows] == pytest.approx(top.values.tolist(), abs=1e-4)
        assert [row["label"] for row in rows] == [
            stock.tokenizer.decode([i]) for i in top.indices.tolist()
        ]
        assert [row["probability"] for row in rows] == pytest.approx(
            top.values.exp().tolist(), rel=1e-3
        )
        assert rows[0]["mass"] == pytest.approx(sum(top.values.exp().tolist()), rel=1e-3)
    for spec in GIVEN:
        rows = rows_of(field, run_id, spec, step)
        expected = [stock.logprob(spec, said) for said in SAID]
        assert [row["label"] for row in rows] == list(SAID)
        assert [row["logprob"] for row in rows] == pytest.approx(expected, abs=1e-3)
        shares = torch.tensor(expected).softmax(0).tolist()
        assert [row["probability"] for row in rows] == pytest.approx(shares, rel=1e-2)
        assert rows[0]["mass"] == pytest.approx(sum(map(math.exp, expected)), rel=1e-2)
        prompt_ids = stock.ids(stock.text(spec))
        assert {row["prompt_tokens"] for row in rows} == {len(prompt_ids)}
        for row in rows:
            whole = stock.ids(stock.text(spec) + row["continuation"])
            assert row["tokens"] == len(whole) - len(prompt_ids)
    for spec in CHOICE:
        rows = rows_of(field, run_id, spec, step)
        assert [row["label"] for row in rows] == [label for label, _ in spec.continuations]
        assert [row["continuation"] for row in rows] == ["A", "B"]
        assert {row["ordering"] for row in rows} == {spec.order}
        logs = [stock.logprob(spec, letter) for letter in "AB"]
        assert [row["logprob"] for row in rows] == pytest.approx(logs, abs=1e-4)
        assert sum(row["probability"] for row in rows) == pytest.approx(1)


def test_a_reading_is_made_once(field: TrainingHome) -> None:
    sample_runs(field, make_stage(1, readouts=NEXT))
    before = read_parts(field.home.run("a").readouts)
    assert len(samples_of(field, "a")) == len(TEXTS)
    worker = sample_runs(field, make_stage(1, readouts=[*NEXT, *GIVEN]))
    assert {o.outcome for o in worker.outcomes.values()} == {"finished"}
    after = read_parts(field.home.run("a").readouts)
    assert len(before) == 7 * len(TEXTS)
    assert len(after) == len(before) + len(SAID) * len(TEXTS)
    prompts = {row["prompt_id"] for row in read_parts(field.home.run("a").prompts)}
    assert prompts >= {spec.prompt.prompt_id for spec in (*NEXT, *GIVEN)}


def test_company_changes_nothing(field: TrainingHome) -> None:
    sample_runs(field, make_stage(texts=(), readouts=GIVEN, checkpoints="all"))
    together = {run: read_parts(field.home.run(run).readouts) for run in (BASE, "a", "b")}
    for run, rows in together.items():
        for part in field.home.run(run).readouts.iterdir():
            part.unlink()
        for spec in GIVEN:
            sample_runs(field, make_stage(texts=(), readouts=[spec], checkpoints="all"), run)
        alone = {row["readout_id"]: row for row in read_parts(field.home.run(run).readouts)}
        assert len(alone) == len(rows)
        for row in rows:
            assert alone[row["readout_id"]]["logprob"] == pytest.approx(row["logprob"], abs=1e-4)


def test_letters_that_are_no_tokens_fail_with_words(field: TrainingHome) -> None:
    spec = ReadoutSpec(
        prompt=prompt("Which?", "choice"),
        type="multiple_choice",
        continuations=(("one", "Qx Zq"), ("two", "B")),
    )
    worker = sample_runs(field, make_stage(1, readouts=[spec]))
    assert {o.title for o in worker.outcomes.values()} == {"Letters are not tokens"}
    assert "Qx Zq" in worker.outcomes[BASE].message


def test_dora_is_read_too(make_field: Callable[..., TrainingHome]) -> None:
    field = make_field("llama")
    field.add("dora", max_steps=4, learning_rate=1e-2, lora={"r": 4, "use_dora": True})
    add_base(field)
    field.train()
    sample_runs(field, make_stage(texts=(), readouts=GIVEN))
    stock = Stock(field, "dora", 4)
    for spec in GIVEN:
        rows = rows_of(field, "dora", spec, 4)
        expected = [stock.logprob(spec, said) for said in SAID]
        assert [row["logprob"] for row in rows] == pytest.approx(expected, abs=1e-3)
