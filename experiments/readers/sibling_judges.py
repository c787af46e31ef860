"""Judges that lie in a file beside the questions, which nothing names.

Promises: only says where a judge is defined; a file that cannot be read defines none.
"""

from __future__ import annotations

from pathlib import Path

from experiments.errors import DefinitionError
from experiments.readers.judges import is_judge
from experiments.yaml_source import read_yaml

MAIN = "experiment.yaml"


def defining_file(folder: Path, judge: str) -> str | None:
    """The file of the folder in which a judge that is a model is defined, if there is one."""
    for path in sorted(folder.glob("*.y*ml")):
        if path.name == MAIN:
            continue
        try:
            entries = read_yaml(path).value
        except DefinitionError:
            continue
        for entry in entries if isinstance(entries, list) else ():
            named = isinstance(entry, dict) and entry.get("id", entry.get("name"))
            if is_judge(entry) and named == judge:
                return path.name
    return None
