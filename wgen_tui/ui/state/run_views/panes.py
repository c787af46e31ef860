"""Which panes stand below the list of runs: one, two or three side by side.

Promises: `v` goes through those alone that share a place; what always stands is not among them.
"""

from __future__ import annotations

VIEWS = ("curves", "log", "adapter", "rates", "difference")
TWO, THREE = 120, 150  # columns from which on so many stand side by side
ALWAYS: dict[int, tuple[str, ...]] = {1: (), 2: ("curves",), 3: ("curves", "log")}


def side_by_side(columns: int) -> int:
    """How many panes stand beside each other on a screen of so many columns."""
    return 3 if columns >= THREE else 2 if columns >= TWO else 1


def offered(panes: int) -> tuple[str, ...]:
    """The views that share a place."""
    return tuple(view for view in VIEWS if view not in ALWAYS[panes])


def present(panes: int, view: str) -> str:
    """Which of them has it, where `view` was chosen: the first where that stands anyhow."""
    return offered(panes)[0] if view in ALWAYS[panes] else view


def seen(panes: int, view: str) -> tuple[str, ...]:
    """All views that are to be seen."""
    return (*ALWAYS[panes], present(panes, view))
