"""All launches of a home, with what their files say.

Promises: asking again costs only what has changed; a launch that cannot be read, or that another
version wrote, is left out and named.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from wgen_tui.paths import ID_PATTERN, Home
from wgen_tui.protocol.launches import LaunchSpec
from wgen_tui.protocol.record import Unreadable, read_record
from wgen_tui.services.runs.launch_state import NOT_THERE, LaunchView


class Launches:
    """All launches of a home, by id, oldest first; `refresh` costs only what has changed."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._views: dict[str, LaunchView] = {}
        self.unreadable: dict[str, str] = {}  # why a launch is left out

    def refresh(self, launch_ids: Iterable[str] | None = None) -> dict[str, LaunchView]:
        """Read again, and return the launches (all, or those named that exist)."""
        names = self._listed() if launch_ids is None else sorted(set(launch_ids))
        views: dict[str, LaunchView] = {}
        for name in names:
            view = self._views.get(name) or self._open(name)
            if view is not None:
                self._views[name] = view
                views[name] = view.refresh()
        return views

    def with_predecessors(self, views: dict[str, LaunchView]) -> dict[str, LaunchView]:
        """`views`, refreshed already, and all launches that they come after."""
        every = dict(views)
        while missing := {name for view in every.values() for name in view.spec.after} - set(every):
            predecessors = self.refresh(missing)
            if not predecessors:
                break
            every |= predecessors
        return every

    def _listed(self) -> list[str]:
        try:
            names = [entry.name for entry in os.scandir(self._home.launches)]
        except NOT_THERE:
            return []
        return sorted(name for name in names if ID_PATTERN.fullmatch(name) and ".." not in name)

    def _open(self, name: str) -> LaunchView | None:
        paths = self._home.launch(name)
        try:
            spec = read_record(paths.spec, LaunchSpec)
        except Unreadable as error:
            self.unreadable[name] = str(error)
            return None  # not ours to run
        return None if spec is None else LaunchView(paths, spec)
