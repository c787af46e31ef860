"""Take the screenshots of docs/screenshots/: `.venv/bin/python docs/screenshots.py HOME`.

HOME holds a finished demo: `WGEN_HOME=HOME wgen-tui demo`. The program is opened headlessly at
120 by 40 and driven by keys alone; each screen is written as an SVG once what it reads has come.
"""

from __future__ import annotations

import argparse
import asyncio
import html
import os
import re
import sys
from pathlib import Path

from textual.pilot import Pilot

from wgen_tui.paths import Home
from wgen_tui.services.planning.demo import SLUG
from wgen_tui.ui.app import WgenApp

SIZE = (120, 40)
SECONDS = 20.0
FILTER = "arm=old_birds question=travel"
# Screen -> what is done in order: a list of keys is pressed, a tuple of words is waited for.
SCREENS: dict[str, list[list[str] | tuple[str, ...]]] = {
    "experiments": [("arms", "plan", "questions")],
    "runs": [("worker.log",), ["G"], ("worker.log", "loss", "cpu")],
    "samples": [("completion",), ["/", *FILTER, "enter"], ("completion", "old_birds"), ["j", "j"]],
    "results": [("old_birds", "modern_american")],
}
# Rich names a font to be fetched from elsewhere; a picture should fetch nothing.
FONT_FACE = re.compile(r"\s*@font-face\s*\{[^}]*\}")
KEY_NAMES = {" ": "space", "=": "equals_sign", "_": "underscore", "/": "slash"}


def words_on(picture: str) -> str:
    """The text of an SVG."""
    text = re.sub(r"<style.*?</style>|<[^>]+>", " ", picture, flags=re.DOTALL)
    return html.unescape(text).replace("\xa0", " ")


async def settled(pilot: Pilot[int], words: tuple[str, ...]) -> str:
    """Wait until the screen has all the words and has stopped changing; return its picture.

    Raises:
        TimeoutError: they did not appear in time.
    """
    before = ""
    for _ in range(int(SECONDS / 0.5)):
        await pilot.pause(0.5)
        now = pilot.app.export_screenshot(title="wgen-tui")
        if now == before and all(word in words_on(now) for word in words):
            return now
        before = now
    raise TimeoutError(f"{words} did not all appear; on the screen: {words_on(before)}")


async def take(home: Home, name: str) -> str:
    """The picture of one screen."""
    app = WgenApp(home, screen=name, experiment=SLUG)
    async with app.run_test(size=SIZE) as pilot:
        for step in SCREENS[name]:
            if isinstance(step, tuple):
                await settled(pilot, step)
            else:
                await pilot.press(*(KEY_NAMES.get(key, key) for key in step))
        return FONT_FACE.sub("", await settled(pilot, ()))


def main() -> int:
    """Take them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "screenshots")
    options = parser.parse_args()
    for variable in ("NO_COLOR", "TMUX"):
        os.environ.pop(variable, None)
    os.environ["TEXTUAL_ANIMATIONS"] = "none"
    options.out.mkdir(parents=True, exist_ok=True)
    for name in SCREENS:
        target = options.out / f"{name}.svg"
        target.write_text(asyncio.run(take(Home(options.home), name)), encoding="utf-8")
        print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
