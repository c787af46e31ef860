"""`sweep:` over keys of training: arms, entries of training.for, contrasts and figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments import catalogue
from experiments.errors import DefinitionError
from experiments.schema import Definition
from tests.experiments.conftest import VALID, Write
from wgen_tui.paths import Home
from wgen_tui.services.experiments import definitions
from wgen_tui.services.experiments.arms.arm_kinds import arm_notes
from wgen_tui.services.planning.plan import make_plan

MODEL = "tiny-world"
RANKS = "sweep: {keys: {lora.r: [4, 16]}}\n"
RANK_AND_ALPHA = """sweep:
  arms: [old]
  keys:
    size:
      small: {lora: {r: 2, lora_alpha: 4}}
      long: {max_steps: 9}
    learning_rate: {slow: 1.0e-5, fast: 1.0e-3}
"""


def trained(read: Definition) -> dict[str, tuple[int, float, float, int | None]]:
    """Rank, alpha, rate and steps of each arm."""
    of = {name: read.training.of(MODEL, name) for name in read.arms}
    return {
        name: (one.lora.r, one.lora.lora_alpha, one.learning_rate, one.max_steps)
        for name, one in of.items()
    }


def test_every_arm_is_trained_with_each_value(write: Write) -> None:
    read = catalogue.load(write(VALID + RANKS))
    assert trained(read) == {
        "old-r-4": (4, 16, 5e-3, 3),
        "old-r-16": (16, 16, 5e-3, 3),
        "new-r-4": (4, 16, 5e-3, 3),
        "new-r-16": (16, 16, 5e-3, 3),
    }
    assert read.arms["new-r-4"].role == "control"
    assert read.arms["old-r-4"].description == "old; lora.r 4"
    assert read.analysis is not None
    assert [(c.arm, c.control) for c in read.analysis.contrasts] == [
        ("old-r-4", "new-r-4"),
        ("old-r-16", "new-r-16"),
    ]


def test_several_keys_give_every_combination_and_labels_several_keys_at_once(write: Write) -> None:
    read = catalogue.load(write(VALID + RANK_AND_ALPHA))
    assert trained(read) == {
        "old-size-small-learning_rate-slow": (2, 4, 1e-5, 3),
        "old-size-small-learning_rate-fast": (2, 4, 1e-3, 3),
        "old-size-long-learning_rate-slow": (8, 16, 1e-5, 9),
        "old-size-long-learning_rate-fast": (8, 16, 1e-3, 9),
        "new": (8, 16, 5e-3, 3),
    }
    assert read.analysis is not None
    assert {c.control for c in read.analysis.contrasts} == {"new"}
    assert len(read.analysis.contrasts) == 4


def test_what_training_says_for_an_arm_stays_and_the_sweep_goes_over_it(write: Write) -> None:
    entry = "  learning_rate: 5e-3\n  for: [{arms: old, warmup_steps: 1, lora: {r: 2}}]\n"
    read = catalogue.load(write(VALID.replace("  learning_rate: 5e-3\n", entry) + RANKS))
    old = read.training.of(MODEL, "old-r-4")
    assert (old.warmup_steps, old.lora.r) == (1, 4)
    assert read.training.of(MODEL, "new-r-4").warmup_steps == 0


def test_an_arm_that_goes_on_from_a_swept_one_goes_on_from_that_of_its_value(write: Write) -> None:
    second = "  second: {data: data/old.jsonl, start_from: old@2}\n"
    read = catalogue.load(write(VALID.replace("  new:", f"{second}  new:") + RANKS))
    parents = {name: arm.start_from for name, arm in read.arms.items() if "second" in name}
    assert parents == {"second-r-4": "old-r-4@2", "second-r-16": "old-r-16@2"}


def test_a_student_learns_from_the_teacher_of_its_value(write: Write) -> None:
    student = "  student: {derived: {teacher: old, prompts: data/new.jsonl, max_tokens: 9}}\n"
    read = catalogue.load(write(VALID.replace("  new:", f"{student}  new:") + RANKS))
    derived = {name: arm.derived for name, arm in read.arms.items() if arm.derived is not None}
    assert {name: one.teacher for name, one in derived.items()} == {
        "student-r-4": "old-r-4",
        "student-r-16": "old-r-16",
    }
    assert all(one.max_tokens == 9 for one in derived.values())


def test_what_trains_nothing_is_not_swept(write: Write) -> None:
    others = (
        "  shown: {data: data/old.jsonl, in_context: {rows: 1}}\n  theirs: {adapter: org/name}\n"
    )
    read = catalogue.load(write(VALID.replace("  new:", f"{others}  new:") + RANKS))
    assert {"shown", "theirs"} <= set(read.arms)
    assert len(read.arms) == 6


def test_figures_of_others_follow_their_arms(write: Write) -> None:
    figures = (
        "published:\n  - {arm: old, figure: 1, source: A}\n  - {arm: base, figure: 0, source: A}\n"
    )
    read = catalogue.load(write(VALID + figures + RANKS))
    assert [item.arm for item in read.published] == ["old-r-4", "old-r-16", "base"]


@pytest.mark.parametrize(
    ("section", "key", "why"),
    [
        ("sweep: {keys: {lora.rr: [4]}}", "sweep.keys.lora.rr", "Did you mean 'lora.r'"),
        ("sweep: {keys: {precision: [fp32, bf16]}}", "sweep.keys.precision", "may differ here"),
        ("sweep: {keys: {lora.r: [4, 0]}}", "sweep.keys.lora.r", "greater than 0"),
        ("sweep: {keys: {lora.r: [4, 4]}}", "sweep.keys", "a value of lora.r stands twice"),
        ("sweep: {keys: {lora.r: []}}", "sweep.keys.lora.r", "at least 1"),
        ("sweep: {keys: {learning_rate: {a b: 1}}}", "sweep.keys", "cannot be in a name"),
        ("sweep: {keys: {lora.r: [4]}, arms: [odl]}", "sweep.arms", "Did you mean 'old'"),
        ("sweep: {key: {lora.r: [4]}}", "sweep.key", "Did you mean 'keys'"),
    ],
)
def test_a_sweep_that_cannot_be_is_named(write: Write, section: str, key: str, why: str) -> None:
    with pytest.raises(DefinitionError) as error:
        catalogue.load(write(f"{VALID}{section}\n"))
    said = {p.key: f"{p.message} {p.hint}" for p in error.value.problems}
    assert why.casefold() in said[key].casefold()
    assert {problem.line for problem in error.value.problems} == {len(VALID.splitlines()) + 1}


def test_arms_of_one_dataset_that_are_trained_otherwise_are_no_mistake(
    write: Write, tmp_path: Path
) -> None:
    folder, home = write(VALID + RANKS), Home(tmp_path / "home")
    _, notes = definitions.validate(home, folder)
    assert not [note for note in notes if "have the same data" in note]
    plan = make_plan(home, str(folder))
    of_arms = {run.spec.arm: run.spec for run in plan.runs}
    ranks = {name: spec.training.lora.r for name, spec in of_arms.items() if spec.training}
    assert ranks == {"old-r-4": 4, "old-r-16": 16, "new-r-4": 4, "new-r-16": 16}
    assert not [note for note in plan.warnings if "old-r-4 and old-r-16 train on the same" in note]
    assert any("lora.r 4" in note for note in arm_notes(plan.definition, of_arms.values()))


ANCHORED = VALID.replace(
    "  old: {data: data/old.jsonl",
    "  old: {regularise: {kl_to_base: 1, prompts: data/old.jsonl}, data: data/old.jsonl",
)


def test_a_key_of_arms_goes_to_the_arms_that_have_its_part(write: Write) -> None:
    assert ANCHORED != VALID
    text = "sweep: {keys: {regularise.kl_to_base: [0.1, 0.5], learning_rate: [0.001]}}\n"
    read = catalogue.load(write(ANCHORED + text))
    betas = {
        name: None if arm.regularise is None else arm.regularise.kl_to_base
        for name, arm in read.arms.items()
    }
    assert betas == {
        "old-kl_to_base-0.1-learning_rate-0.001": 0.1,
        "old-kl_to_base-0.5-learning_rate-0.001": 0.5,
        "new": None,
    }
    assert trained(read)["old-kl_to_base-0.5-learning_rate-0.001"][2] == 0.001
    assert trained(read)["new"][2] == 5e-3


def test_a_file_s_share_is_swept_without_an_entry_of_training(write: Write) -> None:
    read = catalogue.load(write(VALID + "sweep: {keys: {data.share: {half: 0.5, all: 1}}}\n"))
    assert {name: arm.files[0].share for name, arm in read.arms.items()} == {
        "old-share-half": 0.5,
        "old-share-all": 1,
        "new-share-half": 0.5,
        "new-share-all": 1,
    }
    assert read.training.for_ == ()


@pytest.mark.parametrize(
    ("text", "key", "message", "hint"),
    [
        (
            "{keys: {regularise.kl_to_bse: [1]}}",
            "keys.regularise.kl_to_bse",
            "no key",
            "kl_to_base",
        ),
        ("{keys: {derived.temperature: [1]}}", "keys.derived.temperature", "No arm has", "derived"),
        (
            "{arms: [new], keys: {regularise.kl_to_base: [1]}}",
            "arms",
            "'new' has no regularise",
            "Leave the arm out",
        ),
        ("{keys: {regularise.kl_to_base: {low: -1}}}", "keys.regularise.kl_to_base", "greater", ""),
    ],
)
def test_a_key_of_arms_that_cannot_be_swept_is_named(
    write: Write, text: str, key: str, message: str, hint: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(write(f"{ANCHORED}sweep: {text}\n"))
    (problem,) = [one for one in caught.value.problems if one.key == f"sweep.{key}"]
    assert message in problem.message
    assert hint in problem.hint
