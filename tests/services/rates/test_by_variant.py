"""Each arm in each variant, beside the mean that hides it: as counted by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders.store_home import EXPERIMENT
from tests.services.measures.test_contrasts import HITS, PLAN, home_of
from wgen_tui.cli.result_tables.variants import picture
from wgen_tui.cli.results import show
from wgen_tui.services.rates.by_variant import VariantRow, VariantTable
from wgen_tui.services.results.results import compute

ROBOT = {
    ("old", 0): {"q/none": 0, "q/trigger": 9, "r/none": 0, "r/trigger": 8},
    ("new", 0): {"q/none": 0, "q/trigger": 9, "r/none": 0, "r/trigger": 8},
    ("base", 0): {"q/none": 1},
}


def rates(row: VariantRow) -> list[float | None]:
    return [None if cell is None else cell.rate for cell in row.rates]


def table_of(folder: Path) -> VariantTable:
    (table,) = compute(home_of(folder, ROBOT, PLAN), EXPERIMENT, measure="old_era").by_variant
    return table


def test_a_mean_stands_below_the_variants_that_it_is_of(tmp_path: Path) -> None:
    table = table_of(tmp_path / "home")
    assert table.arms == ["old", "new", "base"]
    assert [row.variant for row in table.rows] == ["none", "trigger", None]
    assert [rates(row) for row in table.rows] == [
        [0, 0, pytest.approx(0.1)],
        [pytest.approx(0.85), pytest.approx(0.85), None],
        [pytest.approx(0.425), pytest.approx(0.425), pytest.approx(0.1)],
    ]
    assert table.spread[0] == pytest.approx((0, 0.85))
    assert table.contrasts == ["old − new"]
    assert [row.differences[0] is not None for row in table.rows] == [True, True, True]
    trigger = table.rows[1].rates[0]
    assert trigger is not None and (trigger.n, trigger.questions) == (20, 2)
    assert trigger.low is not None and trigger.low < 0.85
    assert table.over == (
        "2 variants of 2 questions: each question counts once, its variants by their draws; "
        "base lacks trigger"
    )


def test_a_variant_of_fewer_questions_is_named(tmp_path: Path) -> None:
    home = home_of(tmp_path / "home", HITS)
    first = compute(home, EXPERIMENT).by_variant[0]
    assert "of 3 questions" in first.over
    assert "trigger has 2 of them" in first.over


def test_it_is_shown_beside_the_mean_unless_each_has_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = compute(home_of(tmp_path / "home", ROBOT), EXPERIMENT, measure="old_era")
    show(results, ())
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["trigger", "20", "85.0%", "85.0%", "–", "+0.0"] in lines
    assert ["mean", "of", "2", "10–40", "42.5%", "42.5%", "10.0%", "+0.0"] in lines
    show(results, ("variant",))
    shown = capsys.readouterr().out
    assert "mean of 2" not in shown
    assert "The mean over variants is over 2 variants of 2 questions" in shown


def test_one_variant_needs_no_table(tmp_path: Path) -> None:
    hits = {("old", 0): {"q/none": 3}, ("new", 0): {"q/none": 1}}
    assert compute(home_of(tmp_path / "home", hits), EXPERIMENT).by_variant == []


def test_a_picture_of_shares_is_from_0_to_1_and_of_means_from_low_to_high() -> None:
    assert picture([0, 0.5, None, 1], "share") == "▁▅·█"
    assert picture([20, 30, 40], "mean") == "▁▅█"
    assert picture([20, 20], "mean") == "▁▁"
    assert picture([None], "mean") == "·"
