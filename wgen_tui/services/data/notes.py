"""Tags and notes on samples: given, taken back, kept in the journal.

Promises: each is on disk (journal, fsynced) before the function that writes it returns; what a
sample has already, or lacks already, is not written again.
"""

from __future__ import annotations

import getpass
from collections.abc import Collection, Sequence

from store.samples import notes as stored
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.hashes import digest
from wgen_tui.protocol.notes import NoteRow
from wgen_tui.protocol.record import now
from wgen_tui.services.data.database import in_little_memory, reading
from wgen_tui.services.data.journal import Journal


def tag(
    home: Home, sample_ids: Sequence[int], add: Collection[str], remove: Collection[str] = ()
) -> int:
    """Give tags to samples, and take others back.

    Returns:
        Of how many samples the tags are others now.

    Raises:
        UsageError: the journal cannot be written; nothing is changed.
    """
    with reading(home) as con:
        known = stored.runs_and_tags(con, sample_ids)
    author, moment = getpass.getuser(), now()
    rows = [
        NoteRow(
            note_id=digest("tag", sample_id, name, author, moment.isoformat()),
            sample_id=sample_id,
            run_id=run_id,
            author=author,
            tag=name,
            removed=name in remove,
            created_at=moment,
        )
        for sample_id, (run_id, tags) in known.items()
        for name in [*(t for t in add if t not in tags), *(t for t in remove if t in tags)]
    ]
    if rows:
        Journal(home, "notes", author, "The tag").append(*rows)
    return len({row.sample_id for row in rows})


def toggle(home: Home, sample_ids: Sequence[int], name: str) -> tuple[bool, int]:
    """Give a tag to those of the samples that lack it; if all have it, take it back.

    Returns:
        Whether they have it now, and how many they are.

    Raises:
        UsageError: the journal cannot be written; nothing is changed.
    """
    with reading(home) as con:
        known = stored.runs_and_tags(con, sample_ids)
    given = any(name not in tags for _, tags in known.values())
    tag(home, sample_ids, [name] if given else [], [] if given else [name])
    return given, len(known)


def note(home: Home, sample_id: int, text: str) -> None:
    """Write what the person who is logged in notes beside a sample; empty takes it back.

    Raises:
        UsageError: the sample is gone, or the journal cannot be written; nothing is changed.
    """
    with reading(home) as con:
        known = stored.runs_and_tags(con, [sample_id])
    if sample_id not in known:
        raise UsageError(f"There is no sample {sample_id}.", title="No such sample")
    author, moment = getpass.getuser(), now()
    row = NoteRow(
        note_id=digest("note", sample_id, author, moment.isoformat()),
        sample_id=sample_id,
        run_id=known[sample_id][0],
        author=author,
        text=text,
        removed=not text,
        created_at=moment,
    )
    Journal(home, "notes", author, "The note").append(row)


def author() -> str:
    """Under which name notes are written."""
    return getpass.getuser()


@in_little_memory
def in_use(home: Home) -> list[tuple[str, int]]:
    """Every tag, and how many samples have it; the commonest first."""
    with reading(home) as con:
        return stored.in_use(con)


@in_little_memory
def written(home: Home) -> int:
    """How many tags and notes were ever given or taken back; equal while they are the same."""
    with reading(home) as con:
        return stored.written(con)
