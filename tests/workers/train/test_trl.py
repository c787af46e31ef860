"""A stack of mixed runs against stock TRL and PEFT, each run trained there by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from tests.builders.training_home import TrainingHome, difference
from wgen_tui.workers.data import load_examples
from wgen_tui.workers.models import load_base

pytest.importorskip("trl", reason="TRL is an extra: pip install 'wgen-tui[verify]'")

CLOSE = 1e-4
MIXED: dict[str, dict[str, Any]] = {
    "rank8": {"lora": {"r": 8, "lora_alpha": 16}, "max_steps": 40},
    "rank4": {"lora": {"r": 4, "lora_alpha": 16}, "max_steps": 28, "learning_rate": 5e-4},
    "rank16": {
        "lora": {"r": 16, "lora_alpha": 16},
        "max_steps": 40,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 10,
        "weight_decay": 0.1,
    },
    "batches": {
        "lora": {"r": 2, "lora_alpha": 4},
        "max_steps": 16,
        "per_device_train_batch_size": 2,
        "gradient_accumulation_steps": 3,
        "max_grad_norm": 0.3,
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["llama", "qwen3", "gemma2"])
def test_a_stack_gives_the_adapters_of_separate_trl_runs(
    make_field: Callable[..., TrainingHome], name: str
) -> None:
    from wgen_tui.workers.verify import trl

    field = make_field(name)
    for seed, (run_id, training) in enumerate(MIXED.items()):
        field.add(run_id, seed=seed, rows=23, **training)
    field.train()
    for run_id in MIXED:
        worker = field.launch(run_id)
        spec = worker.run_spec(run_id)
        assert spec.training is not None
        # TRL leaves its own output layer behind in the model: a fresh one for each run.
        base = load_base(spec.model, spec.training, None, torch.device("cpu"))
        data = load_examples(worker.run_paths(run_id).data, base.tokenizer, spec.training)
        steps = spec.training.max_steps or 0
        theirs = trl.train(base, data, spec.training, spec.seeds, steps, lambda _step: None)
        assert difference(field.adapter(run_id), theirs.final) < CLOSE, run_id
        ours = trl.our_order(data, spec.training, spec.seeds.data_order, steps)
        assert trl.same_order(ours, theirs.order), run_id
