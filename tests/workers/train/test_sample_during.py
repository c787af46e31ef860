"""Samples during training: the draws of a later sampling, and a training that notices nothing."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow.parquet as pq
import pytest
import torch

from experiments.schema import Message, SamplingConfig
from tests.builders.training_home import TrainingHome
from wgen_tui.protocol.launches import LaunchSpec, PromptSpec, SampleStage
from wgen_tui.protocol.record import write_record
from wgen_tui.workers.sample.stage import sample
from wgen_tui.workers.train.stage import train

PROMPTS = tuple(
    PromptSpec(
        prompt_id=f"p{number}",
        question=f"q{number}",
        paraphrase=0,
        variant="",
        messages=(Message(role="user", content=text),),
    )
    for number, text in enumerate(("How do people travel?", "Name a bird."))
)
JOB = SampleStage(prompts=PROMPTS, sampling=SamplingConfig(n=3, max_tokens=6), checkpoints="all")
TRAINING = {"max_steps": 12, "checkpoints": {"every": 4}}


def drawn(field: TrainingHome, run_id: str) -> dict[tuple[int, int], str]:
    rows = [
        row
        for part in sorted(field.home.run(run_id).samples.glob("*.parquet"))
        for row in pq.read_table(part).to_pylist()
    ]
    found = {(row["step"], row["sample_id"]): row["completion"] for row in rows}
    assert len(found) == len(rows), "a draw was made twice"
    return found


@pytest.mark.parametrize("more", [{}, {"lora": {"r": 4, "use_dora": True}}], ids=["grid", "alone"])
def test_they_are_those_of_a_later_sampling(
    make_field: Callable[..., TrainingHome], more: dict[str, object]
) -> None:
    watched, later = make_field(home="watched"), make_field(home="later")
    for field in (watched, later):
        for seed in range(2):
            field.add(f"r{seed}", seed=seed, **{**TRAINING, **more})
    worker = watched.launch()
    spec = worker.spec.model_copy(update={"during": JOB})
    worker.spec = spec
    train(worker)
    later.train()
    for run_id in watched.runs:
        ours, theirs = watched.adapter(run_id), later.adapter(run_id)
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)

    for field in (watched, later):
        worker = field.launch()
        asked = LaunchSpec(**{**worker.spec.model_dump(), "stage": "sample", "sample": JOB})
        write_record(worker.paths.spec, asked)
        worker.spec = asked
        before = {run_id: len(drawn(field, run_id)) for run_id in field.runs}
        sample(worker)
        if field is watched:
            assert {run_id: len(drawn(field, run_id)) for run_id in field.runs} == before
    for run_id in watched.runs:
        found = drawn(watched, run_id)
        assert {step for step, _ in found} == {4, 8, 12}
        assert len(found) == 3 * 2 * 3
        same = [found[key] == text for key, text in drawn(later, run_id).items()]
        assert sum(same) >= 0.9 * len(same)  # rounding may turn a token at a boundary
