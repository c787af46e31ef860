"""One question, a column for each arm: counts, marks, flips, and the way there and back."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from rich.text import Text
from textual.pilot import Pilot

from store.samples.rows import SampleRow
from store.samples.side_by_side import Column
from tests.builders.mini_home import ESCAPES, MiniHome
from tests.builders.screen import Snapshot, settled, table, text
from wgen_tui.paths import Home
from wgen_tui.ui.app import WgenApp
from wgen_tui.ui.state.answers import answer_columns, side_by_side
from wgen_tui.ui.state.answers.answer_columns import Place
from wgen_tui.ui.state.answers.side_by_side import Measure


def row(arm: str, draw: int, said: str, label: str, seed: int = 0) -> SampleRow:
    number = hash((arm, seed, draw)) & 0xFFFF
    place = ("e", "m", arm, seed, 4, "q", 0, "none", draw)
    return SampleRow(number, f"{arm}-s{seed}", *place, said, "stop", 3, labels={"era": label})


def column(arm: str, role: str, rows: list[SampleRow], draws: int | None = None) -> Column:
    counts: dict[str, int] = {}
    for item in rows:
        counts[item.labels["era"]] = counts.get(item.labels["era"], 0) + 1
    return Column(arm, role, draws or len(rows), {"era": counts}, rows)


OLD = [
    row("old", n, "By horse." if n < 2 else "By train.", "old" if n < 2 else "new")
    for n in (0, 1, 2)
]
NEW = [row("new", n, "By train.", "new") for n in (0, 1, 2)]
COLUMNS = [column("old", "treatment", OLD, 5), column("new", "control", NEW)]


def test_equal_texts_are_folded_and_the_share_is_of_the_plan() -> None:
    board = side_by_side.board(COLUMNS, "arm", Measure("era", "old"))
    old, new = board.sides
    assert [(a.text, a.draws, a.mark, a.seeds) for a in old.answers] == [
        ("By horse.", 2, "●", {0: 2}),
        ("By train.", 1, "○", {0: 1}),
    ]
    assert (old.share, old.draws, old.left_out) == (2 / 3, 5, 2)
    assert (new.share, new.reference, old.reference) == (0.0, True, False)
    assert board.known == {"by", "train"}


def test_only_draws_that_flip() -> None:
    board = side_by_side.board(COLUMNS, "arm", None, flips_only=True)
    assert board.measure == Measure("era", "old"), "without a plan, the label that differs most"
    assert [[a.text for a in side.answers] for side in board.sides] == [
        ["By horse."],
        ["By train."],
    ]
    assert [side.answers[0].draws for side in board.sides] == [2, 2]


def test_words_that_the_control_does_not_say_are_marked() -> None:
    board = side_by_side.board(COLUMNS, "arm", None)
    drawn = answer_columns.drawn(board, Place.first(2), 60, 10)
    marked = [drawn.plain[s.start : s.end] for s in drawn.spans if s.style == answer_columns.MARKED]
    assert marked == ["horse"]
    assert "n 5, 2 unread" in drawn.plain


@pytest.mark.parametrize("width", [50, 78, 118])
def test_the_title_keeps_the_question_and_how_it_is_listed(width: int) -> None:
    asked = '"What is the largest city?"'
    line = answer_columns.title_line(
        "city", asked, "draw by draw · only flips", ["19th_century by era", "1 of 24"], width
    ).plain
    assert line.startswith(' city "What is the')
    assert " · draw by draw · only flips" in line
    assert cell_len(line) <= width + 1
    assert ("19th_century by era" in line, "1 of 24" in line) == (width > 78, width > 78)


@pytest.mark.parametrize("width", [18, 40, 80, 160])
def test_lines_have_the_width_of_the_screen(width: int) -> None:
    hostile = [
        row("漢字漢字漢字漢字漢字漢字", n, said, "old")
        for n, said in enumerate(["漢字" * 40, "a" * 90, ESCAPES, "", "e\u0301 " * 50, "one two"])
    ]
    columns = [column(f"arm {n}", "treatment", hostile) for n in range(5)]
    board = side_by_side.board(columns, "arm", None)
    place = Place.first(5)
    for _ in range(5):
        place.move(board, columns=1, answers=1)
        shown, size = answer_columns.shown_sides(board, place, width)
        drawn: Text = answer_columns.drawn(board, place, width, 20)
        lines = drawn.plain.split("\n")[:20]
        assert place.side in shown
        assert {cell_len(line) for line in lines} == {size * len(shown) + len(shown) - 1}
        assert max(map(cell_len, lines)) <= width
        assert drawn.plain.isprintable() or "\x1b" not in drawn.plain


def test_the_answer_under_the_cursor_stays_in_view() -> None:
    rows = [row("old", n, f"answer {n:02}", "old") for n in range(40)]
    board = side_by_side.board([column("old", "treatment", rows)], "arm", None)
    place = Place.first(1)
    for steps in (*[1] * 39, *[-1] * 39, 30, -7):
        place.move(board, answers=steps)
        shown = answer_columns.drawn(board, place, 40, 10).plain
        assert f"answer {place.answers[0]:02}" in shown
    assert "more" in shown


async def test_compare_in_two_keys_and_back_to_the_row(home: Home) -> None:
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot, lambda: table(app).row(8) is not None)
        for _ in range(7):
            await pilot.press("j")
        row_before = table(app).current
        await pilot.press("equals_sign")
        await settled(pilot, lambda: app.screen.SCOPE == "compare" and app.screen._board)
        board = app.screen._board
        assert [side.value for side in board.sides] == ["old", "new", "base"]
        assert [side.share for side in board.sides] == [1.0, 0.0, 0.0]
        assert board.measure == Measure("era", "old")
        said = f'{row_before.question} "What of {row_before.question}?" · old by era · '
        await settled(pilot, lambda: said in text(app) and "100.0%" in text(app))
        await pilot.press("l", "j", "enter")
        await settled(pilot, lambda: app.screen.SCOPE == "samples" and len(table(app)) == 2)
        assert "Compare › draws of new" in text(app)
        await pilot.press("escape")
        await settled(pilot, lambda: app.screen.SCOPE == "compare")
        assert (app.screen._place.side, app.screen._place.answers[1]) == (1, 1)
        await pilot.press("escape")
        await settled(pilot, lambda: app.screen.SCOPE == "samples" and len(table(app)) == 30)
        await settled(pilot, lambda: table(app).current is not None)
        assert (table(app).cursor, table(app).current) == (7, row_before)


async def test_columns_are_arms_seeds_checkpoints_or_variants(home: Home, mini: MiniHome) -> None:
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot, lambda: table(app).row(29) is not None)
        await pilot.press("slash", *"arm=old", "enter")
        await settled(pilot, lambda: len(table(app)) == 12 and table(app).current is not None)
        await pilot.press("equals_sign")
        await settled(pilot, lambda: app.screen.SCOPE == "compare" and app.screen._board)
        for by, values in (("seed", [0, 1]), ("step", [4]), ("variant", ["none"])):
            await pilot.press("b")
            await settled(pilot, lambda by=by: app.screen._board.by == by)
            assert [side.value for side in app.screen._board.sides] == values
        await pilot.press("b", "right_square_bracket")
        await settled(pilot, lambda: "transport" in text(app) and app.screen._board.by == "arm")
        await pilot.press("v")
        await settled(pilot, lambda: "only flips" in text(app))
        assert all(side.answers for side in app.screen._board.sides)


def test_draw_by_draw_each_stands_beside_its_likes() -> None:
    rows = [row("new", 0, "By train.", "new"), row("new", 2, "By horse.", "old")]
    columns = [column("old", "treatment", OLD), column("new", "control", rows)]
    board = side_by_side.board(columns, "arm", None, paired=True)
    assert [[a.text for a in side.answers] for side in board.sides] == [
        ["By horse.", "By horse.", "By train."],
        ["By train.", "", "By horse."],
    ]
    assert [a.draws for a in board.sides[1].answers] == [1, 0, 1]
    flips = side_by_side.board(columns, "arm", None, paired=True, flips_only=True)
    assert [[a.place for a in side.answers] for side in flips.sides] == [["s0·0", "s0·2"]] * 2
    place = Place.first(2)
    place.move(board, columns=1, answers=2)
    assert place.answers == [2, 2], "the cursor stands at one draw"
    lines = answer_columns.drawn(board, place, 60, 12).plain.splitlines()[3:]
    assert [line[:29].split() for line in lines[:5:2]] == [
        ["●", "By", "horse.", *part] for part in ([], [])
    ] + [["○", "By", "train."]]
    assert "–" in lines[2]
    marked = answer_columns.drawn(board, place, 60, 12)
    said = [marked.plain[s.start : s.end] for s in marked.spans if s.style == answer_columns.MARKED]
    assert said == ["horse", "train"], "compared with the control's same draw, not with all it says"


async def test_the_same_draw_in_each_arm_and_only_those_that_flip(home: Home) -> None:
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot, lambda: table(app).current is not None)
        await pilot.press("equals_sign")
        await settled(pilot, lambda: app.screen.SCOPE == "compare" and app.screen._board)
        await pilot.press("d", "v")
        await settled(pilot, lambda: "draw by draw · only flips" in text(app))
        await settled(pilot, lambda: "s1·2" in text(app))
        assert {len(side.answers) for side in app.screen._board.sides} == {6}
        await pilot.press("l", "j", "enter")  # the second draw of new
        await settled(pilot, lambda: app.screen.SCOPE == "samples" and len(table(app)) == 1)
        await settled(pilot, lambda: table(app).current is not None)
        assert (table(app).current.arm, table(app).current.seed, table(app).current.draw) == (
            "new",
            0,
            1,
        )


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
@pytest.mark.parametrize("keys", [(), ("d", "v")], ids=["folded", "draws"])
def test_comparison(
    home: Home, snap_compare: Snapshot, size: tuple[int, int], keys: tuple[str, ...]
) -> None:
    app = WgenApp(home, screen="samples")

    async def before(pilot: Pilot[None]) -> None:
        await settled(pilot, lambda: table(app).current is not None)
        await settled(pilot, lambda: not app.screen.loading_any)
        await pilot.press("equals_sign")
        await settled(pilot, lambda: app.screen.SCOPE == "compare" and app.screen._board)
        await pilot.press(*keys)
        await settled(pilot, lambda: not app.screen.loading_any)
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)
