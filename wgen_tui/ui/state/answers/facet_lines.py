"""The values that a filter can choose among, on a few lines: fields, values, counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len

from wgen_tui.terminal_text import one_line
from wgen_tui.ui.state.cells import BOLD, DIM, Piece

if TYPE_CHECKING:
    from wgen_tui.ui.state.answers.choices import Choice, Group
    from wgen_tui.ui.state.shared.arm_colours import ArmColours

BETWEEN, GAP, INDENT = " ·", "   ", "  "
LONGEST = 24  # characters of a value
CHOSEN, OPEN = "✓", " "


def lines(groups: Sequence[Group], width: int, colours: ArmColours | None) -> list[list[Piece]]:
    """Fields one behind the other; one that does not fit on the rest of a line begins another.

    Args:
        groups: The fields and judges with their values.
        width: Cells of a line.
        colours: Of the arms, where those of one experiment are listed.
    """
    listed: list[list[Piece]] = [[]]
    used, place = 0, 0
    for group in groups:
        title = Piece(f"{one_line(group.title, LONGEST)} ", DIM)
        values = [_value(choice, colours) for choice in group.choices]
        whole = cell_len(title.text) + sum(cell_len(text) + len(BETWEEN) for text, _ in values)
        if used and used + len(GAP) + whole - len(BETWEEN) > width:
            listed.append([])
            used = 0
        elif used:
            title = Piece(GAP + title.text, DIM)
        listed[-1].append(title)
        used += cell_len(title.text)
        for number, (text, style) in enumerate(values):
            between = BETWEEN if number else ""
            if number and used + len(between) + cell_len(text) > width:
                listed.append([Piece(INDENT, "")])
                used, between = len(INDENT), ""
            if between:
                listed[-1].append(Piece(between, DIM))
            listed[-1].append(Piece(text, style, place))
            used += len(between) + cell_len(text)
            place += 1
    return listed if listed[0] else []


def _value(choice: Choice, colours: ArmColours | None) -> tuple[str, str]:
    """A value in words, and its style."""
    arm = None if colours is None or choice.field != "arm" else colours.known(choice.value)
    mark = f"{arm.mark} " if arm is not None else ""
    text = f"{CHOSEN if choice.chosen else OPEN}{mark}{one_line(choice.shown, LONGEST)}"
    style = arm.colour if arm is not None else "" if choice.samples else DIM
    return f"{text} {choice.samples:,}", f"{BOLD} {style}".strip() if choice.chosen else style
