"""A grid gives each run the adapter that it gets alone, whatever is stacked beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from tests.builders.training_home import TrainingHome, difference
from wgen_tui.workers.models import load_base
from wgen_tui.workers.train.grid.grid_run import GridRun
from wgen_tui.workers.train.run import load_run
from wgen_tui.workers.train.single import train_single
from wgen_tui.workers.train.stage import train

CLOSE = 1e-4
# Everything that may differ between the runs of a stack.
MIXED = {
    "plain": {"lora": {"r": 8, "lora_alpha": 16}},
    "rank4": {"lora": {"r": 4, "lora_alpha": 4}, "learning_rate": 3e-3, "max_steps": 17},
    "rank16": {"lora": {"r": 16, "lora_alpha": 32, "use_rslora": True}, "max_steps": 9},
    "batch3": {
        "lora": {"r": 8, "lora_alpha": 8},
        "per_device_train_batch_size": 3,
        "gradient_accumulation_steps": 2,
        "weight_decay": 0.1,
        "max_steps": 11,
    },
    "cosine": {
        "lora": {"r": 2, "lora_alpha": 8},
        "lr_scheduler_type": "cosine",
        "warmup_steps": 3,
        "max_grad_norm": 0.05,
        "adam_beta2": 0.95,
        "adam_epsilon": 1e-6,
    },
    "unclipped": {"lora": {"r": 8, "lora_alpha": 16}, "max_grad_norm": None},
}


def alone(field: TrainingHome, run_id: str) -> None:
    """Train a run with stock PEFT in a plain loop."""
    worker = field.launch(run_id)
    accelerator = Accelerator()
    spec = worker.run_spec(run_id)
    base = load_base(spec.model, spec.training, None, accelerator.device)
    member = load_run(worker, base, spec)
    assert member is not None
    train_single(worker, base, accelerator, member)


@pytest.mark.parametrize("name", ["llama", "qwen3", "gemma2"])
def test_mixed_runs_are_as_if_trained_alone(
    make_field: Callable[..., TrainingHome], name: str
) -> None:
    grid, single = make_field(name, "grid"), make_field(name, "single")
    for seed, (run_id, training) in enumerate(MIXED.items()):
        for field in (grid, single):
            field.add(run_id, seed=seed, **training)
    worker = grid.train()
    assert {outcome.outcome for outcome in worker.outcomes.values()} == {"finished"}
    for run_id in MIXED:
        alone(single, run_id)
        assert difference(grid.adapter(run_id), single.adapter(run_id)) < CLOSE, run_id
        assert len(MIXED) in grid.manifest(run_id)["provenance"]["stack"]


@pytest.mark.parametrize("stack", [1, 2])
def test_a_small_stack_is_refilled_until_all_are_trained(
    make_field: Callable[..., TrainingHome], stack: int
) -> None:
    wide, narrow = make_field(home="wide"), make_field(home="narrow")
    for seed in range(5):
        for field in (wide, narrow):
            field.add(f"r{seed}", seed=seed, max_steps=4 + seed)
    wide.train()
    narrow.train(stack=stack)
    for run_id in wide.runs:
        assert difference(narrow.adapter(run_id), wide.adapter(run_id)) < CLOSE
        assert max(narrow.manifest(run_id)["provenance"]["stack"]) <= stack


def test_uneven_lengths_are_packed_and_change_nothing(
    make_field: Callable[..., TrainingHome],
) -> None:
    field, single = make_field(home="grid"), make_field(home="single")
    for seed in range(4):
        for one in (field, single):
            one.add(f"r{seed}", seed=seed, rows=12)
    field.train()
    packed = 0
    for run_id in field.runs:
        alone(single, run_id)
        assert difference(field.adapter(run_id), single.adapter(run_id)) < CLOSE
        packed += field.manifest(run_id)["provenance"]["passes_packed"]
    assert packed > 0, "no step was uneven enough to be packed"


def test_checkpointing_changes_nothing(make_field: Callable[..., TrainingHome]) -> None:
    plain, saving = make_field(home="plain"), make_field(home="saving")
    for seed in range(3):
        plain.add(f"r{seed}", seed=seed)
        saving.add(f"r{seed}", seed=seed, gradient_checkpointing=True)
    plain.train()
    saving.train()
    for run_id in plain.runs:
        assert difference(saving.adapter(run_id), plain.adapter(run_id)) < CLOSE


def test_a_run_that_diverges_is_named_and_the_others_go_on(
    make_field: Callable[..., TrainingHome],
) -> None:
    field, single = make_field(home="grid"), make_field(home="single")
    for one in (field, single):
        one.add("good", seed=1)
        one.add("bad", seed=2, learning_rate=1e30, max_grad_norm=None)
        one.add("fine", seed=3)
    worker = field.train()
    assert worker.outcomes["bad"].outcome == "failed"
    assert worker.outcomes["bad"].title == "Training diverged"
    assert "at step 2 (loss" in worker.outcomes["bad"].message
    for run_id in ("good", "fine"):
        assert worker.outcomes[run_id].outcome == "finished"
        alone(single, run_id)
        assert difference(field.adapter(run_id), single.adapter(run_id)) < CLOSE
        assert all(torch.isfinite(t).all() for t in field.adapter(run_id).values())


def test_dropout_is_an_adapters_own(make_field: Callable[..., TrainingHome]) -> None:
    """What an adapter drops does not depend on the others, nor on checkpointing."""
    lora = {"r": 4, "lora_alpha": 8, "lora_dropout": 0.3}
    three, one, none = make_field(home="three"), make_field(home="one"), make_field(home="none")
    for seed in range(3):
        three.add(f"r{seed}", seed=seed, lora=lora)
    one.add("r1", seed=1, lora=lora, gradient_checkpointing=True)
    none.add("r1", seed=1, lora={**lora, "lora_dropout": 0.0})
    for field in (three, one, none):
        field.train()
    assert difference(three.adapter("r1"), one.adapter("r1")) < CLOSE
    assert difference(three.adapter("r1"), none.adapter("r1")) > 0.05


def test_what_cannot_be_stacked_trains_alone_and_says_why(
    make_field: Callable[..., TrainingHome],
) -> None:
    field = make_field()
    field.add("dora", lora={"r": 4, "lora_alpha": 8, "use_dora": True}, max_steps=3)
    field.add("whole", lora={"r": 4, "modules_to_save": ["lm_head"]}, max_steps=3)
    field.add("plain", max_steps=3)
    worker = field.train()
    assert {outcome.outcome for outcome in worker.outcomes.values()} == {"finished"}
    notes = "\n".join(field.notes(worker))
    assert "dora: trains alone: DoRA" in notes
    assert "whole: trains alone: modules_to_save" in notes
    assert field.manifest("plain")["provenance"]["engine"] == "grid"
    assert field.manifest("dora")["provenance"]["engine"] == "alone"


def test_stock_peft_loads_a_checkpoint_and_answers_as_training_did(
    make_field: Callable[..., TrainingHome],
) -> None:
    field = make_field()
    for seed in range(3):
        field.add(f"r{seed}", seed=seed, max_steps=5)
    field.train()
    for run_id in field.runs:
        folder = field.home.run(run_id).checkpoint(5)
        probe = load_file(folder / "probe.safetensors")
        base = AutoModelForCausalLM.from_pretrained(field.model, dtype=torch.float32)
        model = PeftModel.from_pretrained(base, folder).eval()
        with torch.inference_mode():
            logits = model(probe["ids"][None]).logits[0, -1]
        assert torch.allclose(logits[probe["index"]], probe["logits"], atol=1e-4)
        assert not torch.allclose(base(probe["ids"][None]).logits[0, -1], torch.zeros(1))


def test_memory_that_does_not_suffice_halves_the_stack(
    make_field: Callable[..., TrainingHome],
) -> None:
    field, single = make_field(home="grid"), make_field(home="single")
    for seed in range(5):
        for one in (field, single):
            one.add(f"r{seed}", seed=seed, max_steps=6)
    most = 2

    def refuse(_module: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        if args[0].size(0) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    hook = torch.nn.modules.module.register_module_forward_pre_hook(
        lambda module, args: (
            refuse(module, args) if isinstance(module, torch.nn.Embedding) else None
        )
    )
    try:
        worker = field.train()
    finally:
        hook.remove()
    assert {outcome.outcome for outcome in worker.outcomes.values()} == {"finished"}
    assert any("out of memory: 2 adapters together" in note for note in field.notes(worker))
    for run_id in field.runs:
        alone(single, run_id)
        assert difference(field.adapter(run_id), single.adapter(run_id)) < CLOSE


def test_what_is_in_the_stack_is_held_once(
    make_field: Callable[..., TrainingHome], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[GridRun] = []
    begin = GridRun.begin

    def noted(*args: Any, **kwargs: Any) -> GridRun:
        runs.append(begin(*args, **kwargs))
        return runs[-1]

    monkeypatch.setattr(GridRun, "begin", noted)
    field = make_field()
    for seed in range(3):
        field.add(f"r{seed}", seed=seed, max_steps=4 + seed, checkpoints={"every": 2})
    worker = field.launch()
    progress, held = worker.progress, []

    def measured(run_id: str, *rest: Any, **values: Any) -> None:
        progress(run_id, *rest, **values)
        held.append([part.numel() for g in runs for part in (g.slot.row, g.exp_avg, g.exp_avg_sq)])

    monkeypatch.setattr(worker, "progress", measured)
    train(worker)
    assert len(held) == 4 + 5 + 6
    assert not any(any(sizes) for sizes in held)
