"""Notes beside results: what they are of, how many, which runs, and of which model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from experiments.schema import Analysis, Contrast, Primary
from tests.builders import store_home
from tests.builders.home import write_run
from tests.services.results.test_composition import cells_of
from wgen_tui.cli.results import show
from wgen_tui.paths import Home
from wgen_tui.services.measures.cells import Cell, Cells
from wgen_tui.services.rates.rate_table import RateTable
from wgen_tui.services.results.compared import Compared
from wgen_tui.services.results.results import Results, compute
from wgen_tui.services.results.warnings import notes

PLAN = Analysis(
    primary=Primary(judge="era", label="old"), contrasts=(Contrast(arm="old", control="new"),)
)
OLD = store_home.StoredRun("old", 0)
NEW = store_home.StoredRun("new", 0, "control", 0.25)


def test_refused_draws_do_not_count_and_are_said(tmp_path: Path) -> None:
    home = Home(store_home.write_home(tmp_path / "home", n=4, runs=[OLD, NEW])).ensure()
    asked = {"judge": "era", "label": "19th_century"}
    before = compute(home, store_home.EXPERIMENT, **asked)
    (rate, *_) = before.rates
    assert (rate.arm, rate.n, rate.refused, rate.missing) == ("old", 12, 0.0, 0.0)
    # A server would not make three more; the rules graded the texts that there are not.
    rows = [
        {**row, "finish_reason": "refused", "completion": ""}
        for row in store_home.sample_rows(OLD, 5)
        if row["draw"] == 4
    ]
    store_home.write_samples(home.root, OLD, rows, "L2-00000")
    graded = [
        store_home.grade_line(row, *verdict)
        for row in rows
        for verdict in (("era", "unclear"), ("broken", "broken"))
    ]
    (home.run(OLD.run_id).grades / "part-L2-00000.jsonl").write_text("".join(graded))
    after = compute(home, store_home.EXPERIMENT, **asked)
    found = after.rates[0]
    assert (found.n, found.rate, found.broken, found.unclear) == (12, rate.rate, 0.0, 0.0)
    assert (found.low, found.high) == (rate.low, rate.high)
    assert found.refused == pytest.approx(3 / 15)
    (note,) = (note for note in after.notes if note.kind == "refused")
    assert note.text == "old: 20.0% of the draws were refused and do not count"
    assert (note.count, note.runs) == (3, [OLD.run_id])
    (lacks,) = (note for note in after.notes if note.kind == "missing_draws")
    assert lacks.text.startswith("new, seed 0 lacks 3 of 15 draws that other runs have (20.0%)")
    assert [note.text for note in after.notes] == after.warnings[1:]  # the first: no definition
    assert "as refused" in after.sql


def two_models() -> Cells:
    """Arms of one name on two models; one has no graded samples at all."""
    cells = cells_of("old", [{"easy": 20}] * 2) | cells_of("new", [{"easy": 20}])
    ungraded = {key: Cell(0, 0, 0, 0, cell.n) for key, cell in cells.items() if key.arm == "new"}
    on_big = {replace(key, model="big"): cell for key, cell in (cells | ungraded).items()}
    return cells | on_big


def test_every_line_and_note_names_its_model_where_there_are_several(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Home(tmp_path / "home").ensure()
    cells = two_models()
    table = RateTable(cells, PLAN, "t")
    rates, contrasts = table.rates(()), table.contrasts(())
    compared = Compared(home, "x", [], None, PLAN, rates, contrasts, cells)
    said = notes(compared, [])
    texts = [note.text for note in said]
    assert "new · tiny: one seed; its interval says nothing about other seeds" in texts
    assert "new · big: no graded samples, so no rate" in texts
    assert any("old − new · big: no difference" in text for text in texts)
    show(Results(experiment="x", rates=rates, contrasts=contrasts, warnings=texts, sql=""), ())
    shown = capsys.readouterr().out.splitlines()
    heads = [line.split() for line in shown if line.startswith("model")]
    assert [head[:2] for head in heads] == [["model", "arm"]] * 2
    lines = [line.split()[:2] for line in shown if line.startswith(("tiny", "big"))]
    assert sorted(lines) == sorted([[m, a] for m in ("tiny", "big") for a in ("old", "new", "old")])
    assert "within one run" in next(line for line in shown if line.split()[:2] == ["tiny", "new"])
    assert "nan" not in "".join(shown)


def test_notes_name_the_runs_that_they_are_about(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").ensure()
    write_run(home, "x-a-s0-1", definition_hash="1" * 10)
    write_run(home, "x-a-s1-1", seed=1, definition_hash="2" * 10)
    write_run(home, "y-a-s1-1", experiment="y", definition_hash="3" * 10)
    (note,) = notes(Compared(home, "x", None, None), [])
    assert note.kind == "definitions"
    assert note.runs == ["x-a-s0-1", "x-a-s1-1"]
    assert note.text.endswith("2 versions of the definition (1111111: a seed 0; 2222222: a seed 1)")
