"""Where each part of a definition was read from, and what is told of how it was read.

Promises: a problem at any path of the assembled definition has the file, line and key that the user
wrote, also where a reader has given a key another name or place.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from experiments.errors import DefinitionError, Problem
from experiments.folders import FILE
from experiments.seen_files import SeenFiles
from experiments.suggest import did_you_mean
from experiments.text_files import inside, missing
from experiments.yaml_source import Document, KeyPath, dotted, read_yaml


@dataclass
class Sources:
    """Which file and path a path of the assembled definition comes from.

    Attributes:
        folder: Of the definition.
        main: Its experiment.yaml.
        files: Is told of every file that is read.
        elsewhere: Document and path of what does not stand in `main` under its own path.
        told: What is read otherwise than it stands -> the judges it is told of.
        said: What else is told of how it was read, a sentence each.
    """

    folder: Path
    main: Document
    files: SeenFiles
    elsewhere: dict[KeyPath, tuple[Document, KeyPath]] = field(default_factory=dict)
    told: dict[str, list[str]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def place(self, path: KeyPath) -> tuple[Document, KeyPath]:
        """The document of `path` and the path in it."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.elsewhere:
                document, prefix = self.elsewhere[path[:end]]
                return document, _as_written(document, (*prefix, *path[end:]))
        return self.main, _as_written(self.main, path)

    def problem(self, path: KeyPath, message: str, hint: str = "") -> Problem:
        """A problem at `path` of the assembled definition."""
        document, inner = self.place(path)
        return document.problem(inner, message, hint)

    def file(self, name: str, place: KeyPath, what: str, pattern: str) -> Path:
        """A file of the folder, as `place` names it.

        Args:
            name: As written.
            place: Where it is written.
            what: What it should be, such as "a prompt".
            pattern: Which files are near enough to be proposed.

        Raises:
            DefinitionError: it lies outside the folder, or cannot be read.
        """
        path = inside(self.folder, name)
        if path is None:
            why = f"{name!r} lies outside the definition's folder."
            raise DefinitionError(self.problem(place, why))
        self.files.note(path)
        if why := missing(path):
            known = sorted(str(item.relative_to(self.folder)) for item in self.folder.glob(pattern))
            message = f"{name!r} is neither {what} nor a file of the folder. {why}."
            raise DefinitionError(self.problem(place, message, did_you_mean(name, known)))
        return path

    def notes(self) -> list[str]:
        """What is read otherwise than it stands, a sentence each."""
        return self.said + [
            f"{'judge' if len(names) == 1 else 'judges'} {', '.join(names)}: {why}"
            for why, names in self.told.items()
        ]


def problem_in(folder: Path, path: KeyPath, message: str, hint: str = "") -> Problem:
    """A problem that is found once a definition is read: with the line in its experiment.yaml.

    Args:
        folder: Of the definition.
        path: Of the assembled definition; an arm that was spread stands under what it came of.
        message: What is wrong.
        hint: What to write.
    """
    document = read_yaml(folder / FILE)
    section = document.value.get(path[0]) if isinstance(document.value, dict) else None
    written = path
    if len(path) > 1 and isinstance(section, dict) and path[1] not in section:
        before = [name for name in section if str(path[1]).startswith(f"{name}-")]
        written = (path[0], max(before, key=len, default=path[1]), *path[2:])
    return Problem(message, hint, document.file, document.line(written), dotted(path))


def _as_written(document: Document, path: KeyPath) -> KeyPath:
    """The path with `id` where the file says that for `name`."""
    if path and path[-1] == "name" and path not in document.lines:
        return (*path[:-1], "id") if (*path[:-1], "id") in document.lines else path
    return path
