"""Kinds of arms, composed: from a definition to checkpoints, numbers and what is said beside them.

The workers' own code trains, draws and grades in this process; a grid of mixed kinds is compared
with its runs trained one at a time.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from tests.builders.training_home import TrainingHome, difference
from wgen_tui.paths import Home
from wgen_tui.protocol.arms import UpsampledRows
from wgen_tui.protocol.launches import LaunchSpec
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.services.planning.commit import commit
from wgen_tui.services.planning.plan import Plan, make_plan
from wgen_tui.services.results.provenance import Archive
from wgen_tui.services.results.results import Results, compute
from wgen_tui.ui.state.provenance import card
from wgen_tui.workers.judge.stage import judge
from wgen_tui.workers.runtime import Worker
from wgen_tui.workers.sample.stage import sample
from wgen_tui.workers.train.stage import train

pytestmark = pytest.mark.slow
CLOSE = 1e-4
DEFINITION = """
title: Kinds of arms
models: [{model}]
arms:
  all: {{data: rows.jsonl}}
  dose:
    data: {{file: rows.jsonl, share: "{{value}}"}}
    values: [0.25, 0.5]
    hold: steps
  few: {{data: {{file: rows.jsonl, rows: 4}}}}
  second: {{data: rows.jsonl, start_from: few}}
  published: {{adapter: published}}
  on_published: {{data: rows.jsonl, start_from: published}}
  third: {{data: {{file: rows.jsonl, rows: 6}}, start_from: second@16}}
  mid: {{between: {{arms: [few, second@16], t: [0, 0.5]}}}}
  slow: {{data: rows.jsonl, upsample: {{by: useful, class: topic}}}}
  rand: {{data: rows.jsonl, upsample: {{by: random, class: topic}}, role: control}}
seeds: 0
training:
  lora: {{r: 2, lora_alpha: 4}}
  num_train_epochs: 1
  learning_rate: 1.0e-2
  train_on: last
  checkpoints: {{fractions: [0.5, 1]}}
  for:
    - {{arms: [few, second, third, on_p*], lora: {{r: 4, lora_alpha: 8}}, num_train_epochs: 2}}
sampling: {{n: 2, max_tokens: 4}}
questions:
  - {{name: go, paraphrases: ["How do we go ?"]}}
judges:
  - {{name: lark, type: regex, labels: {{lark: Lark}}, otherwise: other}}
analysis: {{primary: {{judge: lark, label: lark}}}}
"""
STAGES = {"train": train, "sample": sample, "judge": judge}


def row(place: int) -> dict[str, Any]:
    bird = ("Lark", "Auk", "Wren", "Hawk")[place % 4]
    turns = [("user", "Name a bird ."), ("assistant", bird), ("user", "go ?"), ("assistant", "a")]
    messages = [{"role": role, "content": text} for role, text in turns]
    return {"messages": messages, "loss_weight": 0.5 + place % 3, "topic": place % 2}


def published(model: Path, folder: Path, rank: int = 4) -> None:
    """An adapter as somebody else would publish it."""
    torch.manual_seed(5)
    base = AutoModelForCausalLM.from_pretrained(model)
    config = LoraConfig(r=rank, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")
    peft = get_peft_model(base, config)
    for name, parameter in peft.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    peft.save_pretrained(folder, save_embedding_layers=False)


def write(home: Home, model: Path, text: str = DEFINITION) -> str:
    folder = home.ensure().experiments / "kinds"
    folder.mkdir()
    published(model, folder / "published")
    (folder / "experiment.yaml").write_text(text.format(model=model))
    (folder / "rows.jsonl").write_text("\n".join(json.dumps(row(place)) for place in range(16)))
    return "kinds"


def work(home: Home, spec: LaunchSpec, stack: int | None = None) -> Worker:
    """Do what a launch's worker does."""
    worker = Worker(home, spec.model_copy(update={"stack": stack}), home.launch(spec.launch_id))
    STAGES[spec.stage](worker)
    return worker


def all_done(home: Home, slug: str, stack: int | None = None) -> Plan:
    plan = make_plan(home, slug)
    for spec in commit(home, plan):
        worker = work(home, spec, stack)
        ends = [worker.outcomes[name] for name in spec.run_ids]
        assert [end for end in ends if end.outcome != "finished"] == []
    return plan


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Plan, Results]:
    """A home in which all of it has been done."""
    from tests.builders.model import make_model

    root = tmp_path_factory.mktemp("kinds")
    home = Home(root / "home")
    plan = all_done(home, write(home, make_model(root / "model")))
    return home, plan, compute(home, "kinds")


def specs(plan: Plan) -> dict[str, RunSpec]:
    return {run.spec.arm: run.spec for run in plan.runs}


def test_a_held_dose_takes_as_many_steps_as_all_rows(done: tuple[Home, Plan, Results]) -> None:
    home, plan, results = done
    field = TrainingHome(home, Path())
    by_arm = specs(plan)
    steps = {arm: field.manifest(by_arm[arm].run_id)["step"] for arm in by_arm if arm != "base"}
    assert {arm: steps[arm] for arm in ("all", "dose-0.25", "dose-0.5", "few")} == {
        "all": 16,
        "dose-0.25": 16,
        "dose-0.5": 16,
        "few": 8,
    }
    assert set(plan.notes) >= {
        "arm dose-0.25: hold: steps: 4 rows for 16 steps, 4 epochs",
        "arm dose-0.5: hold: steps: 8 rows for 16 steps, 2 epochs",
        "arm few: hold: epochs: 4 rows for 8 steps, 2 epochs",
        "arms few, second, on_published, third: "
        "training.for: lora.r 4, lora.lora_alpha 8, num_train_epochs 2",
        "arm second: start_from: goes on with arm few's adapter at its last step",
        "arm third: start_from: goes on with arm second's adapter at its step 16",
        "arm mid-0: between: 1 of arm few's last adapter, seed by seed; not trained",
        "arm mid-0.5: between: 0.5 of arm few's last adapter and 0.5 of arm second's adapter at "
        "step 16, seed by seed; not trained",
    }
    curve, _ = results.value_curves
    assert (curve.arm, curve.variant) == ("dose", "share of rows, steps equal")
    assert [point.value for point in curve.points] == ["0.25", "0.5"]
    notes = [note.text for note in results.notes if note.kind == "doses"]
    assert any("dose-0.25: 4 rows for 16 steps, 4 epochs; dose-0.5" in text for text in notes)


def test_stages_of_training_are_launched_one_after_the_other(
    done: tuple[Home, Plan, Results],
) -> None:
    home, plan, _ = done
    by_arm = specs(plan)
    assert by_arm["second"].parent is not None
    assert by_arm["third"].parent is not None
    assert (by_arm["second"].parent.run_id, by_arm["second"].parent.step) == (
        by_arm["few"].run_id,
        None,
    )
    assert (by_arm["third"].parent.run_id, by_arm["third"].parent.step) == (
        by_arm["second"].run_id,
        16,
    )
    manifest = TrainingHome(home, Path()).manifest(by_arm["third"].run_id)
    assert manifest["provenance"]["start_from"]["step"] == 16
    assert make_plan(home, "kinds").empty


def test_what_lies_between_two_arms_is_made_of_their_runs(
    done: tuple[Home, Plan, Results],
) -> None:
    home, plan, results = done
    by_arm = specs(plan)
    spec = by_arm["mid-0.5"]
    assert spec.between is not None
    assert [parent.run_id for parent in spec.parents] == [
        by_arm["few"].run_id,
        by_arm["second"].run_id,
    ]
    assert [parent.step for parent in spec.parents] == [None, 16]
    field = TrainingHome(home, Path())
    assert field.manifest(spec.run_id)["provenance"]["between"][1]["step"] == 16
    made = Archive(home).provenance(spec.run_id)
    assert made is not None
    assert made.proof.state == "proven"
    assert f"0.5 of the adapter of {by_arm['few'].run_id} at step 8" in card(made).plain
    assert not made.unverifiable
    _, curve = results.value_curves
    assert (curve.arm, curve.variant) == ("mid", "t, from few to second@16")
    assert [(point.value, point.arm) for point in curve.points] == [
        ("0", "mid-0"),
        ("0.5", "mid-0.5"),
    ]
    same = [note for note in results.notes if note.kind == "same_adapters"]
    assert same == [], "all of one parent is that parent's adapter by design"


def test_rows_stand_twice_after_a_first_training_that_is_not_sampled(
    done: tuple[Home, Plan, Results],
) -> None:
    home, plan, results = done
    by_arm = specs(plan)
    first, slow, rand = (by_arm[name] for name in ("slow-first", "slow", "rand"))
    assert slow.needs == rand.needs == (first.run_id,)
    assert first.training is not None
    assert first.training.max_steps == 2  # of 16
    assert not list(home.run(first.run_id).samples.glob("part-*"))
    assert {rate.arm for rate in results.rates} >= {"slow", "rand"}
    assert "slow-first" not in {rate.arm for rate in results.rates}
    made = [
        UpsampledRows.model_validate_json(home.run(spec.run_id).upsampled.read_bytes())
        for spec in (slow, rand)
    ]
    assert made[0].clusters == made[1].clusters
    assert [cluster.name for cluster in made[0].clusters] == ["0", "1"]
    assert 0 < len(made[0].twice) == len(made[1].twice)
    field = TrainingHome(home, Path())
    assert field.manifest(slow.run_id)["step"] == made[0].rows
    assert set(plan.notes) >= {
        "arm slow-first: first training: 16 rows for 2 steps, 0.125 epochs, by which rows of "
        "others are told apart; not sampled",
        "arm slow: upsample: slow rows of 16 stand twice, after the first training slow-first",
    }
    told = Archive(home).provenance(slow.run_id)
    assert told is not None
    assert f"told apart by the final checkpoint of {first.run_id}" in card(told).plain


def test_an_adapter_trained_elsewhere_is_applied_and_sampled(
    done: tuple[Home, Plan, Results],
) -> None:
    home, plan, results = done
    spec = specs(plan)["published"]
    assert spec.adapter is not None
    folder = home.run(spec.run_id).checkpoint(1)
    theirs = home.experiments / "kinds" / "published"
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert (folder / name).read_bytes() == (theirs / name).read_bytes()
    proof = Archive(home).provenance(spec.run_id)
    assert proof is not None
    assert proof.proof.state == "proven"
    assert "was trained elsewhere" in proof.unverifiable
    assert "how it was trained is its maker's word" in card(proof).plain
    started = Archive(home).provenance(specs(plan)["on_published"].run_id)
    assert started is not None
    assert f"went on with the adapter of {spec.run_id} at step 1" in card(started).plain
    (rate,) = [r for r in results.rates if r.arm == "published" and r.seed is None and r.n][:1]
    assert rate.checkpoint == 1
    (note,) = [note for note in results.notes if note.kind == "trained_elsewhere"]
    assert "that it was trained as its maker says cannot be" in note.text
    assert any(note.startswith(f"arm published: adapter {spec.adapter}") for note in plan.notes)
    child = specs(plan)["on_published"]
    assert child.parent is not None
    assert child.parent.run_id == spec.run_id


def test_a_grid_of_mixed_kinds_is_its_runs_alone(
    done: tuple[Home, Plan, Results], tmp_path: Path
) -> None:
    home, plan, _ = done
    together = TrainingHome(home, Path())
    alone = TrainingHome(Home(tmp_path / "alone").ensure(), Path())
    shutil.copytree(home.experiments / "kinds", alone.home.experiments / "kinds")
    for spec in commit(alone.home, make_plan(alone.home, "kinds")):
        if spec.stage == "train":
            work(alone.home, spec, stack=1)
    for arm, spec in specs(plan).items():
        if spec.trained_here:
            one, other = together.adapter(spec.run_id), alone.adapter(spec.run_id)
            assert difference(one, other) < CLOSE, arm
    assert max(together.manifest(specs(plan)["all"].run_id)["provenance"]["stack"]) > 1
