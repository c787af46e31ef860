"""Some samples of a slice at random, and others the next time: what was read is remembered.

Promises: each sample of a slice has the same chance and comes once before any comes again; what was
listed is on disk (journal) before it is shown; a home that may not be written remembers nothing.
"""

from __future__ import annotations

import getpass
from datetime import datetime
from typing import NamedTuple

from store.samples import listing
from store.samples.filters import Filter
from wgen_tui.paths import Home
from wgen_tui.protocol.record import Record, now
from wgen_tui.services.data.database import in_little_memory, reading
from wgen_tui.services.data.journal import Journal, lines


class ReadAtRandom(Record):
    """One line of journal/read-*.jsonl: samples of a slice that somebody was shown at random.

    Attributes:
        among: The filter in words.
        up_to: Of the random order, the last key that was taken.
        samples: How many of the slice that were so far, this time round.
    """

    among: str
    reader: str
    up_to: int
    samples: int
    read_at: datetime


class Drawn(NamedTuple):
    """What was drawn.

    Attributes:
        before: How many of the slice were read earlier, this time round.
        again: Whether all had been read, so that it began anew.
    """

    ids: tuple[int, ...]
    before: int
    again: bool


@in_little_memory
def draw(home: Home, criteria: Filter, among: str, count: int, *, remember: bool) -> Drawn:
    """The next samples of a slice at random, for the person who is logged in.

    Raises:
        UsageError: it cannot be written down.
    """
    reader = getpass.getuser()
    last = _last(home, among, reader)
    before = last.samples if last is not None else 0
    with reading(home) as con:
        rows = listing.at_random(con, criteria, last.up_to if last is not None else None, count)
        again = not rows and last is not None
        if again:
            before = 0
            rows = listing.at_random(con, criteria, None, count)
    if rows and remember:
        record = ReadAtRandom(
            among=among,
            reader=reader,
            up_to=rows[-1][0],
            samples=before + len(rows),
            read_at=now(),
        )
        Journal(home, "read", reader, "What was read").append(record)
    return Drawn(tuple(sample_id for _, sample_id in rows), before, again)


def _last(home: Home, among: str, reader: str) -> ReadAtRandom | None:
    """What this person read last of a slice."""
    newest: ReadAtRandom | None = None
    for record in lines(home, "read", ReadAtRandom):
        same = (record.among, record.reader) == (among, reader)
        if same and (newest is None or record.read_at >= newest.read_at):
            newest = record
    return newest
