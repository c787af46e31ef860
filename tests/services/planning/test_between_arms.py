"""Arms between two others: what is planned, in which order, and what cannot be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.services.planning.test_arm_kinds import by_name, changed, planned
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.planning.commit import commit
from wgen_tui.services.planning.plan import Options, make_plan
from wgen_tui.services.planning.preview import make_request
from wgen_tui.workers.preview.report import make_report

SEEDS = "seeds: 0-1"


def with_arm(definition: Path, told: str, more: str = "") -> None:
    changed(definition, SEEDS, f"  mid: {told}\n{more}{SEEDS}")


def test_a_run_is_of_the_two_runs_of_its_seed(home: Home, definition: Path) -> None:
    before = by_name(planned(home, definition))
    with_arm(definition, "{between: {arms: [old, new], t: [0, 0.5]}}")
    plan = make_plan(home, str(definition), Options(arms=["mid-0.5"]))  # both come along
    runs = by_name(plan)
    assert {arm for arm, _ in runs} == {"base", "old", "new", "mid-0.5"}
    mid = runs["mid-0.5", 1]
    assert [parent.run_id for parent in mid.parents] == [
        before["old", 1].run_id,
        before["new", 1].run_id,
    ]
    assert mid.needs == tuple(parent.run_id for parent in mid.parents)
    assert mid.training is not None
    assert (mid.training.lora.r, mid.training.lora.lora_alpha) == (4, 4)  # 2 + 2, scale 1
    first, second = [launch for launch in commit(home, plan) if launch.stage == "train"]
    assert second.after == (first.launch_id,)
    assert {*second.run_ids} == {runs["mid-0.5", seed].run_id for seed in (0, 1)}
    later = by_name(planned(home, definition))
    assert later["mid-0.5", 1].run_id == mid.run_id != later["mid-0", 1].run_id
    request = make_request(home, definition)
    assert [arm.arm for arm in request.arms] == ["old", "new"]
    only = make_request(home, definition, arm="mid-0.5")
    assert only.arms == ()
    assert only.rowless == (
        "mid-0.5: there are no rows that train it, its adapter is made of two others (0.5 of old "
        "and 0.5 of new); it holds out none either",
    )
    changed(definition, "t: [0, 0.5]}", "t: [0, 0.5]}, held_out: data/new.jsonl")
    held = make_request(home, definition, arm="mid-0.5")
    assert [(one.arm, one.total) for one in held.arms] == [("mid-0.5 (held out)", 4)]
    assert held.rowless[0].endswith("; its held-out rows are shown")
    assert make_report(held, lambda done: None).rowless == held.rowless


def test_an_id_holds_the_parents_and_their_steps(home: Home, definition: Path) -> None:
    changed(definition, "max_steps: 2", "max_steps: 2\n  checkpoints: {every: 1}")
    with_arm(definition, "{between: {arms: [old, new], t: 0.5}}")
    last = by_name(planned(home, definition))["mid", 0]
    changed(definition, "[old, new]", "[old@2, new]")
    assert by_name(planned(home, definition))["mid", 0].run_id == last.run_id
    changed(definition, "[old@2, new]", "[old@1, new]")
    early = by_name(planned(home, definition))["mid", 0]
    assert early.between is not None
    assert (early.between.first.step, early.between.second.step) == (1, None)
    changed(definition, "old@1, new", "old@2, new")
    changed(definition, "max_steps: 2", "max_steps: 3")
    assert (
        len({last.run_id, early.run_id, by_name(planned(home, definition))["mid", 0].run_id}) == 3
    )


def test_a_sweep_goes_on_between_what_it_made(home: Home, definition: Path) -> None:
    arm = "{between: {arms: [old, new@2], t: 0.5}}"
    changed(
        definition, SEEDS, f"  mid: {arm}\nsweep: {{keys: {{learning_rate: [0.1, 0.2]}}}}\nseeds: 0"
    )
    runs = by_name(planned(home, definition))
    mid = runs["mid-learning_rate-0.2", 0]
    assert [parent.arm for parent in mid.parents] == [
        "old-learning_rate-0.2",
        "new-learning_rate-0.2",
    ]


DORA = "  for: [{arms: [new], lora: {use_dora: true}}]\n"
PAIR = "{between: {arms: [old, new], t: 0.5}"


@pytest.mark.parametrize(
    ("arm", "message"),
    [
        ("{between: {arms: [odl, new], t: 0.5}}", "Unknown arm 'odl'.*\n.*Did you mean 'old'"),
        ("{between: {arms: [old, base], t: 0.5}}", "base has no adapter.*\n.*alpha: 0.5"),
        ("{between: {arms: [old, old], t: 0.5}}", "nothing between old and itself"),
        ("{between: {arms: [old, old@2], t: 0.5}}", "both ends are the final checkpoint"),
        ("{between: {arms: [old@9, new], t: 0.5}}", "takes step 9 of old, which keeps no checkp"),
        ("{between: {arms: [old, new], t: [0, 1.5]}}", "less than or equal to 1"),
        ("{between: {arms: [old, new, mid], t: 1}}", "two others, not 3"),
        ("{between: {arms: [old], t: 1}}", "two others, not 1"),
        (PAIR + ", data: data/old.jsonl}", "both say what the adapter comes from"),
        (PAIR + ", hold: steps}", "is not trained"),
        (PAIR + ", context: {prefix: x}}", "is not trained"),
        ("{between: {arms: [old, mid], t: 0.5}}", "before itself: mid → mid"),
    ],
)
def test_what_cannot_be_between_is_named(
    home: Home, definition: Path, arm: str, message: str
) -> None:
    with_arm(definition, arm)
    with pytest.raises(UsageError) as error:
        planned(home, definition)
    said = f"{error.value.message}\n{error.value.hint or ''}"
    assert re.search(message, said, re.DOTALL), said


def test_what_is_no_sum_of_products_has_no_middle(home: Home, definition: Path) -> None:
    with_arm(definition, PAIR + "}")
    changed(definition, "  max_length: 64\n", "  max_length: 64\n" + DORA)
    with pytest.raises(UsageError, match="'new' has no middle with another: DoRA's"):
        planned(home, definition)


def test_a_circle_of_several_keys_is_told_once(home: Home, definition: Path) -> None:
    with_arm(definition, PAIR + "}")
    changed(definition, "{data: data/old.jsonl}", "{data: data/old.jsonl, start_from: mid}")
    with pytest.raises(UsageError) as error:
        planned(home, definition)
    assert error.value.message.count("before itself") == 1
    assert "mid → old → mid" in error.value.message


def test_a_stage_that_goes_on_from_between_has_the_sum_of_the_ranks(
    home: Home, definition: Path
) -> None:
    with_arm(definition, PAIR + "}", "  on: {data: data/old.jsonl, start_from: mid}\n")
    with pytest.raises(UsageError, match=r"whose lora.r is 4, not 2"):
        planned(home, definition)
    entry = "  for: [{arms: [on], lora: {r: 4, lora_alpha: 4}}]\n"
    changed(definition, "  max_length: 64\n", "  max_length: 64\n" + entry)
    runs = by_name(planned(home, definition))
    assert runs["on", 0].needs == (runs["mid", 0].run_id,)
