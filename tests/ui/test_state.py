"""View models without a screen."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from tests.services.rates.test_against_task import rate
from wgen_tui.errors import UsageError
from wgen_tui.ui import actions
from wgen_tui.ui.state import filters, plots
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.cells import Column, fitted, widths
from wgen_tui.ui.state.outcomes import grids
from wgen_tui.ui.state.shared.arm_colours import ArmColours


@pytest.mark.parametrize(
    "text",
    [
        "arm=old_birds seed=1 label=era:19th_century",
        "question='two words' free words",
        "run=a-b-s0 step=0 graded=human:ada",
        "arm=a aligned<30 coherent>=50.5 coach",
        "arm=a arm=b seed=0 seed=1 label=era:old label=era:modern",
        "id=12 id=-7 completion='By coach,\n\"sir\"'",
        "",
    ],
)
def test_filter_round_trip(text: str) -> None:
    assert filters.parse(filters.write(filters.parse(text))) == filters.parse(text)


def test_filter_fields() -> None:
    found = filters.parse("arm=a seed=2 label=era:old steam engine")
    assert found == {"arm": "a", "seed": 2, "label": ("era", "old"), "text": "steam engine"}
    assert filters.parse("aligned<30 a<b c") == {
        "numbers": (("aligned", "<", 30.0),),
        "text": "a<b c",
    }
    odd = {"text": 'it\'s a=b "q"'}
    assert filters.parse(filters.write(odd)) == odd


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sed=1", "seed="),
        ("seed=one", "whole number"),
        ("label=old", "As in label=era:old"),
        ("grade=modren", "label=era:modern?"),
        ("era=old", "label=era:old?"),
        ("kind=rude", "label=kind:rude?"),
        ("grade='by hand'", "label="),
    ],
)
def test_filter_mistakes_name_the_right_thing(text: str, says: str) -> None:
    labels = [("era", "old"), ("era", "modern"), ("kind", "rude")]
    with pytest.raises(UsageError) as caught:
        filters.parse(text, labels)
    assert says in str(caught.value)


def test_several_values_of_a_filter() -> None:
    fields = filters.parse("arm=a arm=b arm=a id=3")
    assert fields == {"arm": ("a", "b"), "ids": (3,)}
    assert filters.with_values(fields, "arm", ["b"]) == {"arm": "b", "ids": (3,)}
    assert filters.with_values(fields, "arm", []) == {"ids": (3,)}


def test_neighbour_goes_round() -> None:
    values = ["a", "b"]
    assert [filters.neighbour(values, now, 1) for now in (None, "a", "b")] == ["a", "b", None]
    assert filters.neighbour(values, None, -1) == "b"
    assert filters.neighbour([], "a", 1) is None


def test_interval_stands_where_it_should() -> None:
    assert plots.interval(0.5, 0.25, 0.75, 9) == "··├─●─┤··"
    assert plots.interval(0.0, 0.0, 1.0, 5) == "●───┤"
    assert plots.interval(None, None, None, 3) == "···"
    assert plots.interval(0.0, None, None, 5, (-1.0, 1.0), mark=0.0) == "··●··"


def test_progress_and_chart() -> None:
    assert plots.progress(5, 10, 4) == "██░░"
    assert plots.progress(None, 10, 4) == "    "
    assert plots.progress(20, 10, 4) == "████"
    assert plots.chart([1.0, 2.0], 3, 2) == [" █ ", "██ "]
    assert plots.spread([1, 3, 5, 7], 2) == [2, 6]


def test_numbers() -> None:
    assert [show.duration(s) for s in (None, 5, 65, 7500, 90000)] == [
        "–",
        "5s",
        "1m05s",
        "2h05m",
        "1d01h",
    ]
    assert (show.percent(0.123), show.points(-0.5), show.percent(None)) == ("12.3%", "-50.0", "–")
    assert show.seeds([0, 1, 2, 7, 9, 10, 5]) == "0-2, 7, 9-10, 5"
    assert show.p_value(0.25, 0.25) == "0.250 (min)"


def test_cells_fit_wide_characters() -> None:
    assert cell_len(fitted("漢字かな", 5)) == 5
    assert fitted("ab", 4, "right") == "  ab"
    assert widths((Column("a", 5), Column("b", 0), Column("c", 3, hide_below=50)), 20) == [5, 14, 0]
    assert widths((Column("a", 5), Column("b", 0, hide_below=50)), 20) == [5, 0]


def test_no_key_means_two_things_in_one_scope() -> None:
    for scope in {action.scope for action in actions.ACTIONS}:
        keys = [key for action in actions.of_scope(scope) for key in action.key.split(",")]
        assert len(keys) == len(set(keys)), scope


def test_a_grid_has_room_for_the_numbers_of_unlike_arms() -> None:
    few, many = rate("old", 4, 0.1, 0.3), rate("new", 4, 0.1, 0.3)
    arms = [few.model_copy(update={"n": 1200}), many.model_copy(update={"n": 24_000})]
    section, rows = grids._section("question", {"q": arms}, arms, 80, ArmColours(["old", "new"]))
    count = section.columns[1]
    shown = section.cells(rows[0].item)[1].text
    assert (shown, count.width) == ("1,200–24,000", len("1,200–24,000"))
    assert sum(column.width + 1 for column in section.columns) <= 80
