"""The screens as a person has them before them: what is drawn, listed and said.

Promises: the only place in the tests that asks Textual for what it keeps to itself; who waits,
waits for what the screen shows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.app import App
from textual.notifications import Notification
from textual.pilot import Pilot
from textual.strip import Strip

from tests.builders.waiting import LIMIT
from wgen_tui.services.machine.host import Load
from wgen_tui.ui.widgets.bars import MessageLine
from wgen_tui.ui.widgets.table import VirtualTable

Machine = Callable[[Path], Load]
Snapshot = Callable[..., bool]


def strips(app: App[Any]) -> list[Strip]:
    """The lines on the screen, with their colours."""
    return list(app.screen._compositor.render_strips())


def text(app: App[Any]) -> str:
    """Everything on the screen, as its lines."""
    return "\n".join("".join(segment.text for segment in strip) for strip in strips(app))


def table(app: App[Any]) -> VirtualTable:
    """The screen's first table."""
    return app.screen.query(VirtualTable).first()


def notices(app: App[Any]) -> list[Notification]:
    """The notifications that are shown now."""
    return list(app._notifications)


def messages(app: App[Any]) -> list[str]:
    """What the notifications say, and what the message line of the screen says."""
    lines = [line.said for line in app.screen.query(MessageLine) if line.said]
    return [*(notice.message for notice in notices(app)), *lines]


async def settled(pilot: Pilot[Any], condition: Callable[[], object]) -> None:
    """Let the application work until something is so, and the cursor has come to rest.

    Fails with what is shown instead.
    """
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        await pilot.pause(0.02)
        if condition() and all(table.lit for table in pilot.app.screen.query(VirtualTable)):
            return
    said = "\n".join(messages(pilot.app))
    raise AssertionError(f"it never came; on the screen:\n{text(pilot.app)}\n{said}")


def runs_drawn(app: App[Any]) -> bool:
    """Whether Runs has read all that it shows, and drawn it in the size that it has now."""
    screen: Any = app.screen
    size = screen._curves_size()
    fits = min(size) <= 0 or (screen._picture is not None and screen._picture.size == size)
    return bool(screen._seen and fits and not screen.loading_any and "cpu" in text(app))
