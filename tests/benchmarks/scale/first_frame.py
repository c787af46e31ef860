"""A program of Textual that writes how much CPU it has taken when its first frame is painted.

`python -m tests.benchmarks.scale.first_frame FILE [HOME]`: the screens on a home, or the empty
application. On a machine with other work this tells more than the clock: a wait for the processor
is not counted.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from textual.app import App


def write_at_first_frame(target: Path) -> None:
    """Have the application of this process write it."""
    display = App._display

    def painted(app: App[Any], screen: Any, renderable: Any) -> None:
        display(app, screen, renderable)
        if renderable is not None and not target.exists():
            target.write_text(str(time.process_time()))

    App._display = painted  # type: ignore[method-assign]


if __name__ == "__main__":
    write_at_first_frame(Path(sys.argv[1]))
    if len(sys.argv) > 2:
        from wgen_tui.cli import main

        main(["--home", sys.argv[2]])
    else:
        from tests.benchmarks.scale.empty_app import EmptyApp

        EmptyApp().run()
