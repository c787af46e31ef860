"""Make the pictures of docs/screenshots/ from a finished demo: `make screenshots`.

`make screenshots ARGS="--home HOME"` takes them of a home that is there; else the demo runs first,
in a folder of its own. Each picture is a screen without a terminal (`wgen-tui screen`), driven by
keys alone.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from wgen_tui.paths import Home
from wgen_tui.services.planning.demo import SLUG

SIZE = (120, 36)
FILTER = "arm=old_birds question=travel"
QUESTION = "question=travel"
# File -> screen, and the keys that bring it to what is shown.
PICTURES: dict[str, tuple[str, list[str]]] = {
    "results": ("results", []),
    "questions": ("results", ["v"]),
    "experiments": ("experiments", ["j", "k", "j", "k"]),
    "runs": ("runs", ["space", "j", "j", "space"]),
    "samples": ("samples", ["/", *FILTER, "enter", "j", "j"]),
    "compare": ("samples", ["/", *QUESTION, "enter", "=", "l", "j"]),
}


def main() -> int:
    """Take them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "screenshots")
    options = parser.parse_args()
    for variable in ("NO_COLOR", "TMUX"):
        os.environ.pop(variable, None)
    os.environ |= {"TEXTUAL_ANIMATIONS": "none", "TEXTUAL_COLOR_SYSTEM": "truecolor"}
    options.out.mkdir(parents=True, exist_ok=True)
    if options.home is not None:
        return take_all(options.home, options.out)
    with tempfile.TemporaryDirectory(prefix="wgen-demo-") as home:
        program = Path(sys.executable).with_name("wgen-tui")
        subprocess.run([program, "--home", home, "demo"], check=True)
        return take_all(Path(home), options.out)


def take_all(home: Path, out: Path) -> int:
    """Write every picture; whether any was taken before its screen had settled."""
    from wgen_tui.ui.still import take  # noqa: PLC0415 - Textual reads the environment

    late = 0
    for file, (screen, keys) in PICTURES.items():
        shown = take(Home(home), screen, size=SIZE, experiment=SLUG, keys=keys, patience=60)
        (out / f"{file}.svg").write_text(shown.svg, encoding="utf-8")
        late += not shown.settled
        print(f"{out / file}.svg{'' if shown.settled else ': not settled'}")
    return int(late > 0)


if __name__ == "__main__":
    sys.exit(main())
