"""The list of experiments: one line for each definition, broken ones too.

Promises: asking again reads only what has changed since; what has not costs a stat for each of the
files it was read from; a built-in one is read once for all homes. Of what was read, the lines
alone are kept.
"""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock

from experiments import catalogue
from experiments.errors import DefinitionError
from experiments.seen_files import SeenFiles
from wgen_tui.paths import Home
from wgen_tui.services.experiments.names import ExperimentInfo

MINIATURE = "miniature"  # the tag of a built-in definition that runs on the embedded model
Line = tuple[SeenFiles, ExperimentInfo]
_built_in: dict[catalogue.Entry, Line] = {}  # the same ones whichever home asks


class ExperimentList:
    """Every definition of a home. Not for several threads at once."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._kept: dict[catalogue.Entry, Line] = {}

    def refresh(self) -> list[ExperimentInfo]:
        """The lines as the definitions are now, by slug; an unchanged one is the same object."""
        kept: dict[catalogue.Entry, Line] = {}
        # Of a file that is a link to nothing, stat says the same as of none.
        known = {entry.path for entry, (_, info) in self._kept.items() if not info.error}
        for entry in catalogue.list_definitions(self._home.experiments, known):
            before = (_built_in if entry.builtin else self._kept).get(entry)
            if before and before[0].unchanged():
                kept[entry] = before
                continue
            if not os.path.lexists(entry.path / catalogue.FILE):
                self._kept = {}  # it went, and what it stood before comes out
                return self.refresh()
            kept[entry] = _describe(entry)
            if entry.builtin:
                _built_in[entry] = kept[entry]
        self._kept = kept
        return [info for _, info in kept.values()]


_lists: dict[Path, ExperimentList] = {}
_lists_lock = Lock()


def list_experiments(home: Home) -> list[ExperimentInfo]:
    """Every definition, by slug; from any thread.

    A screen asks every few seconds: what has not changed is read once in a process.
    """
    with _lists_lock:
        return _lists.setdefault(home.root, ExperimentList(home)).refresh()


def _describe(entry: catalogue.Entry) -> Line:
    files = SeenFiles()
    try:
        definition = catalogue.load(entry.path, files=files)
    except DefinitionError as error:
        return files, ExperimentInfo(
            *(entry.slug, "", entry.path, entry.builtin, ""),
            error=error.problems[0].message,
            problems=error.problems,
        )
    source = definition.source
    where = f"arXiv {source.arxiv}" if source.arxiv else source.url or ""
    section = f"{where} §{source.section}" if where and source.section else where
    return files, ExperimentInfo(
        slug=entry.slug,
        title=definition.title,
        path=entry.path,
        builtin=entry.builtin,
        source=section or source.title,
        arms=dict(definition.arms),
        seeds=definition.seeds.values,
        models=definition.models,
        scales=tuple(definition.scales),
        miniature=MINIATURE in definition.tags,
    )
