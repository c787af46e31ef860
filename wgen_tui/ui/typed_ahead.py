"""Keys that are there before what they are meant for: they wait until it has come.

Textual gives a key at once to what has the focus now. Of `/word` typed fast, or sent at once by a
slow line, the letters would be keys of the screen below. Here one key goes on its way when all that
the one before led to is done: handled, the dialog or screen that it opened mounted, its focus set.

A key of a list waits for the list's first rows, and any key for what a thread reads for a dialog.

Promises: no time is waited for; no key is lost but by the bound, and by esc while a thread is
waited for (where only a list's keys wait, also by what leaves the screen); ctrl+q always quits.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from textual import events

from wgen_tui.ui import actions
from wgen_tui.ui.threads import Passing, ThreadedScreen
from wgen_tui.ui.widgets.table import VirtualTable

if TYPE_CHECKING:
    from textual.message_pump import MessagePump
    from textual.screen import Screen

    from wgen_tui.ui.app import WgenApp

MOST = 4_000  # keys and pastes that wait; more are dropped
TOO_MANY = f"{MOST:,} keys wait already: this one is left out. esc lets go of those that wait."
AT_ONCE = ("ctrl+q",)
GIVE_UP = "escape"
LEAVING = ("q", *"123456")  # while nothing but a list's keys wait for its rows


class TypedAhead:
    """What waits for one application."""

    def __init__(self, app: WgenApp) -> None:
        self._app = app
        self._held: deque[events.Key | events.Paste] = deque()
        self._under_way = False  # whether something passes through the queues behind a key

    async def take(self, event: events.Key | events.Paste) -> None:
        """Let this go on its way, now or when what is before it has been done."""
        key = event.key if isinstance(event, events.Key) else ""
        if key in AT_ONCE:
            await self._app.dispatch_typed(event)
            return
        if self._held and not self._under_way:  # a thread is waited for
            only_rows = self._opening is None and all(map(self._is_of_lists, self._held))
            if key == GIVE_UP or (only_rows and key in LEAVING):
                self._give_up()
        if len(self._held) < MOST:
            self._held.append(event)
        else:
            self._app.notify(TOO_MANY, title="Keys", severity="warning")
        if not self._under_way:
            await self._dispatch_next()

    def resume(self) -> None:
        """A thread has brought what keys may have waited for."""
        if self._held and not self._under_way:
            self._follow()

    @property
    def _opening(self) -> ThreadedScreen | None:
        """The screen, while a thread reads for what a key opens there."""
        screen = self._app.screen
        return screen if isinstance(screen, ThreadedScreen) and screen.opening else None

    def _waits(self) -> bool:
        return self._opening is not None or self._for_rows()

    def _for_rows(self) -> bool:
        """Whether the row of the cursor is being read, or the first ones for a key of a list."""
        screen, table = self._app.screen, self._app.focused
        reads = isinstance(screen, ThreadedScreen) and screen.loading_any
        if not (reads and isinstance(table, VirtualTable)):
            return False
        return table.current is None if len(table) else self._is_of_lists(self._held[0])

    def _is_of_lists(self, event: events.Key | events.Paste) -> bool:
        return isinstance(event, events.Key) and any(
            event.key in action.key.split(",")
            for action in self._app.keymap.of_scope(actions.TABLE)
        )

    def _give_up(self) -> None:
        self._held.clear()
        if (screen := self._opening) is not None:
            screen.give_up_opening()

    async def _dispatch_next(self) -> None:
        if self._held and not self._waits():
            event = self._held.popleft()
            path, screen = self._path(), self._app.screen
            await self._app.dispatch_typed(event)
            self._pass(path, screen, 1)

    def _path(self) -> list[MessagePump]:
        """What a key goes through, up to the application."""
        screen = self._app.screen
        return [*(screen.focused or screen).ancestors_with_self]

    def _follow(self, times: int = 1) -> None:
        self._pass(self._path(), self._app.screen, times)

    def _pass(self, path: list[MessagePump], screen: Screen[object], times: int) -> None:
        """Go behind the key through the next queue that is still open."""
        self._under_way = False
        for place, node in enumerate(path):
            rest = path[place + 1 :]
            if rest:
                on = partial(self._pass, rest, screen, times)
                sent = node.post_message(Passing(on))
            else:
                sent = node.post_message(Passing(partial(self._arrived, screen, times)))
            if sent:
                self._under_way = True
                return

    async def _arrived(self, screen: Screen[object], times: int) -> None:
        """What it led to has been done, or is in the queues now; so these are gone through too."""
        self._under_way = False
        if not self._app.screen_stack:
            return
        if self._app.screen is not screen:
            self._follow()
        elif times:
            self._follow(times - 1)
        else:
            await self._dispatch_next()
