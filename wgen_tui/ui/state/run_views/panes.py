"""Which panes stand below the list of runs: one, two or three side by side.

Promises: `v` goes through those alone that share a place; what always stands is not among them.
The order is that in which one asks: how it goes, what it says, whether there is an effect, what
sets two apart, how it was made.
"""

from __future__ import annotations

VIEWS = ("curves", "log", "rates", "difference", "adapter")
TWO, THREE = 120, 150  # columns from which on so many stand side by side
ALWAYS: dict[int, tuple[str, ...]] = {1: (), 2: ("curves",), 3: ("curves", "log")}


def side_by_side(columns: int) -> int:
    """How many panes stand beside each other on a screen of so many columns."""
    return 3 if columns >= THREE else 2 if columns >= TWO else 1


def offered(panes: int) -> tuple[str, ...]:
    """The views that share a place."""
    return tuple(view for view in VIEWS if view not in ALWAYS[panes])


def present(panes: int, view: str, *, has_rates: bool) -> str:
    """Which of them has the place, where `view` was chosen.

    Args:
        panes: How many stand side by side.
        view: The view; one that stands anyhow leaves the place to the first that has something.
        has_rates: Whether there are rates over steps.
    """
    if view not in ALWAYS[panes]:
        return view
    first = offered(panes)[0]
    return "adapter" if first == "rates" and not has_rates else first


def seen(panes: int, view: str, *, has_rates: bool) -> tuple[str, ...]:
    """All views that are to be seen."""
    return (*ALWAYS[panes], present(panes, view, has_rates=has_rates))
