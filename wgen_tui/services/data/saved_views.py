"""Saved views of samples: a filter and columns under a name, kept in the journal.

Promises: a view is on disk before `save` returns; of one name the newest counts, whoever saved it;
they come over with the journal when homes are merged.
"""

from __future__ import annotations

import getpass
from datetime import datetime

from wgen_tui.paths import Home
from wgen_tui.protocol.record import Record, now
from wgen_tui.services.data.journal import Journal, lines


class SavedView(Record):
    """One line of journal/views-*.jsonl.

    Attributes:
        filter: As the filter line of the Samples screen has it.
        columns: By their headings; none for those that the width suggests.
        removed: Whether the name is free again.
    """

    name: str
    filter: str
    columns: tuple[str, ...] = ()
    author: str
    removed: bool = False
    saved_at: datetime


def listed(home: Home) -> list[SavedView]:
    """The views that there are, by name."""
    newest: dict[str, SavedView] = {}
    for view in lines(home, "views", SavedView):
        if view.name not in newest or view.saved_at >= newest[view.name].saved_at:
            newest[view.name] = view
    return sorted((v for v in newest.values() if not v.removed), key=lambda view: view.name)


def save(home: Home, name: str, filter_: str, columns: tuple[str, ...] = ()) -> None:
    """Keep a view; one of the same name is replaced.

    Raises:
        UsageError: the journal cannot be written.
    """
    author = getpass.getuser()
    view = SavedView(name=name, filter=filter_, columns=columns, author=author, saved_at=now())
    Journal(home, "views", author, "The view").append(view)


def remove(home: Home, view: SavedView) -> None:
    """Take a view away; that it was there stays in the journal.

    Raises:
        UsageError: the journal cannot be written.
    """
    author = getpass.getuser()
    gone = view.model_copy(update={"removed": True, "author": author, "saved_at": now()})
    Journal(home, "views", author, "The view").append(gone)
