"""What Runs shows, without a screen: groups, rows, curves, differences, a searched log."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest
from rich.cells import cell_len

from experiments.schema import TrainingConfig
from store.beside.held_out import HeldOutPoint
from tests.builders.home import T0, write_run
from tests.builders.mini_home import MiniHome
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.services.runs.measured.courses import Course, Point
from wgen_tui.services.runs.measured.glimpses import Glimpse
from wgen_tui.services.runs.run_state import RunStatus
from wgen_tui.services.runs.runs import get_spec
from wgen_tui.ui.state.run_views import curves, differences, log_search, rows
from wgen_tui.ui.state.run_views.curves import Curve, Shape, picture
from wgen_tui.ui.state.run_views.groups import Folding, GroupKey, first_of, listed
from wgen_tui.ui.state.run_views.rows import Drawing
from wgen_tui.ui.state.shared.arm_colours import ArmColours


def run(name: str = "r", experiment: str = "e", **fields: Any) -> RunStatus:
    base = {"model": "m", "arm": "old", "role": "treatment", "seed": 0, "state": "finished"}
    given = {"run_id": name, "experiment": experiment, "launch_id": "x"}
    return RunStatus(**{**base, **given, **fields})


def line(drawing: Drawing, row: Any, width: int = 77) -> str:
    text = "".join(part for part, _ in drawing.line(row, width))
    assert cell_len(text) == width
    return text


# Groups


def test_finished_groups_are_folded_and_nothing_jumps() -> None:
    folding = Folding()
    first = [run("a", "aged"), run("b", "new", state="running"), run("c", "new")]
    groups = folding.arrange(first)
    assert [(g.key.experiment, g.folded) for g in groups] == [("new", False), ("aged", True)]
    assert [key for key, _ in listed(groups)] == [("new", "m"), "b", "c", ("aged", "m")]
    done = [run("a", "aged"), run("b", "new"), run("c", "new")]
    assert folding.arrange(done) == [
        g.__class__(g.key, tuple(r for r in done if r.experiment == g.key.experiment), g.folded)
        for g in groups
    ], "what finishes while it is watched stays where it is, and open"
    again = [run("a", "aged", state="queued"), *done[1:]]
    assert [g.folded for g in folding.arrange(again)] == [False, False], "new work unfolds"
    folding.toggle(GroupKey("aged", "m"))
    assert [g.folded for g in folding.arrange(again)] == [True, False]
    assert [key for key, _ in listed(folding.arrange(again, [again[0]]))] == [("aged", "m"), "a"]


def test_the_only_group_is_open_and_the_cursor_begins_where_something_happens() -> None:
    (group,) = Folding().arrange([run("a"), run("b")])
    assert not group.folded
    base, live = run("base", role="base", steps=0), run("live", state="running")
    failed = run("failed", state="failed")
    assert first_of([group, base, run("t"), failed, live]) == 4
    assert first_of([group, base, run("t"), failed]) == 3
    assert first_of([group, base, run("t")]) == 2
    assert first_of([group, base]) == 1
    assert first_of([]) == 0


def test_the_line_of_a_group_says_how_far_it_is() -> None:
    live = [run("a", state="running", eta_seconds=65.0), run("b"), run("c", state="failed")]
    (group,) = Folding().arrange(live)
    shown = line(Drawing(), group)
    assert "▾ e · m" in shown and "▶1 ✓1 ✗1" in shown and "2/3 1m05s left" in shown
    folding = Folding()
    folding.arrange([run("z", "other", state="running")])
    ended = T0 + timedelta(hours=1)
    (*_, group) = folding.arrange(
        [run(n, loss=x, ended_at=ended) for n, x in (("a", 0.5), ("b", 1.5))]
    )
    shown = line(Drawing(), group)
    assert "▸ e · m" in shown and "✓2" in shown and "0.500–1.50" in shown


# Rows


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"state": "failed", "stage": "train", "why": "out of memory"},
            "train: out of memory · r tries again",
        ),
        ({"state": "queued", "why": "waits for train"}, "waits for train"),
        (
            {"state": "queued", "why": "the queue is paused: x"},
            "the queue is paused: x · P resumes",
        ),
        ({"state": "queued", "paused": True, "why": "x"}, "paused by you · p resumes it"),
        ({"state": "queued", "launch_id": None, "why": "x"}, "no launch does it · s on 1 plans it"),
        ({"state": "cancelled", "why": "killed"}, "killed · r tries again"),
    ],
)
def test_why_it_waits_or_failed_and_the_key_that_goes_on(
    fields: dict[str, Any], words: str
) -> None:
    drawing = Drawing()
    assert words in line(drawing, run(**fields))
    assert words in line(drawing, run(**fields), 160)
    long = run(**{**fields, "why": fields["why"] + " and so on" * 40})
    if key := rows.key_of(long):
        assert line(drawing, long).rstrip().endswith(key), "the reason is cut, the key is not"
    assert " · r" not in line(Drawing(readonly=True), run(**fields))


@pytest.mark.parametrize("width", [60, 77, 84, 100, 117, 140, 157, 200])
def test_a_row_is_as_wide_as_its_heading(width: int) -> None:
    running = run(state="running", stage="sample", done=34, total=100, rate=12.0, unit="samples",
                  eta_seconds=26.0, loss=0.732, arm="a-very-long-name-of-an-arm-that-is-cut",
                  priority=2, peak_memory_mb=183.0)  # fmt: skip
    glimpse = Glimpse((3.0, 2.0, 1.0), 0.81, 9_100.0)
    for priorities in (False, True):
        drawing = Drawing({"r": glimpse}, {"e": ArmColours(["old"])}, priorities)
        shown = line(drawing, running, width)
        assert cell_len(drawing.heading(width)) == width
        assert "34%" in shown and "26s" in shown and "0.732" in shown
        assert ("9,100" in shown) == (width >= 140)
        assert ("+2" in shown) == priorities


def test_a_spark_has_the_shape_of_the_losses_and_says_what_is_none() -> None:
    assert rows.spark([8, 7, 6, 5, 4, 3, 2, 1]) == "█▇▆▅▄▃▂▁"
    assert rows.spark([1.0, 1.0]) == "▁▁"
    assert rows.spark([1.0, math.nan, 2.0]) == "▁!█"
    assert rows.spark([]) == ""
    assert len(rows.spark(range(1000))) == rows.SPARK


# Curves


def course(values: list[float], norm: float = math.nan) -> Course:
    points = [Point(n, v, 1e-3 / n, norm, math.nan, 100) for n, v in enumerate(values, 1)]
    return Course(100, tuple(points))


def test_curves_of_several_runs_are_told_apart() -> None:
    chosen = [
        Curve(run("a", arm="old", seed=0), course([4.0, 2.0, 1.0])),
        Curve(run("b", arm="new", seed=1), course([3.0, 2.5, 2.25])),
        Curve(run("c", role="base"), None),
    ]
    colours = {"e": ArmColours(["old", "new"])}
    text = picture(chosen, Shape(), (76, 9), colours)
    assert max(map(cell_len, text.plain.splitlines())) <= 76
    assert len(text.plain.splitlines()) == 9
    assert "a ■ s0 old" in text.plain and "b ▲ s1 new" in text.plain and "1.00" in text.plain
    assert "1 run without training steps" in text.plain
    assert {"bright_yellow", "bright_cyan"} <= {str(span.style) for span in text.spans}
    two = [chosen[0], Curve(run("d", "other"), course([1.0]))]
    assert "s0 old · other" in picture(two, Shape(), (100, 9), {}).plain


def test_what_cannot_be_drawn_is_said() -> None:
    broken = [Curve(run("a"), course([4.0, math.nan, 0.0]))]
    assert "1 step without a number (loss)" in picture(broken, Shape(), (76, 9), {}).plain
    log = picture(broken, Shape(log=True), (76, 9), {}).plain
    assert "1 step at or below 0: not on a log axis" in log
    many = [Curve(run(str(n)), course([1.0, 2.0])) for n in range(len(curves.LETTERS) + 2)]
    shown = picture(many, Shape(), (76, 9), {}, unread=3).plain
    assert "5 runs beyond the first 16 not drawn" in shown and "and 9 more" in shown
    assert "no gradient norms" in picture(broken, Shape(2), (76, 9), {}).plain
    assert "Nothing is trained" in picture([Curve(run(steps=0), None)], Shape(), (76, 9), {}).plain
    assert "No training steps yet" in picture([Curve(run(), None)], Shape(), (76, 9), {}).plain


def test_held_out_rows_have_curves_of_their_own() -> None:
    points = (HeldOutPoint(0, 2.0, 0.0), HeldOutPoint(5, 1.0, 0.25), HeldOutPoint(10, 1.5, 0.5))
    chosen = [Curve(run("a", arm="old", seed=0), course([4.0]), points), Curve(run("b"), None)]
    for measure, last in (("held-out loss", "1.50"), ("held-out accuracy", "0.500")):
        shape = Shape(curves.MEASURES.index(measure), smooth=True)
        text = picture(chosen, shape, (76, 9), {}).plain
        assert last in text and "1 run without held-out rows" in text
        assert max(cell_len(line) for line in text.splitlines()) <= 76
        assert chosen[0].values(shape)[0][0] == 0, "the base comes first"
    assert "`held_out:" in picture([Curve(run(), course([1.0]))], Shape(3), (76, 9), {}).plain


def test_smoothing_smooths_what_is_drawn_not_what_is_said() -> None:
    assert curves._smoothed([(1, 4.0)]) == [(1, 4.0)], "the first is not drawn to zero"
    points = curves._smoothed([(step, float(step % 2)) for step in range(200)])
    assert all(0.4 < value < 0.6 for _, value in points[50:])
    jagged = [Curve(run(), course([1.0, 2.0] * 50))]
    assert "2.00" in picture(jagged, Shape(smooth=True), (76, 9), {}).plain
    assert Shape(1, log=True, smooth=True).words == "learning rate · log · smoothed"


# What sets two runs apart


def test_a_difference_names_every_key_that_differs(mini: MiniHome) -> None:
    model = ModelRef(name="m", location="/m")
    for name, rate, arm in (("x-a-s0-1", 1e-3, "a"), ("x-b-s0-2", 1e-4, "b")):
        training = TrainingConfig(learning_rate=rate, max_steps=4)
        write_run(mini.home, name, arm=arm, model=model, training=training)
    one, other = get_spec(mini.home, "x-a-s0-1"), get_spec(mini.home, "x-b-s0-2")
    parts, equal = differences.differences(one, other)
    assert parts == [("arm", "a", "b"), ("training.learning_rate", "0.001", "0.0001")]
    assert equal > 20
    text = differences.described(one, other, 70).plain
    assert "training.learning_rate  0.001" in text and f"{equal} settings equal" in text
    assert "run_id" not in text
    assert "No setting differs" in differences.described(one, one, 70).plain
    base = get_spec(mini.home, "x-a-s0-1").model_copy(update={"training": None})
    parts, _ = differences.differences(base, other)
    assert ("training", "null", "–") in parts, "a key that only one of them has"
    narrow = differences.described(one, other, 24).plain.splitlines()
    assert narrow[-3:] == ["training.learning_rate", "  a 0.001", "  b 0.0001"]


# A log


def test_a_search_marks_every_match_and_the_present_one() -> None:
    lines = ["CUDA out of memory", "nothing", "memory (2 of 3)", "x" * 50]
    hits = log_search.matches(lines, "Memory")
    assert [(hit.line, hit.start) for hit in hits] == [(0, 12), (2, 0)]
    assert log_search.matches(lines, "(2") and not log_search.matches(lines, "")
    text = log_search.marked(lines, hits, 1)
    spans = [(text.plain[s.start : s.end], str(s.style)) for s in text.spans]
    assert spans == [("memory", log_search.HIT), ("memory", log_search.PRESENT)]
    assert log_search.title("memory", hits, 1, 4) == '"memory" 2 of 2'
    assert log_search.title("gone", [], 0, 4) == '"gone": none in the last 4 lines'
    assert log_search.lines_before(lines, 2, 10) == 3
