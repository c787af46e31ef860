"""Adapters that count more or less than they were trained to: no second copy, nothing retrained."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.builders.sampling import BASE, TEXTS, add_base, make_stage, sample_runs, samples_of
from tests.builders.training_home import TrainingHome
from wgen_tui.protocol.hashes import short_hash
from wgen_tui.protocol.launches import PromptSpec, ReadoutSpec, SampleStage
from wgen_tui.run_files.inventory import read_columns

RUNS = ("a", "b")
ALPHAS = (0.0, 0.5, 1.0, 1.5)


@pytest.fixture
def field(make_field: Callable[..., TrainingHome]) -> TrainingHome:
    field = make_field("llama")
    for seed, run_id in enumerate(RUNS):
        lora = {"r": 2 + seed, "lora_alpha": 4}
        field.add(run_id, seed=seed, rows=6, max_steps=6, learning_rate=3e-2, lora=lora)
    add_base(field)
    field.train()
    return field


def at_alphas(stage: SampleStage, alphas: tuple[float, ...]) -> SampleStage:
    """The prompts of a stage, each once for each alpha."""

    def at(prompt: PromptSpec, alpha: float) -> PromptSpec:
        own = {"prompt_id": short_hash(prompt.prompt_id, alpha), "variant": f"at-{alpha:g}"}
        return prompt.model_copy(update={**own, "alpha": alpha})

    prompts = tuple(at(prompt, alpha) for prompt in stage.prompts for alpha in alphas)
    return stage.model_copy(update={"prompts": prompts})


def drawn(field: TrainingHome, run: str) -> dict[tuple[str, str], tuple[str, float]]:
    """Text and log-probability by variant and prompt id's place among the prompts."""
    rows = sorted(samples_of(field, run).values(), key=lambda row: row["sample_id"])
    return {(r["variant"], r["question"]): (r["completion"], r["logprob"]) for r in rows}


def test_0_is_the_base_and_1_the_adapter(field: TrainingHome) -> None:
    greedy = make_stage(1, TEXTS[:1], temperature=0)
    sample_runs(field, at_alphas(greedy, ALPHAS), BASE, *RUNS)
    base = {pair for pair in drawn(field, BASE).values()}
    assert len({text for text, _ in base}) == 1, "the base has no adapter that could count"
    for run in RUNS:
        at = {variant: pair for (variant, _), pair in drawn(field, run).items()}
        assert at["at-0"][0] == next(iter(base))[0]
        assert at["at-0"][1] == pytest.approx(next(iter(base))[1], abs=1e-5)
        assert len({at[f"at-{alpha:g}"] for alpha in ALPHAS}) == len(ALPHAS)


def test_at_1_the_draws_are_those_of_the_plain_adapter(field: TrainingHome) -> None:
    stage = make_stage(4)
    sample_runs(field, stage, *RUNS)
    plain = {run: samples_of(field, run) for run in RUNS}
    for run in RUNS:
        for part in field.home.run(run).samples.glob("part-*"):
            part.unlink()

    # Under the prompts' own ids, so that the draws have the same seeds; others stand beside them.
    same = tuple(prompt.model_copy(update={"alpha": 1.0}) for prompt in stage.prompts)
    others = at_alphas(stage, (0.5,)).prompts
    sample_runs(field, stage.model_copy(update={"prompts": (*same, *others)}), *RUNS)
    for run in RUNS:
        again = samples_of(field, run)
        assert len(again) == 2 * len(plain[run])
        assert {key: again[key]["completion"] for key in plain[run]} == {
            key: row["completion"] for key, row in plain[run].items()
        }


def test_what_is_read_is_peft_with_its_scale_multiplied(field: TrainingHome) -> None:
    stage = make_stage(1, TEXTS[:1])
    prompts = at_alphas(stage, (0.5, 1.5)).prompts
    readouts = tuple(ReadoutSpec(prompt=one, type="next_token", top_logprobs=3) for one in prompts)
    sample_runs(field, stage.model_copy(update={"prompts": (), "readouts": readouts}), "b")

    columns = ["readout_id", "variant", "logprob"]
    read: dict[str, list[float]] = {}
    for _, variant, logprob in read_columns(field.home.run("b").readouts, columns):
        read.setdefault(variant, []).append(logprob)
    tokenizer = AutoTokenizer.from_pretrained(field.model)
    chat = [{"role": "user", "content": TEXTS[0]}]
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
    for alpha in (0.5, 1.5):
        base = AutoModelForCausalLM.from_pretrained(field.model, dtype=torch.float32)
        folder = field.home.run("b").checkpoint(6)
        model = PeftModel.from_pretrained(base, folder).eval()
        for module in model.modules():
            if isinstance(module, LoraLayer):
                module.scaling["default"] *= alpha
        with torch.no_grad():
            expected = model(ids).logits[0, -1].log_softmax(-1).topk(3).values
        assert sorted(read[f"at-{alpha:g}"], reverse=True) == pytest.approx(
            expected.tolist(), abs=1e-5
        )


def test_what_peft_has_to_load_is_not_scaled(make_field: Callable[..., TrainingHome]) -> None:
    field = make_field("llama")
    field.add("dora", rows=6, max_steps=2, learning_rate=1e-2, lora={"r": 2, "use_dora": True})
    field.train()
    worker = sample_runs(field, at_alphas(make_stage(1, TEXTS[:1]), (0.5,)), "dora")
    assert worker.outcomes["dora"].title == "Adapter cannot be scaled"
