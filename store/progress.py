"""Whoever waits for an ingest may be told how far it is.

Promises: loads nothing; who asked for nothing is told nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar

OnProgress = Callable[[int, int], None]  # bytes of files taken in, and of how many

_around: ContextVar[Callable[[], AbstractContextManager[OnProgress]] | None] = ContextVar(
    "around", default=None
)


def tell_by(around: Callable[[], AbstractContextManager[OnProgress]]) -> None:
    """Have every ingest in this context told.

    Args:
        around: Entered when one begins that has something to do, left when it ends.
    """
    _around.set(around)


@contextmanager
def told() -> Iterator[OnProgress]:
    """What is to be called with how far an ingest is."""
    around = _around.get()
    if around is None:
        yield lambda done, total: None
        return
    with around() as on_progress:
        yield on_progress
