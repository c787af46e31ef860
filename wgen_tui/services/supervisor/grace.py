"""The time of grace: how long what was told to stop has to save, before it is killed."""

from __future__ import annotations

import time
from collections.abc import Container


class GracePeriod:
    """Since when each launch is to end. Not in a file: a new supervisor gives the time again."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def is_over(self, launch_id: str, seconds: float) -> bool:
        """Whether a launch has had its time, which begins with the first call for it."""
        since = self._since.setdefault(launch_id, time.monotonic())
        return time.monotonic() - since > seconds

    def cancel(self, launch_id: str) -> None:
        """Start the time again, should it be asked for again: the launch need not end."""
        self._since.pop(launch_id, None)

    def keep_only(self, launch_ids: Container[str]) -> None:
        """Forget launches that are gone."""
        self._since = {name: at for name, at in self._since.items() if name in launch_ids}
