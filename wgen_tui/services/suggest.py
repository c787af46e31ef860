"""How an unknown name is refused: with the nearest right one.

Promises: the same words wherever a name is looked up.
"""

from __future__ import annotations

from collections.abc import Iterable

from experiments.suggest import nearest_name
from wgen_tui.errors import UsageError

MOST_LISTED = 12  # of runs or arms; a longer list helps nobody


def did_you_mean(
    name: str, known: Iterable[str], *, form: str = "{}", most: int | None = None
) -> str:
    """A hint for an unknown name: the nearest known one, else all of them.

    Args:
        name: What was written.
        known: What could have been.
        form: How the nearest is shown, such as `[{}]`.
        most: Of more names than this no list is given.
    """
    names = list(known)
    if close := nearest_name(name, names):
        return f"Did you mean {form.format(close)}?"
    listed = bool(names) and (most is None or len(names) <= most)
    return f"There are: {', '.join(names)}." if listed else ""


def unknown(kind: str, name: str, known: Iterable[str], *, hint: str = "") -> UsageError:
    """The error for a `name` that is no `kind`, with the nearest right one."""
    near = did_you_mean(name, known, most=MOST_LISTED)
    return UsageError(
        f"There is no {kind} {name!r}.",
        title=f"Unknown {kind}",
        hint=" ".join(part for part in (near, hint) if part),
    )
