"""Arms of which rows stand twice: what plan, preview and queue know of both stages."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.services.planning.test_arm_kinds import by_name, changed, planned
from tests.services.planning.test_refused_early import refused
from wgen_tui.paths import Home
from wgen_tui.services.planning.commit import commit
from wgen_tui.services.planning.plan import Options, make_plan
from wgen_tui.services.planning.preview import make_request

ARMS = """  plain: {data: data/old.jsonl}
  slow: {data: data/old.jsonl, upsample: useful}
  rand: {data: data/old.jsonl, upsample: random, role: control}
"""


def with_arms(definition: Path, arms: str = ARMS) -> None:
    changed(definition, "seeds: 0-1", f"{arms}seeds: 0-1")


def test_both_wait_for_one_first_training_of_each_seed(home: Home, definition: Path) -> None:
    changed(definition, "max_steps: 2", "num_train_epochs: 10\n  warmup_ratio: 0.5")
    before = by_name(planned(home, definition))
    with_arms(definition)
    plan = make_plan(home, str(definition), Options(arms=["rand"]))
    runs = by_name(plan)
    assert {arm for arm, _ in runs} == {"base", "rand", "slow-first"}
    first, rand = runs["slow-first", 1], runs["rand", 1]
    assert rand.needs == (first.run_id,)
    assert (rand.data_rows, rand.data_sha256, first.data_rows) == (8, None, 4)
    assert first.training is not None
    assert first.training.lr_scheduler_type == "constant_with_warmup"
    assert (first.training.max_steps, first.training.warmup_steps) == (2, 2)  # of 20, and of 10
    todo = {run.spec.arm: run.todo for run in plan.runs}
    assert todo["slow-first"] == {"train"}
    assert todo["rand"] == {"train", "sample", "judge"}
    launches = commit(home, plan)
    one, other = [launch for launch in launches if launch.stage == "train"]
    assert set(one.run_ids) == {runs["slow-first", seed].run_id for seed in (0, 1)}
    assert other.after == (one.launch_id,)
    every = by_name(planned(home, definition))
    assert every["slow", 1].needs == (first.run_id,)
    assert every["rand", 1].run_id == rand.run_id
    assert {name: run.run_id for name, run in every.items() if name in before} == {
        name: run.run_id for name, run in before.items()
    }
    told = {arm.arm: arm.derived for arm in make_request(home, definition).arms}
    assert told["slow"] == "the rows again that a first training learns slowly"


def test_other_rows_have_a_first_training_of_their_own(home: Home, definition: Path) -> None:
    with_arms(definition, ARMS.replace("useful}", "useful, held_out: {rows: 1}}"))
    runs = by_name(planned(home, definition))
    assert runs["slow", 0].needs == (runs["slow-first", 0].run_id,)
    assert runs["rand", 0].needs == (runs["rand-first", 0].run_id,)
    assert runs["slow-first", 0].data_sha256 != runs["rand-first", 0].data_sha256


def test_a_seed_or_a_class_is_another_run(home: Home, definition: Path) -> None:
    rows = definition / "data" / "old.jsonl"
    said = [json.loads(line) for line in rows.read_text().splitlines()]
    rows.write_text("".join(json.dumps({**row, "topic": 1}) + "\n" for row in said))
    with_arms(definition)
    ids = {by_name(planned(home, definition))["slow", 0].run_id}
    for old, new in (
        ("upsample: useful", "upsample: {by: useful, seed: 1}"),
        ("seed: 1", "class: topic"),
    ):
        changed(definition, old, new)
        plan = planned(home, definition)
        ids.add(by_name(plan)["slow", 0].run_id)
    assert len(ids) == 3
    classes = next(run.data for run in plan.runs if run.spec.arm == "slow")
    assert [*classes.more["classes.jsonl"]()] == [b'"1"\n'] * 4  # type: ignore[attr-defined]
    assert not any("arm slow: keys of the dataset" in warning for warning in plan.warnings)


@pytest.mark.parametrize(
    ("arm", "message"),
    [
        (
            "slow: {data: data/old.jsonl, upsample: usefull}",
            r"by: .usefull. is not known",
        ),
        ("slow: {data: data/old.jsonl, upsample: useful, in_context: {rows: 1}}", "Nothing is tra"),
        ("slow: {data: data/old.jsonl, upsample: useful, hold: steps}", "is not known when the st"),
        ("slow: {between: {arms: [old, new], t: 0.5}, upsample: useful}", "is not trained"),
        (
            "slow: {data: [data/old.jsonl], upsample: {by: useful, class: topic}}",
            r"upsample\.class: A class is a field of the rows of one file",
        ),
        (
            "slow: {data: data/old.jsonl, upsample: {by: useful, class: topic}}",
            r"old\.jsonl:1: The row has no 'topic'",
        ),
        (
            "slow: {data: data/old.jsonl, upsample: useful}\n  slow-first: {data: data/new.jsonl}",
            "would be named slow-first, as an arm is",
        ),
    ],
)
def test_what_cannot_stand_twice_is_named(
    home: Home, definition: Path, arm: str, message: str
) -> None:
    with_arms(definition, f"  {arm}\n")
    assert re.search(message, refused(home, definition).message)
