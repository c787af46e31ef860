"""Why launches wait: what the supervisor last wrote, for whoever shows it.

Promises: written only when it changes; a launch that is not named waits for the supervisor itself,
or for a disk with no space to write even that.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping

from wgen_tui.paths import Home
from wgen_tui.plain_files import parse, read_plain
from wgen_tui.protocol.record import write_durably

FULL = 2**18  # bytes; with less, not even a reason can be written down


class WaitReasons:
    """The file of reasons; `refresh` reads it when it has changed."""

    def __init__(self, home: Home) -> None:
        self._path = home.waiting
        self._stamp: int | None = None
        self._why: dict[str, str] = {}
        self._full = False

    def refresh(self) -> None:
        """Read what the supervisor says now, and whether the disk has space for it to say so."""
        try:
            self._full = shutil.disk_usage(self._path.parent).free < FULL
        except OSError:
            self._full = False
        self._read()

    def why(self, launch_id: str) -> str | None:
        """Why a launch is not started, as of the last refresh; None when nobody has said."""
        if self._full:
            return "the disk is full: waits for room on the disk"
        return self._why.get(launch_id)

    def write(self, why: Mapping[str, str]) -> None:
        """Replace all reasons."""
        if dict(why) != self._read():
            write_durably(self._path, json.dumps(dict(why), indent=1).encode() + b"\n")

    def _read(self) -> dict[str, str]:
        try:
            stamp = self._path.stat().st_mtime_ns
            if stamp != self._stamp:
                reasons = parse(read_plain(self._path))
                self._why = {str(name): str(text) for name, text in reasons.items()}
                self._stamp = stamp
        except (OSError, ValueError, AttributeError):
            self._stamp, self._why = None, {}
        return self._why
