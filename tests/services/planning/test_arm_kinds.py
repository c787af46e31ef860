"""Arms that are not simply rows trained like all others: their specs, ids, and what a plan says."""

from __future__ import annotations

from pathlib import Path

import pytest

from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.arms import Parent
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.services.planning.commit import commit
from wgen_tui.services.planning.plan import Options, Plan, make_plan
from wgen_tui.services.planning.preview import make_request

FOR = "  for: [{arms: [old], max_steps: 5, lora: {r: 3}}]\n"


def changed(definition: Path, old: str, new: str) -> None:
    file = definition / "experiment.yaml"
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def planned(home: Home, definition: Path) -> Plan:
    return make_plan(home, str(definition))


def by_name(plan: Plan) -> dict[tuple[str, int], RunSpec]:
    return {(run.spec.arm, run.spec.seeds.seed): run.spec for run in plan.runs}


def test_only_runs_that_an_entry_changes_get_other_ids(home: Home, definition: Path) -> None:
    before = by_name(planned(home, definition))
    changed(definition, "  max_length: 64\n", "  max_length: 64\n" + FOR)
    plan = planned(home, definition)
    after = by_name(plan)
    assert [name for name in before if before[name].run_id != after[name].run_id] == [
        ("old", 0),
        ("old", 1),
    ]
    old, new = after["old", 0].training, after["new", 0].training
    assert old is not None
    assert new is not None
    assert (old.max_steps, old.lora.r, old.lora.lora_alpha) == (5, 3, 4)
    assert new == before["new", 0].training
    assert plan.notes == ("arm old: training.for: lora.r 3, max_steps 5",)
    changed(definition, FOR, "  for: [{arms: [old], max_steps: 2}]\n")  # as it is for all
    assert by_name(planned(home, definition)).keys() == before.keys()
    assert {run.run_id for run in by_name(planned(home, definition)).values()} == {
        run.run_id for run in before.values()
    }


def test_held_steps_are_those_of_all_rows(home: Home, definition: Path) -> None:
    changed(definition, "max_steps: 2", "num_train_epochs: 3")
    dose = "old: {data: {file: data/old.jsonl, rows: 2}, hold: HELD}"
    changed(definition, "old: {data: data/old.jsonl}", dose)
    changed(definition, "HELD", "epochs")
    epochs = by_name(planned(home, definition))["old", 0]
    changed(definition, ", hold: epochs", "")
    plain = by_name(planned(home, definition))["old", 0]
    changed(definition, "rows: 2}", "rows: 2}, hold: steps")
    steps = by_name(planned(home, definition))["old", 0]
    assert epochs.run_id == plain.run_id != steps.run_id
    assert (plain.hold, steps.hold) == ("epochs", "steps")
    assert steps.training is not None
    # Four rows, two of them a batch, three times.
    assert (steps.training.max_steps, steps.training.num_train_epochs) == (6, None)
    assert "arm old: hold: steps: 2 rows for 6 steps, 6 epochs" in planned(home, definition).notes


@pytest.mark.parametrize(
    ("arm", "message"),
    [
        ("{data: data/old.jsonl, hold: steps}", "All rows are taken"),
        ("{data: {file: data/old.jsonl, rows: 2}, hold: epochs}", "max_steps"),
        ("{data: {file: data/old.jsonl, rows: 2}, hold: rows}", "'rows' is not known"),
    ],
)
def test_what_cannot_be_held_is_named(home: Home, definition: Path, arm: str, message: str) -> None:
    changed(definition, "{data: data/old.jsonl}", arm)
    with pytest.raises(UsageError, match=message):
        planned(home, definition)


SECOND = "  new: {data: data/new.jsonl, role: control, start_from: old, context:"


def test_a_second_stage_waits_for_its_parent(home: Home, definition: Path) -> None:
    before = by_name(planned(home, definition))
    changed(definition, "  new: {data: data/new.jsonl, role: control, context:", SECOND)
    plan = make_plan(home, str(definition), Options(arms=["new"]))  # its parent comes along
    runs = by_name(plan)
    assert {arm for arm, _ in runs} == {"base", "old", "new"}
    assert runs["old", 1].run_id == before["old", 1].run_id
    assert runs["new", 1].run_id != before["new", 1].run_id
    assert runs["new", 1].parent == Parent(run_id=runs["old", 1].run_id, arm="old")
    launches = {launch.launch_id: launch for launch in commit(home, plan)}
    trains = [launch for launch in launches.values() if launch.stage == "train"]
    assert [len(launch.run_ids) for launch in trains] == [2, 2]
    first, second = trains
    assert first.after == ()
    assert second.after == (first.launch_id,)
    assert set(second.run_ids) == {runs["new", 0].run_id, runs["new", 1].run_id}
    assert planned(home, definition).empty
    # Another arm on the same parent, planned while that is not trained yet.
    arm = "  third: {data: data/new.jsonl, start_from: old}\nseeds: 0-1"
    changed(definition, "seeds: 0-1", arm)
    more = [item for item in commit(home, planned(home, definition)) if item.stage == "train"]
    assert [launch.after for launch in more] == [(first.launch_id,)]


@pytest.mark.parametrize(
    ("start", "training", "message"),
    [
        ("odl", "", "Unknown arm 'odl'"),
        ("new", "", "would go on from itself"),
        ("old@x", "", "no arm or arm@step"),
        ("old@7", "", "goes on from step 7 of old, which keeps no checkpoint there: it keeps 2"),
        ("old", "  for: [{arms: [old], lora: {r: 4}}]\n", "whose lora.r is 4, not 2"),
        ("old", "  for: [{arms: [old], lora: {lora_dropout: 0.1}}]\n", ""),
        ("old@2", "", ""),
    ],
)
def test_what_cannot_be_gone_on_from_is_named(
    home: Home, definition: Path, start: str, training: str, message: str
) -> None:
    text = SECOND.replace("start_from: old,", f"start_from: {start},")
    changed(definition, "  new: {data: data/new.jsonl, role: control, context:", text)
    changed(definition, "  max_length: 64\n", "  max_length: 64\n" + training)
    if not message:
        run = by_name(planned(home, definition))["new", 0]
        assert run.parent is not None
        assert run.parent.step is None
        return
    with pytest.raises(UsageError, match=message):
        planned(home, definition)


def test_a_circle_of_stages_is_named(home: Home, definition: Path) -> None:
    changed(definition, "  new: {data: data/new.jsonl, role: control, context:", SECOND)
    changed(definition, "{data: data/old.jsonl}", "{data: data/old.jsonl, start_from: new}")
    with pytest.raises(UsageError, match="would go on from itself"):
        planned(home, definition)


@pytest.mark.parametrize(
    ("arm", "message"),
    [
        ("{role: control}", "needs data .a file of chats., rows that are derived, an adapter"),
        ("{adapter: theirs, data: data/old.jsonl}", "trained by nobody"),
        ("{adapter: theirs, context: {prefix: x}}", "not trained here"),
        ("{adapter: theirs, start_from: new}", "not trained here"),
        ("{adapter: theirs}", "no adapter folder 'theirs'"),
    ],
)
def test_what_an_adapter_cannot_have_is_named(
    home: Home, definition: Path, arm: str, message: str
) -> None:
    changed(definition, "{data: data/old.jsonl}", arm)
    with pytest.raises(UsageError, match=message):
        planned(home, definition)


def test_a_preview_is_that_of_the_arms_own_training(home: Home, definition: Path) -> None:
    entry = "  for: [{arms: [new], max_length: 4, too_long: drop}]\n"
    changed(definition, "  max_length: 64\n", "  max_length: 64\n" + entry)
    old, new = make_request(home, definition).arms
    assert old.training is None
    assert new.training is not None
    assert (new.training.max_length, new.training.too_long) == (4, "drop")
