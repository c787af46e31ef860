"""The status strip of queue and machine; drawn again only when its text changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.widgets import Static

from wgen_tui.ui.state import status as state

if TYPE_CHECKING:
    from wgen_tui.services.control.status import Status


class StatusStrip(Static):
    """The newest status, on as many lines as the terminal's size allows."""

    DEFAULT_CSS = """
    StatusStrip { height: auto; min-height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self, readonly: bool, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__("", id=id, markup=False)
        self._readonly = readonly
        self._status: Status | None = None
        self._supervisor_error = ""
        self._text = Text()

    def show(self, status: Status, supervisor_error: str = "") -> None:
        """Show a new status."""
        self._status, self._supervisor_error = status, supervisor_error
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        if self._status is None:
            return
        size = self.app.size
        text = state.strip(
            self._status,
            (size.width, size.height),
            readonly=self._readonly,
            supervisor_error=self._supervisor_error,
        )
        if text != self._text:
            lines = len(self._text.plain.splitlines()), len(text.plain.splitlines())
            self._text = text
            self.update(text, layout=lines[0] != lines[1])
