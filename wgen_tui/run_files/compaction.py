"""Make one part of many small ones: a checkpoint at a time they are many files for few rows.

Promises: the whole is on disk, durable, read back and equal to its parts row by row before anybody
may remove these; it says in its name which it stands for (`part_names`), so that a kill at any
moment leaves the parts, or both, and whoever comes next can tell. What cannot be read, or has
other columns than its neighbour, stays as it is.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from wgen_tui.plain_files import read_plain
from wgen_tui.protocol.record import sync_folder, write_durably
from wgen_tui.run_files.part_names import PartName, name_of_whole, part_name

LEAST = 8  # parts of a launch in a folder are worth it
SMALL_BYTES = 1 << 20  # of a file; larger ones cost a reader nothing that a whole would spare
WHOLE_BYTES = 8 << 20  # of files that become one: they are in memory together, unpacked


class Unfit(Exception):
    """Parts that cannot be made one."""


@dataclass(frozen=True, slots=True)
class Group:
    """Parts of one launch that lie beside each other, and the whole of them.

    Attributes:
        folder: Where they are.
        parts: Their names, in order.
        whole: The name of the part that stands for them.
        written: Whether a kill came after it was written: only the parts are left to be removed.
    """

    folder: Path
    parts: tuple[str, ...]
    whole: str
    written: bool = False


def groups(folder: Path) -> Iterator[Group]:
    """What of a folder is to be made one."""
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:  # there is none
        return
    named = [part for part in map(part_name, names) if part is not None]
    named.sort(key=lambda part: (part.launch_id, part.suffix, part.first, -part.last))
    for _, parts in groupby(named, attrgetter("launch_id", "suffix")):
        yield from _of_launch(folder, list(parts))


def _of_launch(folder: Path, parts: list[PartName]) -> Iterator[Group]:
    alone: list[PartName] = []
    covered: dict[str, list[str]] = {}
    for part in parts:  # a whole comes before what it stands for
        if alone and alone[-1].covers(part):
            covered.setdefault(alone[-1].name, []).append(part.name)
        else:
            alone.append(part)
    for whole, left in covered.items():
        yield Group(folder, tuple(left), whole, written=True)
    if len(alone) < LEAST:
        return
    for some in _small_neighbours(folder, alone):
        if len(some) >= LEAST:
            whole = name_of_whole(some[0], some[-1])
            yield Group(folder, tuple(part.name for part in some), whole)


def _small_neighbours(folder: Path, parts: Iterable[PartName]) -> Iterator[list[PartName]]:
    """Parts that follow each other and are small, as many as make a whole."""
    some: list[PartName] = []
    size = 0
    for part in parts:
        own = (folder / part.name).stat().st_size
        follows = not some or part.first == some[-1].last + 1
        if own > SMALL_BYTES or not follows or size + own > WHOLE_BYTES:
            yield some
            some, size = [], 0
        if own <= SMALL_BYTES:
            some.append(part)
            size += own
    yield some


def write_whole(group: Group) -> int:
    """Write the whole of a group and read it back.

    Returns:
        Its bytes.

    Raises:
        Unfit: a part is damaged, or has other columns than another.
        OSError: the disk refuses it.
    """
    path = group.folder / group.whole
    if group.written:
        return path.stat().st_size
    try:
        parts = [read_plain(group.folder / name) for name in group.parts]
    except OSError as error:  # no plain file, or gone
        raise Unfit(str(error)) from error
    data = _lines(parts) if path.suffix == ".jsonl" else _table(parts)
    write_durably(path, data)
    if read_plain(path) != data:
        path.unlink()
        raise OSError(f"{path} is not on disk what was written")
    return len(data)


def _lines(parts: Iterable[bytes]) -> bytes:
    if any(part and not part.endswith(b"\n") for part in parts):
        raise Unfit("a last line is not whole")
    return b"".join(parts)


def _table(parts: Iterable[bytes]) -> bytes:
    # pyarrow takes 0.1 s to import and is needed only where there are parts.
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        tables = [
            pq.read_table(io.BytesIO(part), page_checksum_verification=True) for part in parts
        ]
    except (pa.ArrowException, OSError) as error:
        raise Unfit(str(error).splitlines()[0]) from error
    if any(not table.schema.equals(tables[0].schema) for table in tables):
        raise Unfit("the parts have other columns")
    rows = pa.concat_tables(tables)
    buffer = io.BytesIO()
    pq.write_table(rows, buffer, compression="zstd", write_page_checksum=True)
    data = buffer.getvalue()
    again = pq.read_table(io.BytesIO(data), page_checksum_verification=True)
    if not again.equals(rows):
        raise Unfit("what was written does not read as what it stands for")
    return data


def remove_parts(group: Group) -> None:
    """Remove what a whole stands for; the database must know the whole in its stead."""
    for name in group.parts:
        (group.folder / name).unlink(missing_ok=True)
    sync_folder(group.folder)
