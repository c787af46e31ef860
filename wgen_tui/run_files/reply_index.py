"""Which replies of judges are on disk, and where: what is held of each is its key and its place.

Promises: a reply costs 16 bytes here, however long it is, and equal prompts of a greedy judge cost
what two of them do; replies are read when they are needed, each part once, and are checked against
their whole key then. What stands in a damaged part counts as not there. Imports no torch.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wgen_tui.run_files.verdict_record import Reply

if TYPE_CHECKING:
    import pyarrow as pa

Key = tuple[str | int, ...]
OF_KEY = ("asker", "prompt_key", "sample_id", "wording", "repeat")
OF_REPLY = (
    "reply",
    "probabilities",
    "mass",
    "finish_reason",
    "prompt_tokens",
    "tokens",
    "answered_as",
    "engine",
)
OF_KEPT = (*OF_KEY, "cause", "answered_as")
ROW_BITS = 32  # of a place; what stands above them is the part's number


def reply_key(
    asker: str, prompt_key: str, sample_id: int, wording: int, repeat: int, *, greedy: bool
) -> Key:
    """What a reply is known by: a greedy judge's belongs to all equal prompts."""
    if greedy:
        return asker, prompt_key
    return asker, prompt_key, sample_id, wording, repeat


@dataclass(slots=True)
class Kept:
    """What is known of all the replies of who is asked in one way, without reading them.

    Attributes:
        replies: How many verdicts have one.
        by_probability: Whether any is the probabilities of what could be said.
        in_words: Whether any is a text.
        answered_as: The models and fingerprints that a server has named.
    """

    replies: int = 0
    by_probability: bool = False
    in_words: bool = False
    answered_as: set[str] = field(default_factory=set)


class ReplyIndex:
    """The places of replies, by their keys."""

    def __init__(self, greedy: Mapping[str, bool]) -> None:
        """Know of none yet.

        Args:
            greedy: Whose replies are wanted, and whether equal prompts share one.
        """
        self._greedy = greedy
        self._kept = {asker: Kept() for asker in greedy}
        self._parts: list[str] = []
        # `hash` of a key may differ between processes; it never leaves this one.
        self._hashes = array("q")
        self._places = array("q")
        self._sorted = True

    def add(self, folder: Path) -> None:
        """Take the parts of a folder."""
        for part in sorted(folder.glob("part-*.parquet")):
            self.add_part(part)

    def add_part(self, part: Path) -> None:
        """Take one part; a damaged one has nothing."""
        table = _read(part, (*OF_KEPT, "reply", "probabilities"))
        if table is None:
            return
        number = len(self._parts)
        self._parts.append(str(part))
        seen = _shown(table)
        columns = (table[name].to_pylist() for name in OF_KEPT)
        for row, values in enumerate(zip(*columns, strict=True)):
            asker, prompt_key, sample_id, wording, repeat, cause, answered_as = values
            if asker not in self._greedy or cause == "failed":
                continue
            kept = self._kept[asker]
            kept.replies += 1
            kept.by_probability = kept.by_probability or seen[0][row]
            kept.in_words = kept.in_words or seen[1][row]
            if answered_as:
                kept.answered_as.add(answered_as)
            greedy = self._greedy[asker]
            key = reply_key(asker, prompt_key, sample_id, wording, repeat, greedy=greedy)
            self._hashes.append(hash(key))
            self._places.append(number << ROW_BITS | row)
            self._sorted = False

    def kept(self, asker: str) -> Kept:
        """What is known of the replies of who is asked so."""
        return self._kept[asker]

    def places(self, key: Key) -> tuple[int, ...]:
        """Where replies of this key may be: the oldest and the newest."""
        if not self._sorted:
            self._sort()
        wanted = hash(key)
        low = bisect_left(self._hashes, wanted)
        high = bisect_right(self._hashes, wanted, low)
        return tuple(self._places[low:high])

    def read(self, places: Iterable[int]) -> Iterator[tuple[int, Key, Reply]]:
        """Read the replies of places, each part once; what can no longer be read is left out."""
        by_part: dict[int, list[int]] = {}
        for place in sorted(set(places)):
            by_part.setdefault(place >> ROW_BITS, []).append(place)
        for number, mine in by_part.items():
            table = _read(Path(self._parts[number]), (*OF_KEY, *OF_REPLY))
            if table is None:
                continue
            rows = [place & (1 << ROW_BITS) - 1 for place in mine]
            if rows[-1] >= table.num_rows:
                continue
            for place, row in zip(mine, table.take(rows).to_pylist(), strict=True):
                greedy = self._greedy.get(row["asker"], True)
                key = reply_key(*(row[name] for name in OF_KEY), greedy=greedy)
                yield place, key, _reply(row)

    def _sort(self) -> None:
        """Order by key, and of equal keys keep the oldest and the newest."""
        hashes = np.frombuffer(self._hashes, dtype=np.int64)
        order = np.argsort(hashes, kind="stable")
        hashes = hashes[order]
        places = np.frombuffer(self._places, dtype=np.int64)[order]
        differs = hashes[1:] != hashes[:-1]
        first, last = np.append(True, differs), np.append(differs, True)
        ends = first | last
        self._hashes = array("q", hashes[ends].tobytes())
        self._places = array("q", places[ends].tobytes())
        self._sorted = True


def _read(part: Path, columns: Iterable[str]) -> pa.Table | None:
    """These columns of a part; None where it cannot be read."""
    # pyarrow takes 0.1 s to import and is needed only where there are parts.
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        if not part.is_file():  # opening a FIFO would wait
            return None
        return pq.read_table(part, columns=list(columns), page_checksum_verification=True)
    except (pa.ArrowException, OSError):
        return None


def _shown(table: pa.Table) -> tuple[list[bool], list[bool]]:
    """Of each row: whether it has probabilities, and whether it has a text."""
    import pyarrow.compute as pc  # noqa: PLC0415

    said = pc.fill_null(pc.greater(pc.binary_length(table["reply"]), 0), False)
    return table["probabilities"].is_valid().to_pylist(), said.to_pylist()


def _reply(row: Mapping[str, Any]) -> Reply:
    read = row["probabilities"]
    return Reply(
        text=row["reply"],
        probabilities=None if read is None else json.loads(read),
        mass=row["mass"],
        finish_reason=row["finish_reason"],
        prompt_tokens=row["prompt_tokens"],
        tokens=row["tokens"],
        answered_as=row["answered_as"],
        engine=row["engine"],
    )
