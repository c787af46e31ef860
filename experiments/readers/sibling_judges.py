"""Judges that lie in a file beside the questions, which nothing names.

Promises: only says where a judge is defined; a file that cannot be read defines none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from experiments.errors import DefinitionError
from experiments.readers.judges import is_judge
from experiments.yaml_source import read_yaml

MAIN = "experiment.yaml"
PLAIN = re.compile(r"[A-Za-z_./][\w./-]*", re.ASCII)  # needs no quotes in a list


def defining_file(folder: Path, judge: str) -> str | None:
    """The file of the folder in which a judge that is a model is defined, if there is one."""
    return next(
        (name for name, entry in _entries(folder) if is_judge(entry) and _named(entry) == judge),
        None,
    )


def to_take(folder: Path, file: str) -> str:
    """What to write into experiment.yaml so that the judges of a file beside it are taken."""
    try:
        written = read_yaml(folder / MAIN).value
    except DefinitionError:
        written = None
    given = written if isinstance(written, dict) else {}
    for key in ("questions", "model_judges"):  # which entries of either kind may stand in
        files = _files(given.get(key, []))
        if files is not None:
            listed = ", ".join(map(_quoted, [*files, file]))
            return f"in {MAIN} write {key}: {f'[{listed}]' if files else listed}"
    return (
        f"copy its entry into model_judges of {MAIN}, or move those that stand there into a file "
        f"and write model_judges: [THAT-FILE, {_quoted(file)}]"
    )


def _files(value: Any) -> list[str] | None:
    """The files that a key lists; None where entries stand there themselves."""
    files = [value] if isinstance(value, str) else value
    named = isinstance(files, list) and all(isinstance(file, str) for file in files)
    return files if named else None


def _quoted(file: str) -> str:
    """A file's name as YAML takes it within a list."""
    return file if PLAIN.fullmatch(file) else json.dumps(file, ensure_ascii=False)


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
