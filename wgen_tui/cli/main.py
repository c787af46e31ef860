"""Where the program begins: the screens at once, or a command by way of `group`.

Promises: `wgen-tui` without a command loads nothing that only commands need, neither click nor what
prints; whatever else is typed, and what is mistaken, is left to `group`, which says so.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from dataclasses import replace

from wgen_tui.errors import UsageError
from wgen_tui.paths import Home, resolve_home
from wgen_tui.plain_files import keep_private

COMPLETES = "_WGEN_TUI_COMPLETE"  # set by a shell that asks click for completions


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code (see `ExitCode`)."""
    keep_private()
    words = list(sys.argv[1:] if args is None else args)
    home = None if COMPLETES in os.environ else bare(words)
    try:
        if home is not None:
            return open_screens(home)
    except (Exception, KeyboardInterrupt) as error:
        from wgen_tui.cli.group import ended_by

        return ended_by(error)
    from wgen_tui.cli.group import run

    return run(words)


def bare(words: Sequence[str]) -> Home | None:
    """The home to open, where all that is asked for are the screens; else None.

    None as well for words that are mistaken, without a terminal, and for a home that is refused.
    """
    place: str | None = None
    readonly = False
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, given, value = word.partition("=")
        if word == "--readonly":
            readonly = True
        elif name == "--home" and (given or rest):
            place = value if given else rest.pop(0)
        else:
            return None
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    try:
        (place or "").encode()  # a path that is no UTF-8 is refused
        home = replace(resolve_home(place), readonly=readonly)
        home.check_format()
    except (UnicodeEncodeError, UsageError):
        return None
    return home


def open_screens(home: Home) -> int:
    """Open the screens on a home that was checked; returns the exit code when they are left."""
    gc.disable()  # all that is loaded stays; the screens enable it once they are up
    from wgen_tui.ui.app import run_app

    return run_app(home, readonly=home.readonly)
