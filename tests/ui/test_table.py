"""The virtual table: a long list in little memory, and only what belongs to it."""

from __future__ import annotations

from array import array

from rich.cells import cell_len
from textual.app import App, ComposeResult

from tests.builders.screen import settled
from wgen_tui.ui.state.cells import Cell, Column
from wgen_tui.ui.widgets.rows import PAGES_KEPT
from wgen_tui.ui.widgets.table import VirtualTable

N = 200_000


class Host(App[None]):
    """Answers at once, or keeps the questions."""

    def __init__(self, answer: bool = True) -> None:
        super().__init__()
        self.answer = answer
        self.asked: list[VirtualTable.RowsWanted] = []

    def compose(self) -> ComposeResult:
        yield VirtualTable((Column("n", 8, "right"), Column("text", 0)), self.cells)

    def cells(self, row: int) -> list[Cell]:
        return [Cell(str(row)), Cell("字" * 60)]

    def on_virtual_table_rows_wanted(self, message: VirtualTable.RowsWanted) -> None:
        self.asked.append(message)
        if self.answer:
            message.table.supply(message.generation, message.first, list(message.ids))


async def test_200_000_rows_scroll_within_a_few_pages() -> None:
    app = Host()
    async with app.run_test(size=(60, 20)) as pilot:
        table = app.query_one(VirtualTable)
        table.focus()
        table.show_ids(array("q", range(N)))
        await settled(pilot, lambda: table.current == 0)
        for _ in range(5):
            await pilot.press("pagedown")
        assert table.cursor == 5 * 18
        await pilot.press("G")
        await settled(pilot, lambda: table.current == N - 1)
        for index in range(0, N, N // 40):
            table.move_to(index)
            await settled(pilot, lambda index=index: table.current == index)
        assert table.pages_held <= PAGES_KEPT
        await pilot.press("g")
        await settled(pilot, lambda: table.current == 0)
        assert all(len(message.ids) <= 300 for message in app.asked)


async def test_a_list_grows_at_its_end_and_nothing_moves() -> None:
    app = Host()
    async with app.run_test(size=(60, 20)) as pilot:
        table = app.query_one(VirtualTable)
        table.focus()
        table.show_ids(range(150))
        await settled(pilot, lambda: table.current == 0)
        await pilot.press("G")
        await settled(pilot, lambda: table.current == 149)
        asked = len(app.asked)
        table.extend_ids(range(N))
        await settled(pilot, lambda: table.row(160) == 160)
        assert (table.cursor, table.current) == (149, 149)
        assert [message.first for message in app.asked[asked:]] == [100]
        await pilot.press("G")
        await settled(pilot, lambda: table.current == N - 1)


async def test_rows_of_an_older_listing_are_dropped() -> None:
    app = Host(answer=False)
    async with app.run_test(size=(60, 20)) as pilot:
        table = app.query_one(VirtualTable)
        table.show_ids(array("q", range(50)))
        await settled(pilot, lambda: len(app.asked) == 1)
        table.show_ids(array("q", range(100, 150)))
        await settled(pilot, lambda: len(app.asked) == 2)
        old, new = app.asked
        table.supply(old.generation, old.first, list(old.ids))
        assert table.current is None
        table.supply(new.generation, new.first, list(new.ids))
        assert table.current == 100


async def test_cursor_stays_with_its_row_and_marks_with_theirs() -> None:
    app = Host()
    async with app.run_test(size=(60, 20)) as pilot:
        table = app.query_one(VirtualTable)
        table.focus()
        table.show_rows([1, 2, 3], ["a", "b", "c"])
        await pilot.press("space")
        assert (table.marked, table.cursor) == ({"a"}, 1)
        table.show_rows([0, 1, 2, 3], ["z", "a", "b", "c"])
        assert (table.current, table.key_at(table.cursor)) == (2, "b")
        table.show_rows([3], ["c"])
        assert table.marked == set()
        assert table.current == 3


async def test_the_scrollbar_covers_no_text() -> None:
    app = Host()
    async with app.run_test(size=(40, 10)) as pilot:
        table = app.query_one(VirtualTable)
        table.show_rows(list(range(100)))
        await settled(pilot, lambda: table.scrollable_content_region.width == 39)
        line = "".join(segment.text for segment in table.render_line(1))
        assert line.rstrip().endswith("…")
        assert cell_len(line) == 39
