"""Results of a home as a whole: with a share that is meant, and with read-outs alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders import store_home
from tests.store.test_readouts import reading, write
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.results.results import compute

RUNS = [store_home.StoredRun("old", seed) for seed in (0, 1)]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Samples of an experiment whose definition is gone."""
    return Home(store_home.write_home(tmp_path / "home", n=4, runs=RUNS)).ensure()


def read_out(home: Home) -> None:
    for run in RUNS:
        write(home.root, run, "readouts", reading(run, 0, {"a": 0.25, "b": 0.75}), "R-00000")


def test_a_judge_and_a_label_say_which_share(home: Home) -> None:
    results = compute(home, store_home.EXPERIMENT, judge="era", label="19th_century")
    overall = next(rate for rate in results.rates if rate.seed is None)
    assert (overall.arm, overall.seeds, overall.n) == ("old", 2, 24)
    assert results.sql.count(f"'{store_home.EXPERIMENT}'") == 1
    assert results.warnings[0].startswith("the definition cannot be read")
    assert results.readouts == []


def test_without_a_share_only_read_outs_are_shown(home: Home) -> None:
    with pytest.raises(UsageError, match="no analysis plan"):
        compute(home, store_home.EXPERIMENT)
    read_out(home)
    results = compute(home, store_home.EXPERIMENT)
    assert (results.rates, results.contrasts, results.curve) == ([], [], None)
    assert {item.metric for item in results.readouts} == {"p(a)", "p(b)"}
    assert "readout_means" in results.sql
    both = compute(home, store_home.EXPERIMENT, judge="era", label="19th_century")
    assert both.rates
    assert both.readouts == results.readouts


def test_what_has_neither_definition_nor_samples_is_unknown(home: Home) -> None:
    with pytest.raises(UsageError, match="made"):
        compute(home, "mad", judge="era", label="modern")
