"""Planning runs that are trained as one: whose ids cover whom, and who comes along."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wgen_tui.paths import Home
from wgen_tui.protocol.record import now, write_record
from wgen_tui.protocol.runs import CheckpointManifest, RunSpec
from wgen_tui.run_files.steps import steps_to_sample
from wgen_tui.services.planning.commit import commit
from wgen_tui.services.planning.plan import Options, Plan, make_plan
from wgen_tui.services.runs import runs

if TYPE_CHECKING:
    from tests.builders.launch_files import LaunchFiles

EVERYTHING = {"train", "sample", "judge"}


@pytest.fixture
def poly(definition: Path) -> Path:
    """Three arms of four examples each, two seeds, trained as one."""
    source = definition / "experiment.yaml"
    text = source.read_text().replace("lora: {r: 2, lora_alpha: 4}", "method: poly")
    source.write_text(text.replace("seeds:", "  odd: {data: data/odd.jsonl}\nseeds:"))
    rows = (definition / "data" / "old.jsonl").read_text().replace("Lark", "Kite")
    (definition / "data" / "odd.jsonl").write_text(rows)
    return definition


def plan_for(home: Home, definition: Path, **options: object) -> Plan:
    return make_plan(home, str(definition), Options(**options))  # type: ignore[arg-type]


def ids(plan: Plan) -> dict[tuple[str, int], str]:
    return {(run.spec.arm, run.spec.seeds.seed): run.spec.run_id for run in plan.runs}


def test_a_run_knows_its_task_and_its_mates(home: Home, poly: Path) -> None:
    plan = plan_for(home, poly)
    found = ids(plan)
    for run in plan.runs[1:]:
        task = run.spec.task
        assert task is not None
        assert task.arms == ("old", "new", "odd")
        assert task.arms[task.index] == run.spec.arm
        assert task.data[task.index] == run.spec.data_sha256
        assert task.runs == tuple(found[arm, run.spec.seeds.seed] for arm in task.arms)
        assert (run.spec.data_rows, run.spec.trained_rows) == (4, 12)
        assert RunSpec.model_validate_json(run.spec.model_dump_json()) == run.spec
    assert plan.runs[0].spec.task is None


def test_steps_are_counted_over_all_examples(home: Home, poly: Path) -> None:
    source = poly / "experiment.yaml"
    source.write_text(source.read_text().replace("max_steps: 2", "num_train_epochs: 1"))
    plan = plan_for(home, poly)
    spec = plan.runs[1].spec
    # Twelve examples in batches of two.
    assert steps_to_sample({}, plan.sample, spec.training, spec.trained_rows) == (6,)


def test_another_set_of_arms_is_another_run(home: Home, poly: Path) -> None:
    three = ids(plan_for(home, poly))
    two = ids(plan_for(home, poly, arms=["odd", "old"]))
    assert two["base", 0] == three["base", 0]
    tuned = [key for key in two if key[0] != "base"]
    assert {arm for arm, _ in tuned} == {"old", "odd"}
    assert all(two[key] != three[key] for key in tuned)
    # The order of the command line is no other set; the order of the tasks is the definition's.
    again = plan_for(home, poly, arms=["old", "odd"])
    assert ids(again) == two
    assert [run.spec.task.arms for run in again.runs if run.spec.task] == [("old", "odd")] * 4


def test_a_mates_data_are_part_of_the_id(home: Home, poly: Path) -> None:
    before = ids(plan_for(home, poly))
    (poly / "data" / "odd.jsonl").write_text((poly / "data" / "new.jsonl").read_text())
    after = ids(plan_for(home, poly))
    assert before["base", 0] == after["base", 0]
    assert not set(after.values()) & {before[key] for key in before if key[0] != "base"}


def test_all_arms_of_a_seed_go_into_one_launch(home: Home, poly: Path) -> None:
    plan = plan_for(home, poly)
    train, *_ = commit(home, plan)
    assert train.stage == "train"
    assert set(train.run_ids) == {run.spec.run_id for run in plan.runs[1:]}
    for run in plan.runs[1:]:
        assert home.run(run.spec.run_id).data.read_bytes() == b"".join(run.data())
    assert plan_for(home, poly).empty


def test_one_that_was_cancelled_takes_its_mates_along(home: Home, poly: Path) -> None:
    """The launch under way will stop all of them; the new one comes after it."""
    plan = plan_for(home, poly)
    first = commit(home, plan)
    found = ids(plan)
    runs.cancel(home, found["new", 0])
    again = plan_for(home, poly)
    todo = {(run.spec.arm, run.spec.seeds.seed): run.todo for run in again.runs if run.todo}
    assert todo == {(arm, 0): EVERYTHING for arm in ("old", "new", "odd")}
    train, *_ = commit(home, again)
    assert set(train.run_ids) == {found[arm, 0] for arm in ("old", "new", "odd")}
    assert first[0].launch_id in train.after


def test_one_that_is_trained_is_not_trained_for_its_mates(
    home: Home, poly: Path, files: LaunchFiles
) -> None:
    plan = plan_for(home, poly, seeds="0")
    train, *_ = commit(home, plan)
    files.lost(train.launch_id)  # and died
    found = ids(plan)
    for arm in ("old", "odd"):
        _trained(home, found[arm, 0])
    again = {run.spec.arm: run.todo for run in plan_for(home, poly, seeds="0").runs}
    assert again["new"] == EVERYTHING  # it takes the adapter from its sibling
    assert "train" not in again["old"] | again["odd"]
    shutil.rmtree(home.run(found["old", 0]).checkpoints)
    shutil.rmtree(home.run(found["odd", 0]).checkpoints)
    again = {run.spec.arm: run.todo for run in plan_for(home, poly, seeds="0").runs}
    assert again["old"] == again["new"] == again["odd"] == EVERYTHING


def _trained(home: Home, run_id: str) -> None:
    folder = home.run(run_id).checkpoint(2)
    folder.mkdir(parents=True)
    manifest = CheckpointManifest(
        run_id=run_id, step=2, steps=2, final=True, files={}, created_at=now()
    )
    write_record(folder / "manifest.json", manifest)
