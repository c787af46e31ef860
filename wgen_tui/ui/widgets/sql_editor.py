"""The editor of a query: colours, completion, the place of a mistake.

Promises: keys are answered from what is in memory; the mark of a mistake is shown only in the very
text that was run; completion never takes enter or an arrow from somebody who did not choose in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual import events
from textual.geometry import Offset
from textual.message import Message
from textual.widgets import Static, TextArea
from textual.widgets.text_area import Location

from wgen_tui.ui.action import Action
from wgen_tui.ui.state.cells import fitted
from wgen_tui.ui.state.sql.completion import Offers, offers
from wgen_tui.ui.state.sql.sql_tokens import Piece, by_line

if TYPE_CHECKING:
    from wgen_tui.services.data.sql import Catalogue

EDITOR_KEYS = [
    Action("complete", "tab", "complete", "editor", "Take the name that is offered; ↑ ↓ choose."),
    Action("leave", "escape", "leave", "editor", "Cancel what runs, else leave the editor."),
    Action("offer", "ctrl+space", "offer", "editor", "Offer what can stand here.", footer=False),
    Action("all", "f7", "all", "editor", "Select all; f6 selects the line.", footer=False),
    Action(
        "undo",
        "ctrl+z",
        "undo",
        "editor",
        "Undo; ctrl+y redoes, where no name is offered.",
        footer=False,
    ),
]
SHOWN = 7  # offers at a time
CLOSING = ("left", "right", "home", "end", "pageup", "pagedown")


class Completions(Static):
    """What can stand at the cursor, below it."""

    DEFAULT_CSS = """
    Completions {
        display: none; overlay: screen; constrain: inside inflect; position: absolute;
        width: auto; height: auto; max-height: 7; background: $panel; color: $text;
    }
    """

    def __init__(self) -> None:
        super().__init__("", id="completions", markup=False)
        self.offered = Offers(0)
        self.chosen = 0

    def show(self, offered: Offers, at: Offset) -> None:
        """Show these, the first chosen; none hides it."""
        self.offered, self.chosen = offered, 0
        self.display = bool(offered.offers)
        if self.display:
            self.absolute_offset = at + Offset(0, 1)
            self._draw()

    def move(self, by: int) -> None:
        """Choose the next, or the one before."""
        self.chosen = (self.chosen + by) % len(self.offered.offers)
        self._draw()

    def _draw(self) -> None:
        every = self.offered.offers
        first = min(max(self.chosen - SHOWN // 2, 0), max(len(every) - SHOWN, 0))
        shown = every[first : first + SHOWN]
        name = max(cell_len(offer.name) for offer in shown)
        what = max(cell_len(offer.what) for offer in shown)
        text = Text(no_wrap=True)
        for place, offer in enumerate(shown, first):
            style = Style(reverse=True) if place == self.chosen else Style()
            line = f" {fitted(offer.name, name)}  {fitted(offer.what, min(what, 20))} "
            text.append("\n" if place > first else "")
            text.append(line, style)
        self.update(text)


class SqlEditor(TextArea):
    """A text area that knows SQL; it leaves esc to its screen, and tab unless it completes."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "sql--keyword",
        "sql--string",
        "sql--number",
        "sql--comment",
        "sql--call",
        "sql--mistake",
    }
    DEFAULT_CSS = """
    SqlEditor {
        scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0;
        & > .sql--keyword { color: $primary; text-style: bold; }
        & > .sql--string { color: $success; }
        & > .sql--number { color: $warning; }
        & > .sql--comment { color: $foreground 55%; text-style: italic; }
        & > .sql--call { color: $accent; }
        & > .sql--mistake { color: $error; text-style: bold underline; }
    }
    """

    class Left(Message):
        """Esc was pressed, and there was nothing of the editor's own to close."""

    def __init__(self, text: str, *, id: str) -> None:  # noqa: A002
        super().__init__(
            text,
            id=id,
            tab_behavior="focus",
            compact=True,
            show_line_numbers=True,
            soft_wrap=False,
            highlight_cursor_line=False,  # its colour would take those of the words
        )
        self.catalogue: Catalogue | None = None
        self._pieces: tuple[str, list[list[Piece]]] = ("", [[]])
        self._mark: tuple[str, Location, int] | None = None
        self._chose = False

    # Colours

    def get_line(self, line_index: int) -> Text:
        """A line with its colours, and the mistake marked."""
        line = super().get_line(line_index)
        text = self.text
        if self._pieces[0] != text:
            self._pieces = (text, by_line(text))
        for start, end, kind in self._pieces[1][line_index]:
            if f"sql--{kind}" in self.COMPONENT_CLASSES:
                line.stylize(self._style(f"sql--{kind}"), start, end)
        if self._mark is not None and self._mark[0] == text and self._mark[1][0] == line_index:
            _, (_, column), width = self._mark
            if column >= len(line):
                line.pad_right(column + 1 - len(line))
            line.stylize(self._style("sql--mistake"), column, column + width)
        return line

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(name, partial=True)

    def mark(self, text: str, place: tuple[int, int, int] | None) -> None:
        """Mark a mistake at line, column and width of this text; None marks none."""
        self._mark = None if place is None else (text, (place[0], place[1]), place[2])
        self.notify_style_update()
        self.refresh()

    def show_cursor_at(self, location: Location | None) -> None:
        """Put the cursor there; None is the end, with the beginning in view."""
        self.move_cursor(self.document.end if location is None else location)
        if location is None:
            self.call_after_refresh(self.scroll_home, animate=False)

    # Completion

    @property
    def _completions(self) -> Completions:
        return self.screen.query_one(Completions)

    def _cursor_place(self) -> int:
        row, column = self.cursor_location
        lines = self.text.split("\n")
        return sum(len(line) + 1 for line in lines[:row]) + column

    def ask(self) -> None:
        """Offer what can stand here, before a letter is written."""
        self._offer(asked=True)

    def _offer(self, *, asked: bool = False) -> None:
        offered = offers(self.text, self._cursor_place(), self.catalogue, asked=asked)
        self._chose = False
        self._completions.show(offered, self._offer_offset(offered))

    def _offer_offset(self, offered: Offers) -> Offset:
        """Below the first letter of what is being written."""
        written = self._cursor_place() - offered.start
        return self.cursor_screen_offset - Offset(written + 1, 0)

    def close_offers(self) -> bool:
        """Offer nothing any more; whether something was offered."""
        was = bool(self._completions.display)
        self._completions.show(Offers(0), Offset(0, 0))
        return was

    def _take_offer(self) -> None:
        completions = self._completions
        offer = completions.offered.offers[completions.chosen]
        row, column = self.cursor_location
        start = (row, column - (self._cursor_place() - completions.offered.start))
        self.close_offers()
        self.replace(offer.name, start, (row, column), maintain_selection_offset=False)

    def insert_name(self, name: str) -> None:
        """Write a name at the cursor, apart from a word before it."""
        row, column = self.cursor_location
        before = self.document.get_line(row)[:column][-1:]
        apart = " " if before.isalnum() or before == "_" else ""
        self.insert(apart + name, maintain_selection_offset=False)

    def on_text_area_changed(self) -> None:
        """Offer what begins so, while somebody writes here."""
        if self.has_focus:
            self._offer()

    def on_key(self, event: events.Key) -> None:
        key = event.key
        taken = True
        if key == "escape":
            if not self.close_offers():
                self.post_message(self.Left())
        elif key == "ctrl+@":
            self.ask()
        elif not self._completions.display:
            return
        elif key == "tab" or (key == "enter" and self._chose):
            self._take_offer()
        elif key in ("up", "down"):
            self._chose = True
            self._completions.move(1 if key == "down" else -1)
        else:
            taken = False
            if key in CLOSING or key == "enter":
                self.close_offers()
        if taken:
            event.stop()
            event.prevent_default()

    def on_blur(self) -> None:
        self.close_offers()
