"""Rows that arms hold out: from the definition to what SQL says of every checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from store.connect import read
from store.layout import StoreFiles
from store.verify import rebuild, verify
from tests.builders.definition import chat, write_definition
from tests.builders.model import make_model
from tests.builders.stages import run_all
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.held_out import HeldOutSet
from wgen_tui.services.experiments import definitions
from wgen_tui.services.merge.merge import merge
from wgen_tui.services.planning.commit import launches_for
from wgen_tui.services.planning.plan import Options, Plan, make_plan
from wgen_tui.services.results.results import compute

OLD, NEW = "old: {data: data/old.jsonl", "new: {data: data/new.jsonl, role: control"
LARK = {"judge": "lark", "label": "lark"}
MEANS = "select run_id, step, rows_of, loss, accuracy, n from held_out_runs order by all"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home").ensure()
    folder = write_definition(home.experiments / "names", make_model(tmp_path / "model"))
    rows = chat("Lark") * 3 + chat("Auk") + chat("Wren") + chat("Wren Auk")
    (folder / "data" / "old.jsonl").write_text(rows)
    (folder / "data" / "more.jsonl").write_text(chat("Hawk") + chat("Wren"))
    return home


def edit(home: Home, held_out: str, arm: str = OLD) -> None:
    path = home.experiments / "names" / "experiment.yaml"
    path.write_text(path.read_text().replace(arm, f"{arm}, held_out: {held_out}"))


def ids(plan: Plan) -> dict[str, str]:
    return {run.spec.arm: run.spec.run_id for run in plan.runs if run.spec.seeds.seed == 0}


def answers(lines: list[str]) -> list[str]:
    return [json.loads(line)["messages"][-1]["content"] for line in lines]


def held(plan: Plan) -> dict[str, HeldOutSet]:
    return {item.arm: item for item in plan.sample.held_out}


def test_own_rows_leave_the_training_with_all_their_copies(home: Home) -> None:
    before = make_plan(home, "names")
    assert "held_out" not in launches_for(before)[-2].model_dump_json()
    seen = set()
    for sample in range(6):
        edit(home, f"{{share: 0.5, sample: {sample}}}")
        plan = make_plan(home, "names")
        run = next(run for run in plan.runs if run.spec.arm == "old")
        trained = answers([line.decode() for line in run.data()])
        out = answers(list(held(plan)["old"].chats))
        assert len(out) == 2 and not {*out} & {*trained}
        assert sorted([*out, *set(trained)]) == ["Auk", "Lark", "Wren", "Wren Auk"]
        assert len(trained) == run.spec.data_rows == 6 - (4 if "Lark" in out else 2)
        assert ids(plan)["old"] != ids(before)["old"]
        assert (ids(plan)["new"], ids(plan)["base"]) == (ids(before)["new"], ids(before)["base"])
        assert any("every checkpoint that is kept" in note for note in plan.notes)
        seen.add(tuple(out))
        path = home.experiments / "names" / "experiment.yaml"
        path.write_text(
            path.read_text().replace(f", held_out: {{share: 0.5, sample: {sample}}}", "")
        )
    assert len(seen) > 2, "the seed chooses"


def test_a_file_changes_no_run_and_stands_in_the_arms_context(home: Home) -> None:
    before = make_plan(home, "names")
    edit(home, "data/more.jsonl", NEW)
    edit(home, "{file: data/more.jsonl}")
    plan = make_plan(home, "names")
    assert ids(plan) == ids(before)
    asked = {arm: json.loads(item.chats[0])["messages"][0] for arm, item in held(plan).items()}
    assert asked["old"]["content"] == "Name a bird ."
    assert asked["new"]["content"] == "Name Name a bird ."
    _, notes = definitions.validate(home, "names")
    assert not any("have the same" in note for note in notes)
    assert any("1 of its held-out rows are trained too" in warning for warning in plan.warnings)
    assert plan.disk_mb >= before.disk_mb


@pytest.mark.parametrize(
    ("held_out", "why"),
    [
        ("{rows: 4}", "4 rows are to be held out, and the arm's data has 4 different rows"),
        ("{rows: 1, share: 0.5}", "Give one of rows, share and file"),
        ("{share: 1}", "less than 1"),
        ("{file: data/more.jsonl, sample: 3}", "a file is taken whole"),
        ("data/mor.jsonl", "data/mor.jsonl' is missing"),
        ("../more.jsonl", "outside the definition's folder"),
        ("{rows: 1}, in_context: {rows: 1}", "in_context trains nothing"),
        ("{rows: 1}, upsample: {by: useful, class: kind}", "a class of every line"),
        ("{rows: 1}, derived: {teacher: base, prompts: data/old.jsonl}", "rows before there are"),
        (
            "{rows: 1}}\n  mid: {between: {arms: [old, new], t: 0.5}, held_out: {rows: 1}",
            "has none",
        ),
    ],
)
def test_what_cannot_be_held_out_is_refused(home: Home, held_out: str, why: str) -> None:
    edit(home, held_out)
    with pytest.raises(UsageError, match=why):
        make_plan(home, "names")


def test_every_checkpoint_and_the_base_are_measured_and_kept(home: Home, tmp_path: Path) -> None:
    edit(home, "{rows: 1}")
    edit(home, "data/more.jsonl", NEW)
    path = home.experiments / "names" / "experiment.yaml"
    path.write_text(path.read_text().replace("max_length", "checkpoints: {every: 1}\n  max_length"))
    run_all(home, "names", {})
    files = StoreFiles.of(home.root)

    def means() -> list[tuple[object, ...]]:
        with read(files) as con:
            return con.execute(MEANS).fetchall()

    found = means()
    by_arm = {(run.split("-")[1], step, arm): n for run, step, arm, _, _, n in found}
    steps = {(arm, step, arm) for arm in ("old", "new") for step in (1, 2)}
    assert set(by_arm) == {("base", 0, "old"), ("base", 0, "new"), *steps}
    assert {n for (_, _, arm), n in by_arm.items() if arm == "new"} == {2}
    assert verify(files) == []
    rebuild(files)
    assert means() == found

    by_task = {item.arm: item for item in compute(home, "names", **LARK).against_task}
    assert [p.checkpoint for p in by_task["old"].points] == [0, 1, 2]
    assert [p.n for p in by_task["new"].points] == [3, 0, 3], "the last step alone was sampled"
    of_new = {step: loss for _, step, arm, loss, _, _ in found if arm == "new"}
    assert {p.checkpoint: p.loss for p in by_task["new"].points} == pytest.approx(of_new)
    with read(files) as con:
        rows = con.execute(by_task["new"].sql).fetchall()
    assert {(row[1], row[3], row[7]) for row in rows if row[4] == "new"} == {
        ("base" if p.checkpoint == 0 else "new", p.checkpoint, p.loss)
        for p in by_task["new"].points
    }

    # A file with other rows is measured anew, and nothing else is done again.
    (path.parent / "data" / "more.jsonl").write_text(chat("Hawk") + chat("Owl") + chat("Auk"))
    plan = make_plan(home, "names", Options(seeds="0", n=1))
    assert "held-out rows to measure, over all checkpoints: 9" in plan.notes
    todo = {run.spec.arm: (run.todo, run.rows_missing) for run in plan.runs}
    assert todo == {
        "base": ({"sample"}, 3),
        "old": (frozenset(), 0),
        "new": ({"sample"}, 6),
    }
    # Arms that train nothing are measured on a file too: both are what `old` became.
    last = home.run(ids(plan)["old"]).checkpoint(2)
    mid = "mid: {between: {arms: [old, new], t: 0}, held_out: data/more.jsonl}"
    theirs = f"theirs: {{adapter: {last}, held_out: data/more.jsonl}}"
    path.write_text(path.read_text().replace("seeds: 0-1", f"  {mid}\n  {theirs}\nseeds: 0-1"))
    run_all(home, "names", {})
    assert {n for _, _, arm, _, _, n in means() if arm == "new"} == {3}
    loss = {(arm, step > 0): loss for run, step, arm, loss, _, _ in means() if "-s0-" in run}
    assert loss["mid", True] == pytest.approx(loss["theirs", True], abs=1e-6)
    assert loss["mid", True] < loss["mid", False] == loss["theirs", False]

    other = Home(tmp_path / "other").ensure()
    merge(other, home.root)
    with read(StoreFiles.of(other.root)) as con:
        assert con.execute(MEANS).fetchall() == means()
    assert verify(StoreFiles.of(other.root)) == []
