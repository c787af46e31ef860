"""Adapters between two others: dense sums, PEFT's own, the parents' tokens at both ends."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from experiments.schema import TrainingConfig
from tests.builders.sampling import make_stage, sample_runs, samples_of
from tests.builders.training_home import TrainingHome, make_family, modules, product
from wgen_tui.paths import Home
from wgen_tui.protocol.arms import BetweenSpec, Parent
from wgen_tui.protocol.record import write_record
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.workers.verify.check import Verifier

TS = (0.0, 0.25, 1.0)
TRAINING: dict[str, Any] = {"max_steps": 6, "learning_rate": 3e-2, "rows": 6}


def add_between(field: TrainingHome, name: str, first: Parent, second: Parent, t: float) -> None:
    field.add(name, rows=0, max_steps=1)
    path = field.home.run(name).spec
    spec = RunSpec.model_validate_json(path.read_bytes())
    two = BetweenSpec(first=first, second=second, t=t)
    shape = TrainingConfig(max_steps=1)
    write_record(path, spec.model_copy(update={"between": two, "training": shape}))


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> TrainingHome:
    """Adapters of other ranks, scales and modules, and some between them."""
    root = tmp_path_factory.mktemp("between")
    field = TrainingHome(Home(root / "home").ensure(), make_family("llama", root / "model"))
    field.add("a", lora={"r": 2, "lora_alpha": 4}, checkpoints={"every": 3}, **TRAINING)
    rs = {"r": 3, "lora_alpha": 6, "use_rslora": True, "target_modules": ["q_proj", "down_proj"]}
    field.add("b", seed=1, lora=rs, **TRAINING)
    field.train()
    a, b = (Parent(run_id=name, arm=name) for name in ("a", "b"))
    for t in TS:
        add_between(field, f"at-{t:g}", a, b, t)
    add_between(field, "steps", a.model_copy(update={"step": 3}), a, 0.5)
    field.train("at-0", "at-0.25", "at-1", "steps")
    return field


def dense(field: TrainingHome, run: str, step: int, scale: float) -> dict[str, torch.Tensor]:
    """What an adapter adds to each weight."""
    from safetensors.torch import load_file

    tensors = load_file(field.home.run(run).checkpoint(step) / "adapter_model.safetensors")
    return {name: scale * product(tensors, name) for name in modules(tensors)}


def close(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    assert one.keys() == other.keys()
    return all(float((one[n] - other[n]).norm()) <= 1e-6 * float(other[n].norm()) for n in one)


def test_it_is_the_dense_sum_of_both_updates(field: TrainingHome) -> None:
    a, b = dense(field, "a", 6, 2.0), dense(field, "b", 6, 6 / 3**0.5)
    assert {*b} < {*a}, "one has modules that the other has not"
    expected = {n: 0.75 * a[n] + (0.25 * b[n] if n in b else 0) for n in a}
    assert close(dense(field, "at-0.25", 1, 1.0), expected)
    early = dense(field, "a", 3, 2.0)
    assert close(dense(field, "steps", 1, 1.0), {n: (early[n] + a[n]) / 2 for n in a})
    told = field.manifest("steps")["provenance"]["between"]
    assert [(part["run"], part["step"], part["share"]) for part in told] == [
        ("a", 3, 0.5),
        ("a", 6, 0.5),
    ]


def test_at_both_ends_the_parents_draw_the_same_tokens(field: TrainingHome) -> None:
    ends = {"at-0": "a", "at-1": "b"}
    stage = make_stage(2, temperature=0)
    worker = sample_runs(field, stage, *ends, *ends.values(), "at-0.25", "steps")
    assert not any("is sampled by itself" in note for note in field.notes(worker))

    def drawn(run: str) -> list[tuple[str, float]]:
        rows = samples_of(field, run).values()
        return sorted((row["completion"], row["logprob"]) for row in rows)

    for end, parent in ends.items():
        own, theirs = (
            field.home.run(run).checkpoint(step) / "adapter_model.safetensors"
            for run, step in ((end, 1), (parent, 6))
        )
        assert own.read_bytes() == theirs.read_bytes()
        assert [text for text, _ in drawn(end)] == [text for text, _ in drawn(parent)]
    assert drawn("at-0.25") not in (drawn("a"), drawn("b"))


@pytest.mark.parametrize("run", ["at-0.25", "at-1"])
def test_peft_makes_the_same_of_them(field: TrainingHome, run: str) -> None:
    report = Verifier(field.home, run, io.StringIO()).run(floor=False)
    assert report.passed
    assert report.difference < 1e-6
    assert ("0.25 of the final checkpoint of b" in report.mask) == (run == "at-0.25")


def test_what_is_written_is_a_peft_folder(field: TrainingHome) -> None:
    base = AutoModelForCausalLM.from_pretrained(field.model)
    folder = field.home.run("at-0.25").checkpoint(1)
    peft = PeftModel.from_pretrained(base, str(folder))
    assert peft.peft_config["default"].r == 5
    assert {*modules(field.adapter("at-0.25"))} == {*modules(field.adapter("a"))}


def test_a_parent_that_is_not_there_is_told(field: TrainingHome) -> None:
    gone = Parent(run_id="gone", arm="gone")
    add_between(field, "orphan", gone, Parent(run_id="a", arm="a"), 0.5)
    outcome = field.train("orphan").outcomes["orphan"]
    assert outcome.title == "Parent not trained"
    assert "It is made of the final checkpoint of gone" in outcome.message
