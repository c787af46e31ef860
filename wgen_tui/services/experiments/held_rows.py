"""What the rows that hold an arm near its base are called, where arms are listed."""

from __future__ import annotations

HELD = " (regularise)"  # which no arm's own name can end with


def held_name(arm: str) -> str:
    """The name of an arm's rows."""
    return f"{arm}{HELD}"


def arm_held(name: str) -> str:
    """The arm whose rows these are, or the arm itself."""
    return name.removesuffix(HELD)
