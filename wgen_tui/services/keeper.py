"""Another supervisor in place of one that died, for those who only look: watching, the screens.

Promises: none is started where nothing is left to do, or nothing may be done; looking again costs
only what has changed.
"""

from __future__ import annotations

from wgen_tui.paths import Home
from wgen_tui.services import supervisor
from wgen_tui.services.dispatch import Dispatcher
from wgen_tui.services.launches import Launches

EVERY = 5.0  # seconds between two looks


class Keeper:
    """Looks after one home; not for several threads at once."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._launches = Launches(home)
        self._queue = Dispatcher(home)

    def look(self) -> bool:
        """Start a supervisor where one is missed; whether that was so.

        Raises:
            WgenError: it could not be started.
        """
        if not self._home.marker.exists() or supervisor.alive(self._home) is not None:
            return False
        if not self._queue.work_left(self._launches.refresh()):
            return False
        supervisor.ensure(self._home)
        return True
