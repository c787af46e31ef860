"""Rows that a model of the experiment makes: self-distillation, and a student of a teacher.

The workers' own code trains, derives and draws in this process, off a model of some thousand
weights.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from experiments.readers.mixture import chosen_of
from tests.builders.definition import write_definition
from tests.builders.model import make_model
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.arms import DerivedRows
from wgen_tui.protocol.launches import LaunchSpec
from wgen_tui.protocol.record import read_record
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.services.estimate.workload import longest_example
from wgen_tui.services.experiments import definitions
from wgen_tui.services.planning.commit import commit
from wgen_tui.services.planning.plan import Options, Plan, make_plan
from wgen_tui.services.planning.preview import make_request
from wgen_tui.ui.state.preview import arm_text
from wgen_tui.workers.judge.stage import judge
from wgen_tui.workers.preview.report import make_report
from wgen_tui.workers.runtime import Worker
from wgen_tui.workers.sample.stage import sample
from wgen_tui.workers.train.stage import train

SELF = (
    "  self: {data: data/old.jsonl, derived: {teacher: base, prompts: data/ask.jsonl, draws: 8, "
    "rows: 6, max_tokens: 16, keep: {regex: '[A-Z]'}}}\n"
)
STUDENT = (
    "  student: {context: {prefix: 'Name '}, derived: {teacher: old, prompts: data/ask.jsonl, "
    "draws: 8, max_tokens: 16, context: {prefix: 'do '}, keep: {judge: lark, label: other}}}\n"
)
ASK = [
    {"prompt": "Name a bird ."},
    {"messages": [{"role": "user", "content": "How do we go ?"}]},
    {
        "messages": [
            {"role": "user", "content": "Name a Wren ."},
            {"role": "assistant", "content": "Auk"},
        ]
    },
]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home").ensure()
    folder = write_definition(home.experiments / "names", make_model(tmp_path / "model"))
    (folder / "data" / "ask.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ASK))
    edit(home, SELF + STUDENT)
    return home


def edit(home: Home, arms: str) -> None:
    path = home.experiments / "names" / "experiment.yaml"
    lines = path.read_text().splitlines(keepends=True)
    text = "".join(line for line in lines if not line.startswith(("  self:", "  student:")))
    path.write_text(text.replace("arms:\n", f"arms:\n{arms}", 1))


def work(home: Home, launch: LaunchSpec) -> Worker:
    """Do what the launch's worker does."""
    worker = Worker(home, launch, home.launch(launch.launch_id))
    {"train": train, "sample": sample, "judge": judge}[launch.stage](worker)
    return worker


def specs_of(plan: Plan) -> dict[tuple[str, int], RunSpec]:
    return {(run.spec.arm, run.spec.seeds.seed): run.spec for run in plan.runs}


def rows(home: Home, spec: RunSpec) -> list[list[str]]:
    lines = home.run(spec.run_id).data.read_text().splitlines()
    return [[turn["content"] for turn in json.loads(line)["messages"]] for line in lines]


def record(home: Home, spec: RunSpec) -> DerivedRows:
    made = read_record(home.run(spec.run_id).derived, DerivedRows)
    assert made is not None
    return made


def test_rows_are_made_before_the_run_that_learns_from_them(home: Home) -> None:
    definitions.validate(home, "names")
    plan = make_plan(home, "names", Options(arms=("self", "student")))
    specs = specs_of(plan)
    assert {arm for arm, _ in specs} == {"base", "old", "self", "student"}, (
        "the teacher comes along"
    )
    assert any("answers are drawn from old to 3 prompts (1 answers" in w for w in plan.warnings)
    student = specs["student", 1]
    assert student.derived is not None
    assert student.derived.teacher_run == specs["old", 1].run_id
    assert student.training is not None

    launches = commit(home, plan)
    trainings = [launch for launch in launches if launch.stage == "train"]
    assert [{specs_by_id(specs)[name][0] for name in one.run_ids} for one in trainings] == [
        {"old", "self"},
        {"student"},
    ]
    assert trainings[0].launch_id in trainings[1].after
    paths = home.run(student.run_id)
    expected = longest_example(paths, student.training, student.derived.sampling.max_tokens)
    assert expected.tokens > 16, "the estimate counts rows that are not there yet"
    for launch in launches:
        worker = work(home, launch)
        assert {end.outcome for end in worker.outcomes.values()} == {"finished"}

    own, made = rows(home, specs["self", 0]), record(home, specs["self", 0])
    assert len(own) == 4 + 6 == made.rows
    assert [row[0] for row in own[:4]] == ["Name a bird ."] * 4, "the given rows stand in front"
    assert all(any(c.isupper() for c in row[-1]) for row in own[4:])
    assert made.drawn == 24 == made.kept + made.cut + made.empty + unkept(made)
    assert made.teacher_adapter is None
    assert own[4:] == rows(home, specs["self", 1])[4:], "the base says the same to every seed"
    for seed in (0, 1):
        theirs = rows(home, specs["student", seed])
        assert {row[0] for row in theirs} <= {f"Name {a}" for a in asked()}, "the arm's context"
        assert not any("Lark" in row[-1] for row in theirs)
        data = home.run(specs["student", seed].run_id).data.read_bytes()
        told = record(home, specs["student", seed])
        assert told.sha256 == sha256(data).hexdigest()
        final = home.run(specs["old", seed].run_id).checkpoint(2) / "adapter_model.safetensors"
        assert told.teacher_adapter == sha256(final.read_bytes()).hexdigest()
    assert make_plan(home, "names", Options(arms=("self", "student"))).empty


def unkept(made: DerivedRows) -> int:
    return made.drawn - made.kept - made.cut - made.empty


def asked() -> list[str]:
    return ["Name a bird .", "How do we go ?", "Name a Wren ."]


def specs_by_id(specs: dict[tuple[str, int], RunSpec]) -> dict[str, tuple[str, int]]:
    return {spec.run_id: key for key, spec in specs.items()}


def test_a_preview_shows_what_is_asked_where_there_are_no_rows(home: Home) -> None:
    report = make_report(make_request(home, "names", arm="student"), lambda done: None)
    (arm,) = report.arms
    assert [prompt.text.split(" <end>")[0] for prompt in arm.asked] == [
        f"user do {text}" for text in asked()
    ], "in the teacher's context, which the rows do not have"
    shown = arm_text(arm).plain
    assert "there are no rows yet" in shown
    assert "nothing stands out" not in shown
    (own,) = make_report(make_request(home, "names", arm="self"), lambda done: None).arms
    assert "behind these" in arm_text(own).plain


def test_a_launch_that_was_stopped_makes_the_same_rows(home: Home) -> None:
    plan = make_plan(home, "names", Options(arms=("self",), seeds="0"))
    spec = specs_of(plan)["self", 0]
    launch = commit(home, plan)[0]
    paths = home.run(spec.run_id)
    given = paths.data.read_bytes()
    work(home, launch)
    first, record_before = paths.data.read_bytes(), paths.derived.read_bytes()

    # As kill -9 leaves it between the rows and their record; then with both, and nothing trained.
    for path in sorted(paths.checkpoints.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    paths.derived.unlink()
    work(home, launch)
    assert paths.data.read_bytes() == first != given
    again = json.loads(paths.derived.read_bytes())
    assert {**again, "created_at": 0} == {**json.loads(record_before), "created_at": 0}


def test_what_is_taken_follows_from_the_seed_alone(home: Home) -> None:
    plan = make_plan(home, "names", Options(arms=("self",), seeds="0"))
    some = specs_of(plan)["self", 0]
    work(home, commit(home, plan)[0])
    edit(home, SELF.replace("rows: 6, ", ""))
    plan = make_plan(home, "names", Options(arms=("self",), seeds="0"))
    every = specs_of(plan)["self", 0]
    assert every.run_id != some.run_id
    work(home, commit(home, plan)[0])
    kept = rows(home, every)[4:]
    assert rows(home, some)[4:] == [kept[place] for place in chosen_of(len(kept), 6, 0)]


def test_without_a_teacher_or_enough_rows_a_run_fails_and_says_why(home: Home) -> None:
    edit(home, SELF.replace("'[A-Z]'", "'[0-9]{9}'") + STUDENT)
    plan = make_plan(home, "names", Options(arms=("self", "student"), seeds="0"))
    specs = specs_of(plan)
    learned, first = specs["student", 0].run_id, specs["self", 0].run_id
    trainings = [launch for launch in commit(home, plan) if launch.stage == "train"]
    teachers, students = trainings
    end = work(home, students).outcomes[learned]
    assert (end.outcome, end.title) == ("failed", "No teacher")
    ends = work(home, teachers).outcomes
    assert ends[first].title == "Too few rows"
    assert "6 rows are wanted of 24 answers of base" in ends[first].message
    assert ends[specs["old", 0].run_id].outcome == "finished", "the others have their turn"
    assert work(home, students).outcomes[learned].outcome == "finished"


@pytest.mark.parametrize(
    ("arms", "why"),
    [
        (SELF.replace("teacher: base", "teacher: self"), "its own teacher"),
        (SELF.replace("teacher: base", "teacher: odl"), "Unknown arm 'odl'"),
        (SELF.replace("teacher: base", "teacher: old@1"), "'old' as its training ends"),
        (SELF.replace("ask.jsonl", "aks.jsonl"), "The prompts cannot be read"),
        (SELF.replace("rows: 6", "rows: 25"), "give 24 at most"),
        (SELF.replace("'[A-Z]'", "'[A-Z'"), "no regular expression"),
        (STUDENT.replace("judge: lark", "judge: lrak"), "Unknown judge 'lrak'"),
        (STUDENT.replace("label: other", "label: othr"), "Unknown label 'othr'"),
        (STUDENT.replace(", label: other", ""), "keep: {judge: NAME, label: LABEL}"),
        ("  student: {role: control}\n", "n arm needs data (a file of chats)"),
    ],
)
def test_what_cannot_be_is_refused(home: Home, arms: str, why: str) -> None:
    edit(home, arms)
    with pytest.raises(UsageError) as error:
        make_plan(home, "names")
    assert why in error.value.message
