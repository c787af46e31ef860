"""An empty Textual application, a line and a footer: what the screens are held against."""

from __future__ import annotations

from typing import ClassVar

from textual.app import App, ComposeResult
from textual.widgets import Footer, Static


class EmptyApp(App[None]):
    """One line."""

    BINDINGS: ClassVar = [("q", "quit", "Quit")]

    def compose(self) -> ComposeResult:
        yield Static("first frame here")
        yield Footer()


if __name__ == "__main__":
    EmptyApp().run()
