"""A text to be judged: a key of its own judges it before that key can mean anything else."""

from __future__ import annotations

from textual import events
from textual.geometry import Size
from textual.message import Message

from wgen_tui.ui import actions
from wgen_tui.ui.widgets.pane import TextPane


class ItemPane(TextPane):
    """The text, and the keys that judge it."""

    BINDINGS = actions.bindings(actions.ITEM)
    _awaits = False  # each item begins at its top

    class Graded(Message):
        def __init__(self, label: str) -> None:
            super().__init__()
            self.label = label

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self.keys: dict[str, str] = {}

    def on_key(self, event: events.Key) -> None:
        label = self.keys.get(event.key) or self.keys.get(event.character or "")
        if label is not None:
            event.stop()
            event.prevent_default()
            self.post_message(self.Graded(label))

    class Resized(Message):
        """It has another size."""

    @property
    def text_size(self) -> Size:
        """Cells and lines for a text, without a scrollbar."""
        return Size(max(self.outer_size.width - 2, 1), self.outer_size.height)

    def on_resize(self) -> None:
        self.post_message(self.Resized())
