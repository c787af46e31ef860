"""Columns of answers as lines of a screen, and where the cursor is among them.

Promises: what a model wrote passes through `printable`; lines have the width of the screen, wide
characters too; the answer under the cursor is in view; how many columns do not fit is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from wgen_tui.terminal_text import one_line, printable
from wgen_tui.ui.state.answers.side_by_side import (
    BROKEN,
    HIT,
    WORD,
    Answer,
    Board,
    Side,
)
from wgen_tui.ui.state.cells import DIM, fitted
from wgen_tui.ui.state.plots import progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wgen_tui.ui.state.shared.arm_colours import ArmColours, ArmStyle

NARROWEST = 18  # cells of a column
WIDEST = 44
LINES = 3  # of an answer
PAIRED_LINES = 2  # of a draw beside its likes: as many in every column
HEAD = 3  # lines above the answers
MARKED = "bold underline"


@dataclass(slots=True)
class Place:
    """Where the cursor is: a column, and an answer of each; and what is scrolled away.

    Attributes:
        side: The column.
        answers: The answer in each column.
        tops: The first line of each column's answers that is shown.
        left: The first column that is shown.
    """

    side: int
    answers: list[int]
    tops: list[int]
    left: int = 0

    @classmethod
    def first(cls, sides: int) -> Place:
        """At the beginning."""
        return cls(0, [0] * sides, [0] * sides)

    def of(self, board: Board) -> tuple[Side, Answer] | None:
        """The column and the answer under the cursor."""
        if not 0 <= self.side < len(board.sides):
            return None
        side = board.sides[self.side]
        index = self.answers[self.side]
        return (side, side.answers[index]) if index < len(side.answers) else None

    def move(self, board: Board, columns: int = 0, answers: int = 0) -> None:
        """Move by so many columns and answers, as far as there are any."""
        if not board.sides:
            return
        self.side = min(max(self.side + columns, 0), len(board.sides) - 1)
        last = max(len(board.sides[self.side].answers) - 1, 0)
        self.answers[self.side] = min(max(self.answers[self.side] + answers, 0), last)
        if board.paired:  # the same draw in every column
            self.answers = [self.answers[self.side]] * len(board.sides)


def shown_sides(board: Board, place: Place, width: int) -> tuple[range, int]:
    """Which columns fit, with the cursor's among them, and how wide each is."""
    fit = max(min(len(board.sides), (width + 1) // (NARROWEST + 1)), 1)
    place.left = min(max(place.left, place.side - fit + 1), place.side)
    place.left = max(min(place.left, len(board.sides) - fit), 0)
    size = min((width - fit + 1) // fit, WIDEST)
    return range(place.left, min(place.left + fit, len(board.sides))), size


def drawn(
    board: Board, place: Place, width: int, height: int, colours: ArmColours | None = None
) -> Text:
    """The columns, `height` lines of them; arms in these colours."""
    indices, size = shown_sides(board, place, width)
    styles = colours if board.by == "arm" else None
    columns = [_column(board, place, index, size, height, styles) for index in indices]
    text = Text(no_wrap=True, overflow="crop")
    for y in range(height):
        for number, column in enumerate(columns):
            if number:
                text.append("┼" if y == HEAD - 1 else "│", "dim")
            text.append_text(column[y])
        text.append("\n")
    return text


def _column(
    board: Board, place: Place, index: int, size: int, height: int, colours: ArmColours | None
) -> list[Text]:
    side = board.sides[index]
    here = index == place.side
    style = None if colours is None else colours.known(str(side.value))
    lines = _head(side, size, here, style)
    body, starts = _body(board, side, size, place.answers[index] if here else None)
    space = max(height - HEAD, 1)
    place.tops[index] = _top(place.tops[index], starts, place.answers[index], len(body), space)
    top = place.tops[index]
    lines += body[top : top + space]
    below = len(body) - top - space
    if below > 0:
        rest = sum(1 for start in starts if start >= top + space - 1)
        lines[-1] = Text(fitted(f"  ▼ {rest} more", size), "dim")
    blank = Text(" " * size)
    return [*lines, *[blank] * (height - len(lines))][:height]


def _top(top: int, starts: list[int], answer: int, length: int, space: int) -> int:
    """The first line shown, so that the answer under the cursor is in view; the last is for ▼."""
    if not starts:
        return 0
    first = starts[min(answer, len(starts) - 1)]
    end = starts[answer + 1] if answer + 1 < len(starts) else length
    spare = 1 if end < length else 0
    if first < top:
        top = first
    elif end + spare > top + space:
        top = min(end + spare - space, first)
    return max(min(top, max(length - space, 0)), 0)


def _head(side: Side, size: int, here: bool, style: ArmStyle | None) -> list[Text]:
    share = "–" if side.share is None else f"{side.share:.{0 if size < 26 else 1}%}"
    title = one_line(side.title, 60)
    if style is not None:
        title = f"{style.mark} {title}"
    space = max(size - cell_len(share) - 2, 1)
    name = fitted(title, space) if cell_len(title) > space else title
    gap = " " * max(size - cell_len(name) - cell_len(share) - 1, 1)
    first = Text(f"{'▌' if here else ' '}{name}{gap}{share}"[:size], "bold" if here else "")
    if style is not None:
        first.stylize(style.colour, 1, 1 + len(name))
    n = f" n {side.draws:,}" + (f", {side.left_out:,} unread" if side.left_out else "")
    bar = size - cell_len(n) - 1
    drawn_bar = " " + progress(round(100 * side.share), 100, bar) if side.share is not None else ""
    second = Text(fitted(n + (drawn_bar if bar >= 6 else ""), size), "dim")
    return [first, second, Text("─" * size, "dim")]


def _body(board: Board, side: Side, size: int, cursor: int | None) -> tuple[list[Text], list[int]]:
    """The answers as lines, and the line at which each begins."""
    lines: list[Text] = []
    starts: list[int] = []
    for index, answer in enumerate(side.answers):
        starts.append(len(lines))
        own = _answer(board, side, answer, size)
        if index == cursor:
            for line in own:
                line.stylize("reverse")
        lines += own
    if not side.answers:
        lines.append(Text(fitted("  none flips", size), "dim"))
    return lines, starts


def _answer(board: Board, side: Side, answer: Answer, size: int) -> list[Text]:
    most = PAIRED_LINES if board.paired else LINES
    number = answer.place if board.paired else str(answer.draws) if answer.draws > 1 else ""
    absent = board.paired and not answer.rows
    parts = ["–"] if absent else wrapped(answer.text, size - 2, most)
    if number and cell_len(parts[-1]) + cell_len(number) + 1 > size - 2:
        if len(parts) < most:
            parts.append("")
        else:
            parts[-1] = fitted(parts[-1], size - 3 - cell_len(number)).rstrip()
    if board.paired:
        parts += [""] * (most - len(parts))
    mark = " " if absent else answer.mark
    lines = []
    for y, part in enumerate(parts):
        line = Text(f"{mark} " if y == 0 else "  ", _style(answer))
        line.append_text(_marked(part, board, side, answer))
        if number and y == len(parts) - 1:
            line.append(" " * max(size - 2 - cell_len(part) - cell_len(number), 1))
            line.append(number, "dim" if board.paired else "bold")
        line.append(" " * max(size - cell_len(line.plain), 0))
        lines.append(line)
    return lines


def _style(answer: Answer) -> str:
    return {BROKEN: "red", HIT: "bold"}.get(answer.mark, "")


def _marked(line: str, board: Board, side: Side, answer: Answer) -> Text:
    """A line whose words stand in no answer of the reference, or not in its draw, are marked."""
    text = Text(line, "")
    known = board.known if answer.known is None else answer.known
    if known and not side.reference:
        for match in WORD.finditer(line):
            if match[0].casefold() not in known:
                text.stylize(MARKED, *match.span())
    return text


def wrapped(text: str, width: int, most: int) -> list[str]:
    """A text as lines of `width` cells, `most` at most, the last with an ellipsis if it was cut."""
    lines = [""]
    for word in printable(text, keep_newlines=False).split():
        rest = word
        while rest:
            gap = " " if lines[-1] else ""
            if cell_len(lines[-1] + gap + rest) <= width:
                lines[-1] += gap + rest
                rest = ""
            elif lines[-1]:
                lines.append("")
            else:  # a word that is wider than a line
                part = set_cell_size(rest, width).rstrip() or rest[0]
                lines[-1], rest = part, rest[len(part) :]
                if rest:
                    lines.append("")
        if len(lines) > most:
            break
    if len(lines) > most:
        return [*lines[: most - 1], fitted(f"{lines[most - 1]} {lines[most]}", width).rstrip()]
    return lines if lines[0] else ["(empty)"]


def said_in_full(side: Side, answer: Answer, columns_left_out: int) -> Text:
    """The answer under the cursor, whole, and who says it."""
    seeds = " ".join(f"{seed} ({n})" for seed, n in sorted(answer.seeds.items()))
    one = answer.draws == 1
    if not answer.draws:
        return Text(f"{one_line(side.title, 40)} has no such draw.", "dim")
    who = f"{one_line(side.title, 40)}: {answer.draws} draw{'' if one else 's'} say{'s' * one} this"
    label = f" · {one_line(answer.label, 30)}" if answer.label else ""
    text = Text(f"{who} · seeds {seeds}{label}", "bold")
    if columns_left_out:
        text.append(f" · {columns_left_out} columns do not fit: h l", "dim")
    text.append(f"\n{printable(answer.text)}" if answer.text else "\n(empty)")
    return text


def title_line(name: str, asked: str, ways: str, beside: Sequence[str], width: int) -> Text:
    """A question and how its answers are listed, on one line.

    Args:
        name: Of the question; never cut.
        asked: Its words, which are cut where nothing else is left to go.
        ways: How the answers are listed; never cut.
        beside: What stands there if all of it fits, the last to go first.
        width: Cells of the line.
    """
    left = list(beside)
    while left and cell_len(" · ".join([f"{name} {asked}", ways, *left])) > width:
        left.pop()
    others = cell_len("".join(f" · {part}" for part in (name, ways, *left) if part))
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(f" {name}", "bold")
    if asked:
        text.append(f" {one_line(asked, max(width - others, 8))}")
    if ways:
        text.append(f" · {ways}", "bold")
    for part in left:
        text.append(f" · {part}", DIM)
    return text
