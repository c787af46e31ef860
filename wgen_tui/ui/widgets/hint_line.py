"""The line of a dialog that names its keys, each of which can be clicked."""

from __future__ import annotations

from rich.text import Text

from wgen_tui.ui.widgets.bars import Clickable

NAMES = {"esc": "escape"}  # of keys that are written otherwise than they are called
WORDS = ("enter", "space", "tab", "backspace", "esc")


class HintLine(Clickable):
    """Keys with what they do, such as `enter writes it · esc cancels`, behind a title if any.

    A click on one is as the key; arrows and pairs such as `j k` are only named.
    """

    def __init__(self, keys: str, *, title: str = "", style: str = "dim") -> None:
        """Name them.

        Args:
            keys: Each with what it does, ` · ` between them.
            title: Stands before them, in bold.
            style: Of the keys.
        """
        super().__init__(id="hints")
        self._title = title
        self._keys = keys
        self._style = style

    def show(self, keys: str, title: str = "") -> None:
        """Name others."""
        self._keys, self._title = keys, title
        self.refresh()

    def render(self) -> Text:
        text = Text().append(self._title, "bold")
        self._places = []
        for number, piece in enumerate(self._keys.split(" · ")):
            text.append((" " if self._title else "") if number == 0 else " · ", "dim")
            first, _, rest = piece.partition(" ")
            known = first in WORDS or first.startswith("ctrl+")
            if known or (len(first) == 1 and first.isalpha() and len(rest.split(" ")[0]) > 1):
                label = [(first, self._style), (f" {rest}".rstrip(), "dim")]
                self._append(text, label, NAMES.get(first, first))
            else:
                text.append(piece, "dim")
        return text
