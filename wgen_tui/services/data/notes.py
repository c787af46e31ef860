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
from wgen_tui.services.data.database import reading
from wgen_tui.services.data.journal import Journal

LONGEST = 40  # characters of a tag
LONGEST_NOTE = 2_000


def checked_tags(text: str) -> list[str]:
    """The tags that a line names, each once.

    Raises:
        UsageError: one of them cannot be a tag.
    """
    tags = list(dict.fromkeys(word.removeprefix("#") for word in text.replace(",", " ").split()))
    for tag in tags:
        odd = next((sign for sign in tag if not (sign.isalnum() or sign in "-_.:/+")), None)
        if not tag or odd is not None or len(tag) > LONGEST:
            why = f"it has {odd!r}" if odd else f"it has more than {LONGEST} characters"
            raise UsageError(
                f"{tag[:LONGEST]!r} cannot be a tag: {why if tag else 'it is empty'}.",
                title="Tags",
                hint="Letters, digits and - _ . : / +, with spaces between tags.",
            )
    return tags


def checked_note(text: str) -> str:
    """A note as it is kept; empty takes it back.

    Raises:
        UsageError: it is too long.
    """
    if len(text.strip()) > LONGEST_NOTE:
        raise UsageError(f"A note has {LONGEST_NOTE:,} characters at most.", title="Note")
    return text.strip()


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


def written(home: Home) -> int:
    """How many tags and notes were ever given or taken back; equal while they are the same."""
    with reading(home) as con:
        return stored.written(con)
