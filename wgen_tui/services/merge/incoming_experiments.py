"""What comes over of another home's journal and experiments.

Promises: a line of the journal comes over once, into a file that nobody here appends to; a
definition comes over only under a slug that nothing here has.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from experiments.catalogue import FILE, builtin_root
from experiments.schema import NAME
from wgen_tui.paths import Home
from wgen_tui.plain_files import parse
from wgen_tui.services.merge.file_copies import (
    FileCopy,
    file_digest,
    list_entries,
    read_file,
    read_here,
    safe_name,
    walk_files,
    what_odd,
)
from wgen_tui.services.merge.merge_report import MergeConflict

CACHE = "__pycache__"


def journal_files(home: Home, other: Home) -> tuple[list[FileCopy], int]:
    """The lines of the other home's journal that ours lacks.

    Returns:
        The files to write, and how many lines they have.

    Raises:
        MergeConflict: a file there cannot be read.
    """
    files: list[FileCopy] = []
    known: set[object] = set()
    for path in home.journal.glob("*.jsonl"):
        known.update(key for key, _ in _lines(read_here(path)))
    taken = {path.name for path in home.journal.glob("*.jsonl")}
    count = 0
    for entry in list_entries(other.journal):
        if not entry.name.endswith(".jsonl") or what_odd(entry):
            continue
        name = _journal_name(entry.name)
        data = read_file(other.journal / entry.name)
        new = [(key, line) for key, line in _lines(data) if key not in known]
        if not new:
            continue
        text = b"".join(line + b"\n" for _, line in new)
        if name in taken:
            # A grader may be appending to the file of this name here.
            mark = hashlib.sha256(text).hexdigest()[:10]
            name = f"{name.removesuffix('.jsonl')}-{mark}.jsonl"
        files.append(FileCopy(name, data=text))
        taken.add(name)
        known.update(key for key, _ in new)
        count += len(new)
    return files, count


def _journal_name(name: str) -> str:
    """Check a journal file's name; graders' names may have letters that ids have not."""
    if "/" in name or not name.isprintable() or len(name.encode()) > 200:
        raise MergeConflict(f"{name!r} cannot be a file name here")
    return name


def _lines(data: bytes) -> list[tuple[object, bytes]]:
    """Every complete line that is a record, with its key."""
    records: list[tuple[object, bytes]] = []
    for line in data[: data.rfind(b"\n") + 1].splitlines():
        try:
            row = parse(line)
        except ValueError:
            continue  # torn by a power cut
        if isinstance(row, dict):
            records.append((row.get("grade_id", line), line))
    return records


def definitions_there(other: Home) -> list[os.DirEntry[str]]:
    """What lies in the other home's folder of definitions, odd entries too.

    Raises:
        MergeConflict: the folder cannot be read.
    """
    return [
        entry
        for entry in list_entries(other.experiments)
        if what_odd(entry) or os.path.lexists(other.experiments / entry.name / FILE)
    ]


def definition_files(home: Home, other: Home, slug: str) -> list[FileCopy]:
    """The files of a definition to copy; empty when the same definition is here.

    Raises:
        MergeConflict: another definition has the slug here, or this one cannot be taken.
    """
    if not NAME.fullmatch(safe_name(slug)):
        raise MergeConflict(f"{slug!r} cannot be a slug")
    there = other.experiments / slug
    theirs = {str(path.relative_to(there)): path for path in _files(there)}
    here = home.experiments / slug
    if not here.exists():
        here = builtin_root() / slug
    if not (here / FILE).exists():
        return [FileCopy(name, path) for name, path in theirs.items()]
    ours = {str(path.relative_to(here)): path for path in here.rglob("*") if path.is_file()}
    ours = {name: path for name, path in ours.items() if CACHE not in Path(name).parts}
    for name in sorted(theirs.keys() | ours.keys()):
        if (
            name not in ours
            or name not in theirs
            or digest_here(ours[name]) != file_digest(theirs[name])
        ):
            raise MergeConflict(f"another definition has this slug here: {name} differs")
    return []


def digest_here(path: Path) -> str:
    """The SHA-256 of a file here, which may be a link of the user's own."""
    return hashlib.sha256(read_here(path)).hexdigest()


def _files(folder: Path) -> list[Path]:
    return [path for path in walk_files(folder) if CACHE not in path.relative_to(folder).parts]
