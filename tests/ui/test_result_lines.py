"""Results as rows and words: one run said so, nothing graded, what stands beside p, what fits."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.cells import cell_len

from experiments.schema import Analysis, Contrast, Definition, Primary, PublishedFigure
from store.beside.held_out import HeldOutMean
from tests.services.results.test_composition import cells_of
from wgen_tui.services.measures.cells import Cell
from wgen_tui.services.rates.against_task import against_task
from wgen_tui.services.rates.by_variant import by_variant
from wgen_tui.services.rates.curve import Curve
from wgen_tui.services.rates.published import published_beside
from wgen_tui.services.rates.rate_table import RateTable
from wgen_tui.services.results.results import Results
from wgen_tui.ui.state.cells import heading_line, line_pieces
from wgen_tui.ui.state.outcomes import courses, views, words
from wgen_tui.ui.state.outcomes.arm_order import in_order
from wgen_tui.ui.state.outcomes.pictures import figure_of
from wgen_tui.ui.state.outcomes.rows import Number
from wgen_tui.ui.state.shared.arm_colours import ArmColours

PLAN = Analysis(
    primary=Primary(judge="era", label="old"), contrasts=(Contrast(arm="old", control="new"),)
)
EVEN = {"easy": 20, "hard": 20}
SHARES = {"easy": 0.9, "hard": 0.1, "easy/trigger": 0.8, "hard/trigger": 0.7}


def made(*, graded: bool = True, seeds: int = 1, asked: dict[str, int] | None = None) -> Results:
    """Two seeds of an arm beside one, or more, of its control."""
    asked = asked or EVEN
    cells = cells_of("old", [asked] * 2, SHARES) | cells_of("new", [asked] * seeds, SHARES)
    if not graded:
        cells = {key: Cell(0, 0, 0, 0, cell.n) for key, cell in cells.items()}
    table = RateTable(cells, PLAN, "t")
    rates, contrasts = table.rates(("question", "variant")), table.contrasts(("question",))
    tables = by_variant(rates, contrasts)
    return Results(
        experiment="x", rates=rates, contrasts=contrasts, warnings=[], sql="", by_variant=tables
    )


def lines(results: Results, width: int, view: views.View = "arms") -> list[str]:
    inside = views.Inside(views.first_arm(results))
    rows = views.rows_of(results, view, inside, width, ArmColours(["old", "new"]))
    shown = []
    for row in rows:
        pieces = line_pieces(row.columns, row.drawn(), width) if row.drawn() else []
        shown.append("".join(text for text, _ in pieces) or heading_line(row.columns, width))
    return [heading_line(rows[0].columns, width), *shown]


def test_one_run_says_so_beside_its_number_at_every_width() -> None:
    results = made()
    for width in (74, 114, 194):
        new = next(line for line in lines(results, width) if line.startswith("▲ new "))
        assert "1 run" in new
        (old,) = (line for line in lines(results, width) if line.startswith("■ old "))
        assert "run" not in old
    assert "1 run: within one run" in words.notes(results).plain


def test_nothing_graded_is_no_number() -> None:
    results = made(graded=False)
    for width in (74, 114, 194):
        shown = "\n".join(lines(results, width))
        assert "nan" not in shown.lower()
        assert "●" not in shown
    assert "nan" not in words.notes(results).plain.lower()
    assert "nothing is graded" in words.beside(results, Number(results.rates[0])).plain


def test_what_others_have_found_stands_beside_its_rate_alone() -> None:
    results = made()
    whole, one = (
        next(r for r in results.rates if (r.arm, r.question, r.seed) == ("old", name, None))
        for name in (None, "easy")
    )
    figures = [
        PublishedFigure(figure=0.6, arm="old", model="GPT", source="arXiv 1", section="3.1"),
        PublishedFigure(figure=0.9, arm="new", source="B"),
    ]
    definition = Definition.model_construct(analysis=PLAN, published=tuple(figures))
    beside = published_beside(results.rates, definition)
    told = results.model_copy(update={"published": beside})
    assert "published 60.0% (GPT, arXiv 1 §3.1)\n" in words.beside(told, Number(whole)).plain
    assert "published" not in words.beside(told, Number(one)).plain
    assert "published" not in words.beside(results, Number(whole)).plain


@pytest.mark.parametrize("view", ["arms", "questions", "grid", "seeds"])
@pytest.mark.parametrize("width", [57, 74, 114, 154])
def test_columns_fit_their_line_at_every_width(view: views.View, width: int) -> None:
    results = made(seeds=2, asked={"easy": 20, "hard": 20, "easy/trigger": 9, "hard/trigger": 9})
    for line in lines(results, width, view):
        assert cell_len(line) <= width, line


def test_what_stands_beside_p_is_said_and_copied_too() -> None:
    results = made(seeds=2)
    (row,) = (line for line in lines(results, 74) if "1.000*" in line)
    assert row.startswith("▲ new ")
    (item,) = (c for c in results.contrasts if c.question is None)
    assert f"* {item.p_caution}" in words.notes(results).plain
    assert words.beside(results, Number(item)).plain.startswith("old − new: +0.0 points")
    figure = figure_of(results, "arms")
    assert f"* {item.p_caution}" in figure.notes
    assert [dot.note for dot in figure.panels[-1].rows] == ["p 1.000*"]


def test_variants_stand_above_the_mean_that_hides_them() -> None:
    results = made(seeds=2, asked={"easy": 20, "hard": 20, "easy/trigger": 20, "hard/trigger": 20})
    shown = lines(results, 74)
    places = [
        next(n for n, line in enumerate(shown) if line.startswith(name))
        for name in ("old in", "none", "trigger", "mean of 2", "arm", "■ old", "old minus")
    ]
    assert places == sorted(places)
    assert "over 2 variants of 2 questions" in words.notes(results).plain
    (trigger,) = (line for line in shown if line.startswith("trigger"))
    assert trigger.split() == ["trigger", "80", "75.0%", "75.0%"]


def test_questions_are_sorted_by_their_rate_and_differ_from_the_control() -> None:
    shown = lines(made(seeds=2), 74, "questions")
    assert [line.split()[1] for line in shown[1:]] == ["easy", "hard"]
    assert shown[0].endswith("− control")
    assert shown[1].endswith("+0.0")


def test_every_seed_has_its_dot() -> None:
    cells = cells_of("old", [EVEN], {"easy": 0.2, "hard": 0.2})
    other = cells_of("old", [EVEN], {"easy": 0.8, "hard": 0.8})
    cells |= {type(key)(*key_values(key, 1)): cell for key, cell in other.items()}
    rates = RateTable(cells, PLAN, "t").rates(())
    results = Results(experiment="x", rates=rates, contrasts=[], warnings=[], sql="")
    (old,) = (line for line in lines(results, 114) if line.startswith("■ old"))
    assert (old.count("○"), old.count("●")) == (2, 1)


def key_values(key: object, seed: int) -> list[object]:
    """Of a cell of another seed."""
    names = ("model", "arm", "role", "seed", "step", "question", "variant")
    return [seed if name == "seed" else getattr(key, name) for name in names]


def test_sentences_that_say_the_same_are_one() -> None:
    said = ["a: one seed", "b: one seed", "old · m: one seed", "samples: 3", "a note: as it is"]
    assert words.together(said) == ["a, b, old · m: one seed", "samples: 3", "a note: as it is"]


def test_rates_and_differences_have_one_order_of_arms_the_definitions() -> None:
    plan = PLAN.model_copy(
        update={"contrasts": tuple(Contrast(arm="old", control=c) for c in ("zebra", "ant"))}
    )
    cells = {}
    for arm in ("ant", "old", "zebra"):
        role = "treatment" if arm == "old" else "control"
        for key, cell in cells_of(arm, [EVEN], SHARES).items():
            cells[replace(key, role=role)] = cell
    table = RateTable(cells, plan, "t")
    made = Results(
        experiment="x", rates=table.rates(()), contrasts=table.contrasts(()), warnings=[], sql=""
    )
    assert [c.control for c in made.contrasts] == ["zebra", "ant"]
    for given in (["old", "zebra", "ant"], ["ant", "old", "zebra"], []):
        ordered = in_order(made, given)
        arms = [arm for _, arm in views.arms_in_order(ordered)]
        assert arms[0] == "old", "the treated first"
        assert [c.control for c in ordered.contrasts] == arms[1:]
    assert [c.control for c in in_order(made, ["zebra", "ant"]).contrasts] == ["zebra", "ant"]
    assert [r.arm for r in in_order(made, ["zebra", "ant"]).rates if r.seed is None][1] == "zebra"


def test_steps_have_loss_and_accuracy_beside_the_effect() -> None:
    results = made(seeds=2)
    steps = [
        rate.model_copy(update={"checkpoint": step})
        for step in (5, 10)
        for rate in results.rates
        if (rate.seed, rate.question, rate.variant) == (None, None, None)
    ]
    means = [
        HeldOutMean(
            *(steps[0].model, "base" if step == 0 else "old", "base" if step == 0 else "treatment"),
            *(step, "old", 2, 20, loss, 0.1, accuracy, 0.5, [loss] * 2, [accuracy] * 2),
        )
        for step, loss, accuracy in ((0, 2.0, 0.0), (5, 1.25, 0.4), (10, 1.5, 0.35))
    ]
    results = results.model_copy(
        update={
            "curve": Curve(rates=steps, questions=["easy"], left_out=[]),
            "against_task": against_task(means, steps, PLAN, "old"),
        }
    )
    for width in (74, 114, 194):
        shown = lines(results, width, "steps")
        assert all(cell_len(line) <= width for line in shown)
        assert "loss" in shown[0] and "exact" in shown[0]
        assert any("1.250" in line and "40.0%" in line for line in shown)
    said = views.notes(results, "steps").plain
    assert "old: base: loss 2.000, 0.0% exact of 20 rows" in said
    assert "old: best stop by held-out loss: step 5" in said
    titles = [panel.title for panel in figure_of(results, "steps").panels]
    assert titles[1:] == ["held-out loss over steps", "held-out accuracy over steps"]
    drawn = [
        views.chart_text(panel, 57, 8, ArmColours(["old", "new"]))
        for panel in courses.task_lines(results)
    ]
    both = courses.side_by_side(drawn[0], drawn[1], 60).plain.splitlines()
    assert [line[:60].rstrip() for line in both] == [
        line.rstrip() for line in drawn[0].plain.splitlines()
    ], "the left one is as it was, the right one begins at its cell"
    assert [line[60:] for line in both] == drawn[1].plain.splitlines()
    plain = results.model_copy(update={"against_task": []})
    assert "exact" not in lines(plain, 114, "steps")[0]
