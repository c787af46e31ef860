"""Judges that lie in a file beside the questions, which nothing names.

Promises: only says where a judge is defined; a file that cannot be read defines none.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from experiments.errors import DefinitionError
from experiments.readers.judges import is_judge
from experiments.yaml_source import read_yaml

MAIN = "experiment.yaml"


def defining_file(folder: Path, judge: str) -> str | None:
    """The file of the folder in which a judge that is a model is defined, if there is one."""
    return next(
        (name for name, entry in _entries(folder) if is_judge(entry) and _named(entry) == judge),
        None,
    )


def asking_file(folder: Path, question: str) -> str | None:
    """The file of the folder in which a question stands; None where experiment.yaml has it."""
    return next(
        (
            name
            for name, entry in _entries(folder)
            if not is_judge(entry) and _named(entry) == question
        ),
        None,
    )


def _named(entry: dict[str, Any]) -> Any:
    return entry.get("id", entry.get("name"))


def _entries(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The entries of every file that is a list of them, with the file's name."""
    for path in sorted(folder.glob("*.y*ml")):
        if path.name == MAIN:
            continue
        try:
            entries = read_yaml(path).value
        except DefinitionError:
            continue
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict):
                yield path.name, entry
