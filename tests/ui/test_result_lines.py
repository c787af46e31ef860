"""Results as rows and notes: one run said so, nothing graded, what stands beside p."""

from __future__ import annotations

from experiments.schema import Analysis, Contrast, Primary
from tests.services.results.test_composition import cells_of
from wgen_tui.services.measures.cells import Cell
from wgen_tui.services.rates.rate_table import RateTable
from wgen_tui.services.results.results import Results
from wgen_tui.ui.state import results as rates

PLAN = Analysis(
    primary=Primary(judge="era", label="old"), contrasts=(Contrast(arm="old", control="new"),)
)


def made(*, graded: bool = True) -> Results:
    """Two seeds of an arm beside one of its control."""
    cells = cells_of("old", [{"easy": 20, "hard": 20}] * 2) | cells_of("new", [{"easy": 20}])
    if not graded:
        cells = {key: Cell(0, 0, 0, 0, cell.n) for key, cell in cells.items()}
    table = RateTable(cells, PLAN, "t")
    return Results(
        experiment="x",
        rates=table.rates(("question",)),
        contrasts=table.contrasts(("question",)),
        warnings=[],
        sql="",
    )


def lines(results: Results, width: int) -> list[str]:
    listed = rates.overview(results, width)
    return [
        " ".join(cell.text for cell in rates.cells(line, width, inside=False)) for line in listed
    ]


def test_one_run_says_so_beside_its_number_at_every_width() -> None:
    results = made()
    for width, words in ((80, "1 run"), (120, "within one run"), (200, "within one run")):
        (line,) = (line for line in lines(results, width) if line.startswith("new"))
        assert words in line
    (old,) = (line for line in lines(results, 120) if line.startswith("old"))
    assert "run" not in old
    assert "1 run: within one run" in rates.notes(results).plain


def test_nothing_graded_is_no_number() -> None:
    for width in (80, 120, 200):
        text = "\n".join(lines(made(graded=False), width))
        assert "nan" not in text.lower()
    assert "nan" not in rates.notes(made(graded=False)).plain.lower()


def test_what_stands_beside_p_is_copied_too() -> None:
    cells = cells_of("old", [{"easy": 20, "hard": 20}] * 2)
    cells |= cells_of("new", [{"easy": 20, "hard": 20}] * 2)
    table = RateTable(cells, PLAN, "t")
    contrasts = table.contrasts(())
    results = Results(
        experiment="x", rates=table.rates(()), contrasts=contrasts, warnings=[], sql=""
    )
    assert "1.000*" in "\n".join(lines(results, 80))
    assert f"* {contrasts[0].p_caution}" in rates.notes(results).plain
    head, *rows = rates.as_text(rates.overview(results, 200)).split("\n")
    assert head.split("\t")[-1] == "beside p"
    assert rows[0].split("\t")[-1].startswith("with 2 and 2 seeds (fewer than 6)")
