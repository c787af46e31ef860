"""Shares as one digit each: tenths, with a shade that says the same.

Promises: one cell, readable without colour; `X` is ten tenths, so 100% or nearly.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wgen_tui.ui.state.figures.axis import is_number

NOTHING = "–"
FULL = "X"
LEGEND = f"tenths: 9 is 90%, {FULL} is 100%, {NOTHING} is not asked"


def tenth(share: float | None) -> str:
    """A share in tenths, as one cell."""
    if share is None or not is_number(share):
        return NOTHING
    number = round(min(max(share, 0.0), 1.0) * 10)
    return FULL if number == 10 else str(number)


def shade(share: float | None, colour: str = "") -> str:
    """A style that says a share again: the more, the stronger; in a colour, if one is given."""
    if share is None or not is_number(share) or share < 0.05:
        return "dim"
    strength = "" if share < 0.45 else "bold" if share < 0.85 else "bold reverse"
    return f"{colour} {strength}".strip()


def short_names(names: Iterable[str], width: int) -> list[str]:
    """Names in a few cells that are still told apart: cut, or else numbered."""
    listed = list(names)
    shown = [name[:width] for name in listed]
    return [
        name if shown.count(name) == 1 else _numbered(shown, place, width)
        for place, name in enumerate(shown)
    ]


def _numbered(shown: Sequence[str], place: int, width: int) -> str:
    """The place among those that are cut alike, behind what is left of the name."""
    number = str(shown[: place + 1].count(shown[place]))
    return f"{shown[place][: max(width - len(number), 0)]}{number}"[-width:]
