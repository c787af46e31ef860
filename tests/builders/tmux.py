"""A tmux of one's own: what a person types, and what stands on the screen."""

from __future__ import annotations

import os
import subprocess
import time
import uuid

from tests.builders.waiting import LIMIT


class Tmux:
    """One server, as a person has it who has configured nothing."""

    def __init__(self) -> None:
        self.name = f"wgen-test-{uuid.uuid4().hex[:8]}"

    def __call__(self, *arguments: str) -> str:
        own = {name: value for name, value in os.environ.items() if name != "TMUX"}
        return subprocess.run(
            ["tmux", "-L", self.name, "-f", "/dev/null", *arguments],
            env=own | {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
        ).stdout

    @property
    def shown(self) -> str:
        """The lines of the pane."""
        return self("capture-pane", "-p")

    def press(self, *keys: str) -> None:
        """Keys by tmux's names; anything else is typed as it is."""
        for key in keys:
            self("send-keys", key)

    def until(self, *texts: str, without: str = "") -> str:
        """Wait until the pane shows all of these; what it shows then."""
        end = time.monotonic() + LIMIT
        while True:
            shown = self.shown
            if all(text in shown for text in texts) and not (without and without in shown):
                return shown
            assert time.monotonic() < end, f"{texts} never came:\n{shown}"
            time.sleep(0.05)
