"""The folders of definitions: built-in ones, and the user's over them.

Promises: the same slug in the user's folder shadows the built-in one; nothing is read, and
importing this loads nothing else, so that a list can begin with the names.
"""

from __future__ import annotations

import os
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

FILE = "experiment.yaml"


@dataclass(frozen=True, slots=True)
class Entry:
    """One definition folder."""

    slug: str
    path: Path
    builtin: bool
    shadows: bool = False


def builtin_root() -> Path:
    """The folder of the definitions that ship with the program."""
    return Path(__file__).parent


def list_definitions(
    home_experiments: Path | None = None, known: Container[Path] = ()
) -> list[Entry]:
    """Every definition folder, by slug; broken ones too.

    Args:
        home_experiments: Where the user's are.
        known: Folders in which nobody need look for the file: who asks does so.
    """
    builtin = _folders(builtin_root(), known)
    own = {} if home_experiments is None else _folders(home_experiments, known)
    entries = [Entry(slug, path, True) for slug, path in builtin.items() if slug not in own]
    entries += [Entry(slug, path, False, slug in builtin) for slug, path in own.items()]
    return sorted(entries, key=lambda entry: entry.slug)


def _folders(root: Path, known: Container[Path]) -> dict[str, Path]:
    """The folders in `root` that have a definition, by name."""
    try:
        names = [entry.name for entry in os.scandir(root)]
    except OSError:
        return {}
    # What begins with a dot is being written, or was when somebody was killed.
    return {
        name: root / name
        for name in names
        if name[0] != "." and (root / name in known or os.path.lexists(root / name / FILE))
    }
