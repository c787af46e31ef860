"""The journal and the experiments of another home.

Promises: a line of the journal comes over once, into a file that nobody here appends to; a
definition comes over only under a slug that nothing here has.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from experiments.catalogue import FILE, builtin_root
from experiments.schema import NAME
from wgen_tui.paths import Home
from wgen_tui.services.merge.file_copies import FileCopy, component, content, digest, listed, tree
from wgen_tui.services.merge.merge_report import MergeConflict

CACHE = "__pycache__"


def journal(home: Home, other: Home) -> tuple[list[FileCopy], int]:
    """What other people's, or other boxes', journals hold beside ours.

    Returns:
        The files to be written, and how many lines they have.

    Raises:
        MergeConflict: a file there cannot be read.
    """
    pieces: list[FileCopy] = []
    known: set[object] = set()
    for path in home.journal.glob("*.jsonl"):
        known.update(key for key, _ in _lines(path.read_bytes()))
    taken = {path.name for path in home.journal.glob("*.jsonl")}
    count = 0
    for entry in listed(other.journal):
        if not entry.name.endswith(".jsonl"):
            continue
        name = _name(entry.name)
        data = content(other.journal / entry.name)
        new = [(key, line) for key, line in _lines(data) if key not in known]
        if not new:
            continue
        text = b"".join(line + b"\n" for _, line in new)
        if name in taken:
            # Its namesake may be growing under a grader's hands.
            mark = hashlib.sha256(text).hexdigest()[:10]
            name = f"{name.removesuffix('.jsonl')}-{mark}.jsonl"
        pieces.append(FileCopy(name, data=text))
        taken.add(name)
        known.update(key for key, _ in new)
        count += len(new)
    return pieces, count


def _name(name: str) -> str:
    """The name of a journal file here; graders' names may have letters that ids have not."""
    if "/" in name or not name.isprintable() or len(name.encode()) > 200:
        raise MergeConflict(f"{name!r} cannot be a file's name here")
    return name


def _lines(data: bytes) -> list[tuple[object, bytes]]:
    """Every whole line that is a record, and what tells it from others."""
    found: list[tuple[object, bytes]] = []
    for line in data[: data.rfind(b"\n") + 1].splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue  # torn by a power cut
        if isinstance(row, dict):
            found.append((row.get("grade_id", line), line))
    return found


def slugs(other: Home) -> list[str]:
    """The definitions of the other home.

    Raises:
        MergeConflict: its folder of them cannot be read.
    """
    found = [entry.name for entry in listed(other.experiments) if entry.is_dir()]
    return [name for name in found if (other.experiments / name / FILE).exists()]


def definition(home: Home, other: Home, slug: str) -> list[FileCopy]:
    """The files of a definition that is not here; nothing when the same is here.

    Raises:
        MergeConflict: another definition has the slug here, or this one cannot be taken.
    """
    if not NAME.fullmatch(component(slug)):
        raise MergeConflict(f"{slug!r} cannot be a slug")
    there = other.experiments / slug
    found = {str(path.relative_to(there)): path for path in _files(there)}
    here = home.experiments / slug
    if not here.exists():
        here = builtin_root() / slug
    if not (here / FILE).exists():
        return [FileCopy(name, path) for name, path in found.items()]
    ours = {str(path.relative_to(here)): path for path in here.rglob("*") if path.is_file()}
    ours = {name: path for name, path in ours.items() if CACHE not in Path(name).parts}
    for name in sorted(found.keys() | ours.keys()):
        if name not in ours or name not in found or digest_of(ours[name]) != digest(found[name]):
            raise MergeConflict(f"another definition has this slug here: {name} differs")
    return []


def digest_of(path: Path) -> str:
    """The SHA-256 of a file here, which may be a link of the user's own."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _files(folder: Path) -> list[Path]:
    return [path for path in tree(folder) if CACHE not in path.relative_to(folder).parts]
