"""Which code is measured."""

from __future__ import annotations

import shutil
import subprocess


def commit() -> str:
    """The commit that is measured, marked when something has changed since."""
    if shutil.which("git") is None:
        return "commit not known"
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "no checkout"
