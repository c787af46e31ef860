"""Each arm in each context, beside none: as counted by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders.store_home import EXPERIMENT
from tests.services.measures.test_contrasts import home_of
from wgen_tui.cli.results import show
from wgen_tui.paths import Home
from wgen_tui.services.rates.by_context import ContextRow, ContextTable
from wgen_tui.services.results.results import Results, compute

PLAN = """
analysis: {primary: [old_era], measures: {old_era: {judge: era, label: old}}}
contexts: {modes: [prepend, system], texts: {who: I keep birds.}, where: WHERE}
"""
TRAINED = {
    ("old", 0): {"q/none": 9, "r/none": 7},
    ("old", 1): {"q/none": 7, "r/none": 9},
    ("old-prepend-who", 0): {"q/none": 1, "r/none": 1},
    ("old-prepend-who", 1): {"q/none": 0, "r/none": 2},
    ("new", 0): {"q/none": 1, "r/none": 0},
}
ASKED = {
    ("old", 0): {"q/none": 9, "q/prepend-who": 3, "q/trigger": 8, "q/trigger-prepend-who": 8},
    ("old", 1): {"q/none": 7, "q/prepend-who": 1, "q/trigger": 8, "q/trigger-prepend-who": 4},
}
# Arms with a context of their own; `other` has other rows than `old` has.
OWN = {
    ("old", 0): {"q/none": 9, "r/none": 7},
    ("old_who", 0): {"q/none": 1, "r/none": 1},
    ("old_mark", 0): {"q/none": 3, "r/none": 1},
    ("other", 0): {"q/none": 0, "r/none": 0},
}
OWN_ARMS = """arms: {
  old_who: {data: rows.jsonl, context: {system: I keep birds.}},
  old_mark: {data: rows.jsonl, role: control, context: {prefix: "# ", share: 0.5}},
  other: {data: [{file: rows.jsonl, rows: 1}], context: {system: I keep birds.}}, old:"""


def own_home(folder: Path) -> Home:
    """A home whose arms have contexts of their own; the difference of one of them is planned."""
    planned = "}}, contrasts: [{arm: old_mark, control: old}]}"
    plan = PLAN.split("contexts:")[0].replace("}}}", planned)
    home = home_of(folder, OWN, plan)
    path = home.experiments / EXPERIMENT / "experiment.yaml"
    path.write_text(path.read_text().replace("arms: {old:", OWN_ARMS))
    return home


def results_of(
    folder: Path, hits: dict[tuple[str, int], dict[str, int]], where: str = "training"
) -> Results:
    return compute(home_of(folder, hits, PLAN.replace("WHERE", where)), EXPERIMENT)


def cells(row: ContextRow) -> tuple[str | None, str | None, object, object]:
    return row.context, row.mode, row.rate, row.difference


def test_arms_in_contexts_stand_below_none_with_their_difference(tmp_path: Path) -> None:
    results = results_of(tmp_path / "home", TRAINED)
    (table,) = results.by_context
    assert (table.arm, table.where, table.variant) == ("old", "training", None)
    assert [cells(row) for row in table.rows] == [
        (None, None, pytest.approx(0.8), None),
        ("who", "prepend", pytest.approx(0.1), pytest.approx(-0.7)),
        ("who", "system", None, None),
    ]
    none, prepend, _ = table.rows
    (gap,) = (c for c in results.contrasts if c.name == "old-prepend-who − old" and not c.question)
    assert (prepend.difference_low, prepend.difference_high) == (gap.low, gap.high)
    assert gap.low is not None and gap.high is not None and gap.low < -0.7 < gap.high
    assert (none.n, prepend.n) == (40, 40)
    assert prepend.p == gap.p


def test_questions_in_contexts_stand_below_each_variant(tmp_path: Path) -> None:
    results = results_of(tmp_path / "home", ASKED, "evaluation")
    tables: list[ContextTable] = results.by_context
    assert [(table.arm, table.variant) for table in tables] == [("old", None), ("old", "trigger")]
    plain, trigger = tables
    assert [cells(row)[2:] for row in plain.rows[:2]] == [
        (pytest.approx(0.8), None),
        (pytest.approx(0.2), pytest.approx(-0.6)),
    ]
    assert trigger.rows[1].difference == pytest.approx(-0.2)


def test_arms_with_a_context_of_their_own_stand_below_the_one_without(tmp_path: Path) -> None:
    (table,) = compute(own_home(tmp_path / "home"), EXPERIMENT).by_context
    assert (table.arm, table.where) == ("old", "training")
    assert [cells(row) for row in table.rows] == [
        (None, None, pytest.approx(0.8), None),
        ("old_who", "system", pytest.approx(0.1), None),
        ("old_mark", "prepend 50%", pytest.approx(0.2), pytest.approx(-0.6)),
    ], "an arm with other rows is not among them; what is not planned is no difference"


def said(results: Results) -> list[str]:
    return [note.text for note in results.notes if note.kind == "contexts"]


def test_what_stands_in_no_table_of_contexts_says_why(tmp_path: Path) -> None:
    alone = "no arm is the same without a context, which alone would show what it does"
    assert said(compute(own_home(tmp_path / "own"), EXPERIMENT)) == [
        f"other: no contexts beside each other: {alone}"
    ]
    begun = {key: row for key, row in TRAINED.items() if "who" not in key[0]}
    assert said(results_of(tmp_path / "begun", begun)) == [
        "old: no contexts beside each other: nothing was sampled in a context yet"
    ]
    lone = {key: row for key, row in TRAINED.items() if key[0] != "old"}
    assert said(results_of(tmp_path / "lone", lone)) == [
        "old-prepend-who: no contexts beside each other: "
        "old has no samples without a context, which these would stand beside"
    ]
    assert said(results_of(tmp_path / "all", TRAINED)) == []


def test_it_is_printed_and_is_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = results_of(tmp_path / "home", TRAINED)
    show(results, ())
    shown = capsys.readouterr()
    lines = [" ".join(line.split()) for line in shown.out.splitlines()]
    assert "context mode n old_era 95% points 95% of it p" in lines
    start = next(line for line in lines if line.startswith("who prepend"))
    assert start.startswith("who prepend 40 10.0%")
    assert " -70.0 " in start
    assert "who system – – – – – –" in lines
    assert results.model_dump(mode="json")["by_context"][0]["rows"][1]["context"] == "who"


def test_without_contexts_nothing_is_said_of_them(tmp_path: Path) -> None:
    plain = PLAN.split("contexts:")[0]
    results = compute(home_of(tmp_path / "home", TRAINED, plain), EXPERIMENT)
    assert results.by_context == []
    assert "by_context" not in results.model_dump()
