"""A filter of samples that nothing passes: which value none has, and which one may be meant."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from store.samples.unknown import Unknown
from tests.builders.home import T0
from tests.builders.mini_home import MiniHome
from wgen_tui.paths import Home
from wgen_tui.protocol.ids import make_rule_grade_id
from wgen_tui.protocol.runs import GradeRow
from wgen_tui.services.data.ingest import ingest_now
from wgen_tui.ui.state.filters import nothing_has

Program = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run_id(home: Home) -> str:
    """A run of two questions with three samples each, all with an era and the number 42."""
    mini = MiniHome(home)
    mini.definition()
    run_id = mini.run("old", 0)
    mini.draw(run_id, lambda q, d: f"By coach, {d} {q}")
    rated = [
        GradeRow(
            grade_id=make_rule_grade_id(key, "aligned", "r"),
            sample_id=key,
            run_id=run_id,
            judge="aligned",
            grader="rule:aligned",
            rubric="r",
            label=None,
            number=42.0,
            created_at=T0,
        )
        for key in mini.samples[run_id]
    ]
    lines = "".join(row.model_dump_json() + "\n" for row in rated)
    (home.run(run_id).grades / "part-00009.jsonl").write_text(lines)
    ingest_now(home)
    return run_id


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--arm", "odl", "Did you mean --arm old?"),
        ("--seed", "9", "There are: 0."),
        ("--checkpoint", "7", "There are: 4."),
        ("--question", "transprot", "Did you mean --question transport?"),
        ("--variant", "json", "There are: none."),
        ("--model", "tiny", "Did you mean --model tiny-world?"),
        ("--experiment", "mnii", "Did you mean --experiment mini?"),
        ("--label", "era=odl", "Did you mean --label era=old?"),
        ("--graded", "era", "Did you mean --graded rule:era?"),
        ("--graded", "human:ada", "There are: rule:aligned, rule:broken, rule:era."),
        ("--number", "algined<50", "Did you mean --number 'aligned<50'?"),
        ("--number", "aligned<30", "Its numbers go from 42 to 42."),
        ("--number", "aligned>42", "Its numbers go from 42 to 42."),
        ("--tag", "odd", "There are none."),
        ("--run", "mini-old-s1", "Did you mean --run mini-old-s0-"),
    ],
)
def test_a_value_that_no_sample_has_is_named(
    command: Program, run_id: str, option: str, value: str, said: str
) -> None:
    shown = f"'{value}'" if option == "--number" else value
    for words in (("list",), ("list", "--json"), ("search", "coach"), ("export",)):
        done = command("sample", *words, option, value)
        assert f"No sample has {option} {shown}. {said}" in done.stderr
        assert run_id not in done.stdout


def test_of_many_values_some_are_named_and_the_others_counted() -> None:
    many = [Unknown("ids", number, []) for number in range(300)]
    said = nothing_has(many)
    assert said[0] == "No sample has id=0." and len(said) < 10
    assert said[-1] == f"{300 - len(said) + 1} more values that no sample has."


def test_two_values_are_both_named(command: Program, run_id: str) -> None:
    said = command("sample", "list", "--arm", "odl", "--seed", "9").stderr
    assert "--arm odl" in said and "--seed 9" in said


def test_values_that_some_have_but_none_together(command: Program, run_id: str) -> None:
    said = command("sample", "list", "--text", "balloon", "--arm", "old").stderr
    assert said == "No sample matches these filters. `wgen-tui sample list` shows all.\n"


def test_a_run_is_named_by_its_end_as_everywhere(command: Program, run_id: str) -> None:
    end = run_id.rpartition("-")[2]
    assert json.loads(command("sample", "list", "--run", end, "--json").stdout)["total"] == 6
    assert len(command("sample", "export", "--run", end).stdout.splitlines()) == 7


def test_a_run_that_several_ends_name_is_asked_for(command: Program, home: Home) -> None:
    mini = MiniHome(home)
    first = mini.run("old", 0)
    second = home.runs / f"{first.rpartition('-')[0]}x-{first.rpartition('-')[2]}"
    Path(second).mkdir()
    spec = json.loads(home.run(first).spec.read_bytes()) | {"run_id": second.name}
    (second / "spec.json").write_text(json.dumps(spec))
    end = first.rpartition("-")[2]
    assert "2 runs end in" in command("sample", "list", "--run", end, code=2).stderr


def test_a_label_in_the_words_of_the_screen(command: Program) -> None:
    said = command("sample", "list", "--label", "era:modern", code=2).stderr
    assert "Write --label era=modern" in said
