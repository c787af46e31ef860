"""One way to say that a name is unknown."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from wgen_tui.errors import UsageError


def unknown(kind: str, name: str, known: Iterable[str], *, hint: str = "") -> UsageError:
    """The error for a `name` that is no `kind`, with the nearest right one."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        help_text = f"Did you mean {near[0]}?"
    elif 0 < len(names) <= 12:
        help_text = f"There are: {', '.join(names)}."
    else:
        help_text = ""
    return UsageError(
        f"There is no {kind} {name!r}.",
        title=f"Unknown {kind}",
        hint=" ".join(part for part in (help_text, hint) if part),
    )
