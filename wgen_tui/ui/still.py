"""A screen as text or SVG, without a terminal: for documents, tests and programs.

Promises: it shows what a person would see at that size on this home; it starts no work, and writes
nothing but what any reader of the home does.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from typing import NamedTuple

from textual.pilot import Pilot
from textual.screen import Screen

from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.ui.app import WgenApp
from wgen_tui.ui.key_names import key_of
from wgen_tui.ui.threads import ThreadedScreen

LEAST, MOST = (20, 5), (500, 200)  # columns and rows
STILL = 0.4  # seconds in which nothing has changed
EACH = 0.05  # seconds between two looks
# Rich names a font to be fetched from elsewhere; a picture should fetch nothing.
FONT_FACE = re.compile(r"\s*@font-face\s*\{[^}]*\}")


class Still(NamedTuple):
    """What a screen shows.

    Attributes:
        text: Its lines, without spaces at their ends.
        svg: The same with colours.
        settled: Whether all that it reads had come.
    """

    text: str
    svg: str
    settled: bool


class _StillApp(WgenApp):
    """The application, which leaves the work of the home alone."""

    def ensure_supervisor(self) -> None:
        """Start nothing: this only looks."""


def size_of(text: str) -> tuple[int, int]:
    """Columns and rows of a size such as `120x40`.

    Raises:
        UsageError: it is no size, or none that a screen can have.
    """
    match = re.fullmatch(r"(\d{1,4})x(\d{1,4})", text)
    size = (int(match[1]), int(match[2])) if match else (0, 0)
    if not all(low <= own <= high for low, own, high in zip(LEAST, size, MOST, strict=True)):
        raise UsageError(
            f"{text!r} is not a size.",
            title="Size",
            hint=f"Columns x rows, such as 80x24; up to {MOST[0]}x{MOST[1]}.",
        )
    return size


def take(
    home: Home,
    name: str,
    *,
    size: tuple[int, int] = (120, 40),
    experiment: str | None = None,
    keys: Sequence[str] = (),
    readonly: bool = False,
    patience: float = 20.0,
) -> Still:
    """Open a screen, press keys, and say what it shows once it stands still.

    Args:
        home: Whose.
        name: Of the screen.
        size: Columns and rows.
        experiment: The one in hand; what the screen chooses when None.
        keys: By their names; after each, what it asks for is waited for.
        readonly: As the option says.
        patience: Seconds for all of it.

    Raises:
        UsageError: there is no such screen, or a key has a name that nobody knows.
    """
    pressed = [key_of(key) for key in keys]
    app = _StillApp(home, readonly=readonly, screen=name, experiment=experiment)
    with redirect_stdout(StringIO()):  # what prints below Textual is not the screen
        return asyncio.run(_taken(app, size, pressed, patience))


async def _taken(
    app: WgenApp, size: tuple[int, int], keys: Sequence[str], patience: float
) -> Still:
    end = time.monotonic() + patience
    async with app.run_test(size=size) as pilot:
        settled = await _settle(pilot, end)
        for key in keys:
            await pilot.press(key)
            settled = await _settle(pilot, end)
        return Still(_text(app.screen), FONT_FACE.sub("", _svg(app)), settled)


async def _settle(pilot: Pilot[int], end: float) -> bool:
    """Wait until nothing is being read and the screen has stopped changing."""
    before, since = "", time.monotonic()
    while time.monotonic() < end:
        await pilot.pause(EACH)
        screen = pilot.app.screen
        now = _text(screen)
        busy = isinstance(screen, ThreadedScreen) and screen.loading_any
        if now != before or busy:
            before, since = now, time.monotonic()
        elif time.monotonic() - since >= STILL:
            return True
    return False


def _text(screen: Screen[object]) -> str:
    strips = screen._compositor.render_strips()
    return "\n".join("".join(part.text for part in strip).rstrip() for strip in strips)


def _svg(app: WgenApp) -> str:
    return app.export_screenshot(title="wgen-tui")
