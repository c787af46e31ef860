"""What comes over of a run's part files: the rows that the other home has and this one has not.

Promises: a row that is here is not copied again, so that the database is the same whatever it is
built from; a part of new rows only keeps its name and content; one whose name is taken, or of which
some rows are here, gets a name that follows from its content. Two texts of one sample are a
conflict.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wgen_tui.plain_files import parse
from wgen_tui.services.merge.file_copies import (
    FileCopy,
    file_digest,
    file_size,
    list_folder,
    read_file,
    safe_name,
)
from wgen_tui.services.merge.merge_report import MergeConflict
from wgen_tui.terminal_text import plural

Key = tuple[Any, ...]
# Folder of a run -> its rows' key. What belongs to samples comes before them, so that a kill leaves
# none without it.
KEYS: dict[str, tuple[str, ...]] = {
    "prompts": ("prompt_id", "model", "experiment"),
    "tokens": ("sample_id",),
    "reasoning": ("sample_id",),
    "samples": ("sample_id",),
    "readouts": ("readout_id",),
    "held_out": ("held_out_id",),
    "verdicts": ("verdict_id",),
    "grades": ("grade_id",),
}


@dataclass(frozen=True, slots=True)
class IncomingParts:
    """The part files that come over of one folder, and how many rows are new."""

    files: tuple[FileCopy, ...]
    rows: int


def suffix(kind: str) -> str:
    """How the names of a folder's parts end."""
    return ".jsonl" if kind == "grades" else ".parquet"


def parts_there(folder: Path, kind: str) -> list[Path]:
    """The parts in a folder of the other home.

    Raises:
        MergeConflict: the name of one is not safe here.
    """
    names = [entry.name for entry in list_folder(folder)]
    end = suffix(kind)
    return [
        folder / safe_name(name)
        for name in names
        if name.startswith("part-") and name.endswith(end)
    ]


def all_parts(folder: Path, kind: str) -> IncomingParts:
    """Every part, for a run that this home lacks.

    Raises:
        MergeConflict: one is damaged.
    """
    there = parts_there(folder, kind)
    rows = sum(len(_keys(path, kind)) for path in there)
    return IncomingParts(tuple(FileCopy(f"{kind}/{path.name}", path) for path in there), rows)


def new_parts(ours: Path, theirs: Path, kind: str) -> IncomingParts:
    """The rows of their parts that ours lack.

    Raises:
        MergeConflict: a part there is damaged, or a sample has two texts.
    """
    there = parts_there(theirs, kind)
    here = sorted(ours.glob(f"part-*{suffix(kind)}"))
    changed = [path for path in there if not _same_file(path, here)]
    if not changed:
        return IncomingParts((), 0)
    known = _keys_here(here, kind)
    taken = {path.name for path in here}
    files: list[FileCopy] = []
    rows = 0
    for path in changed:
        keys = _keys(path, kind)
        new = [key for key in keys if key not in known]
        if kind == "samples" and len(new) < len(keys):
            _refuse_two_texts(path, here, known)
        if new:
            files.append(_part_copy(path, kind, keys, set(new), taken))
            taken.add(Path(files[-1].target).name)
            known |= set(new)
            rows += len(set(new))
    return IncomingParts(tuple(files), rows)


def _same_file(path: Path, here: Iterable[Path]) -> bool:
    same = [other for other in here if other.stat().st_size == file_size(path)]
    return bool(same) and file_digest(path) in {file_digest(other) for other in same}


def _part_copy(path: Path, kind: str, keys: list[Key], new: set[Key], taken: set[str]) -> FileCopy:
    whole = len(new) == len(keys)
    if whole and path.name not in taken:
        return FileCopy(f"{kind}/{path.name}", path)
    data = read_file(path) if whole else _selected_rows(path, kind, new)
    mark = hashlib.sha256(repr(sorted(new)).encode()).hexdigest()[:10]
    return FileCopy(f"{kind}/{path.stem}-{mark}{path.suffix}", data=data)


def _keys_here(paths: Iterable[Path], kind: str) -> set[Key]:
    """The keys of our rows; a damaged part counts as missing."""
    keys: set[Key] = set()
    for path in paths:
        try:
            keys.update(_keys(path, kind))
        except MergeConflict:
            continue
    return keys


def _keys(path: Path, kind: str) -> list[Key]:
    if kind == "grades":
        return [(row["grade_id"],) for row in _lines(path)]
    table = _table(path, KEYS[kind])
    return list(zip(*(table[name].to_pylist() for name in KEYS[kind]), strict=True))


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        rows = [parse(line) for line in read_file(path).splitlines() if line.strip()]
    except ValueError as error:
        raise MergeConflict(f"{path} is damaged: {error}") from error
    if not all(isinstance(row, dict) and isinstance(row.get("grade_id"), int) for row in rows):
        raise MergeConflict(f"{path} is damaged: a line is not a grade")
    return rows


def _table(path: Path, columns: Iterable[str] | None = None) -> Any:
    # pyarrow takes 0.1 s to import, and a merge of what is here already needs none.
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        return pq.read_table(
            io.BytesIO(read_file(path)),
            columns=None if columns is None else list(columns),
            page_checksum_verification=True,
        )
    except (pa.ArrowException, OSError) as error:
        raise MergeConflict(f"{path} is damaged: {str(error).splitlines()[0]}") from error


def _selected_rows(path: Path, kind: str, selected: set[Key]) -> bytes:
    """A part with only the selected rows of another."""
    if kind == "grades":
        rows = [row for row in _lines(path) if (row["grade_id"],) in selected]
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    import pyarrow as pa  # noqa: PLC0415 - as above
    import pyarrow.parquet as pq  # noqa: PLC0415

    table = _table(path)
    keys = zip(*(table[name].to_pylist() for name in KEYS[kind]), strict=True)
    kept = table.filter(pa.array([key in selected for key in keys]))
    buffer = io.BytesIO()
    pq.write_table(kept, buffer, compression="zstd", write_page_checksum=True)
    return buffer.getvalue()


def _refuse_two_texts(path: Path, here: Iterable[Path], known: set[Key]) -> None:
    """Refuse samples with two texts: other hardware may draw another text from the same seed.

    Raises:
        MergeConflict: some have.
    """
    theirs = {key: text for key, text in _texts(path).items() if (key,) in known}
    differ: list[int] = []
    for part in here:
        try:
            ours = _texts(part)
        except MergeConflict:
            continue
        differ += [key for key in ours.keys() & theirs.keys() if ours[key] != theirs[key]]
    if differ:
        raise MergeConflict(
            f"both homes drew {plural(len(differ), 'sample')} with different texts, such as "
            f"sample {min(differ)}"
        )


def _texts(path: Path) -> dict[int, str]:
    table = _table(path, ("sample_id", "completion"))
    return dict(zip(table["sample_id"].to_pylist(), table["completion"].to_pylist(), strict=True))
