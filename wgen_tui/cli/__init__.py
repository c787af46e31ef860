"""The command line. `wgen_tui.cli:main` is the console script `wgen-tui`."""

from wgen_tui.cli.main import main

__all__ = ["main"]
