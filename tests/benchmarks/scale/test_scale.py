"""The homes that the benches measure in are homes as the product leaves them; the table says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.ingest import ingest
from store.verify import verify
from tests.benchmarks.scale.definitions import Size
from tests.benchmarks.scale.figures import Figure, Report, missed, table
from tests.benchmarks.scale.homes import add
from tests.benchmarks.scale.places import copied, kept
from tests.benchmarks.scale.terminal import Terminal
from wgen_tui.services.data.database import files_of
from wgen_tui.services.planning.plan import make_plan
from wgen_tui.services.results.results import compute
from wgen_tui.services.runs import runs

SAMPLES = 1000


@pytest.mark.slow
def test_a_home_lacks_nothing_and_grows_by_what_is_added(tmp_path: Path) -> None:
    home = kept(tmp_path, SAMPLES)
    assert Size.of(SAMPLES).samples == SAMPLES
    assert kept(tmp_path, SAMPLES) == home
    assert make_plan(home, "scale-00").empty
    assert {run.state for run in runs.list_runs(home)} == {"finished"}
    copy = copied(home, tmp_path / "copy")
    first = ingest(files_of(copy))
    assert first is not None
    assert not first.damaged
    assert (first.rows["sample"], first.rows["grade"]) == (SAMPLES, 3 * SAMPLES)
    assert {rate.arm for rate in compute(copy, "scale-00").rates} == {"base", "old", "mixed", "new"}
    for number in range(2):
        add(copy, 80, number)
        more = ingest(files_of(copy))
        assert more is not None
        assert (more.rows["sample"], more.rows["grade"]) == (80, 240)
    assert verify(files_of(copy)) == []
    assert not home.database.exists()


def test_a_wait_that_fails_says_what_the_screen_shows() -> None:
    says = r"printf '\033[3;5Hold\033[2;3H\033[1mt o\033[0;2mver\033[0m\r\n  é|\033[3;5Hnew'"
    with Terminal(["sh", "-c", f"{says}; sleep 60"]) as terminal:
        terminal.wait("t over")  # in one piece, whatever colours its words have
        with pytest.raises(TimeoutError) as caught:
            terminal.wait("finished", "lost", limit=0.5)
    assert str(caught.value) == (
        "'finished' or 'lost' did not come within 0.5 s. The screen shows:\n\n  t over\n  é|new"
    )


def test_a_ratio_counts_where_there_is_a_peer_and_the_least_must_be_reached() -> None:
    assert Figure("a", 3.0, "s", 3.0, 1.0, "peer").held
    assert not Figure("a", 3.1, "s", 3.0, 1.0, "peer").held
    assert Figure("a", 0.1, "s", 0.5).held
    assert not Figure("a", 9, "rows/s", 10, least=True).held


def test_the_table_has_the_growth_and_the_bars_of_the_largest_size() -> None:
    small, large = Report(10), Report(1000)
    small.add(Figure("page", 2.0, "ms", 50))
    large.add(Figure("page", 3.0, "ms", 50))
    large.add(Figure("ingest", 4.0, "s", 3.0, 1.0, "DuckDB"))
    heads, _, page, taken = table([small, large]).splitlines()
    assert "1,000 / 10" in heads
    assert page == "| page | 2 ms | 3 ms | 1.50 |  |  | ≤ 50 ms | yes |"
    assert taken == "| ingest |  | 4 s |  | DuckDB 1 s | 4.00 | ≤ 3 × | **no** |"


@pytest.mark.parametrize(("large", "held"), [(3.9, "yes"), (4.1, "**no**")])
def test_what_grows_too_much_is_missed(large: float, held: str) -> None:
    reports = [Report(10), Report(1000)]
    for report, ours in zip(reports, (2.0, large), strict=True):
        report.add(Figure("page", ours, "ms", 50, growth=2))
    row = table(reports).splitlines()[-1]
    assert row.endswith(f"| ≤ 50 ms; growth ≤ 2 | {held} |")
    assert len(missed(reports)) == (held != "yes")
