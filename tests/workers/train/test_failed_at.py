"""A training that fails says at which step, and which lines of its data that step was made of."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import torch
from transformers import AutoTokenizer

from tests.builders.training_home import TrainingHome
from tests.workers.train.test_poly import ARMS, joined
from wgen_tui.protocol.launches import FailedAt, RunOutcome
from wgen_tui.workers.train.stage import train

MAX_LENGTH = 48  # of ten rows some are longer
DIVERGES = {
    "learning_rate": 1e30,
    "max_grad_norm": None,
    "per_device_train_batch_size": 2,
    "gradient_accumulation_steps": 2,
    "max_length": MAX_LENGTH,
    "too_long": "drop",
}


def lines_of_step(field: TrainingHome, run_id: str, step: int) -> tuple[int, ...]:
    """The lines of data.jsonl in a step of the first epoch, by Trainer's own order."""
    tokenizer = AutoTokenizer.from_pretrained(field.model)
    kept = []
    for number, line in enumerate(field.home.run(run_id).data.read_text().splitlines(), start=1):
        ids = tokenizer.apply_chat_template(json.loads(line)["messages"], return_dict=False)
        if len(ids) <= MAX_LENGTH:
            kept.append(number)
    assert 4 < len(kept) < 10, "the rows that are left out are to shift the others"
    seed = json.loads(field.home.run(run_id).spec.read_bytes())["seeds"]["data_order"]
    order = torch.randperm(len(kept), generator=torch.Generator().manual_seed(seed)).tolist()
    return tuple(sorted(kept[place] for place in order[4 * (step - 1) : 4 * step]))


@pytest.mark.parametrize(
    "lora", [{"r": 4}, {"r": 4, "modules_to_save": ["lm_head"]}], ids=["grid", "alone"]
)
def test_the_step_and_the_lines(
    make_field: Callable[..., TrainingHome], lora: dict[str, object]
) -> None:
    field = make_field()
    field.add("bad", lora=lora, **DIVERGES)
    field.add("good", lora=lora, max_steps=2)
    outcomes = field.train().outcomes
    assert outcomes["bad"].title == "Training diverged"
    assert outcomes["bad"].failed_at == FailedAt(step=2, rows=lines_of_step(field, "bad", 2))
    assert outcomes["good"] == RunOutcome(outcome="finished")


def test_what_ends_the_whole_launch_names_each_runs_place(
    make_field: Callable[..., TrainingHome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of the machine in a pass that the runs share; its checkpoint has no lines."""
    from wgen_tui.workers.runtime import work_to_the_end
    from wgen_tui.workers.train.grid import trainer

    field = make_field()
    field.add("one", seed=1, max_steps=4, per_device_train_batch_size=1)
    field.add("two", seed=2, max_steps=4, per_device_train_batch_size=2)
    worker = field.launch()

    def breaks(*_arguments: object) -> None:
        raise RuntimeError("CUDA error: unspecified launch failure")

    monkeypatch.setattr(trainer, "adamw", breaks)
    work_to_the_end(worker, train)
    ended = json.loads(worker.paths.done.read_bytes())["runs"]
    assert [ended[name]["failed_at"]["step"] for name in ("one", "two")] == [1, 1]
    assert [len(ended[name]["failed_at"]["rows"]) for name in ("one", "two")] == [1, 2]


def test_each_task_names_its_own_lines_where_it_failed(
    make_field: Callable[..., TrainingHome],
) -> None:
    field = joined(make_field(), learning_rate=1e30, max_grad_norm=None)
    ended = field.train().outcomes
    places = [ended[name].failed_at for name in ARMS]
    assert [place is not None and place.step for place in places] == [2, 2]
    order = torch.randperm(10, generator=torch.Generator().manual_seed(0)).tolist()[2:4]
    assert [place.rows if place else () for place in places] == [
        tuple(sorted(row + 1 - first for row in order if first <= row < first + 5))
        for first in (0, 5)
    ]
