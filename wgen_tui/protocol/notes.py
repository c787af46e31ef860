"""What people say of samples beside grades: tags and notes."""

from __future__ import annotations

from datetime import datetime

from wgen_tui.protocol.record import Record


class NoteRow(Record):
    """One line of journal/notes-*.jsonl.

    With `tag` it gives a tag or, with `removed`, takes it back, whoever gave it; with `text` it is
    what `author` notes beside the sample. The newest by (sample_id, tag) or (sample_id, author)
    counts.
    """

    note_id: int
    sample_id: int
    run_id: str
    author: str
    tag: str | None = None
    text: str | None = None
    removed: bool = False
    created_at: datetime
