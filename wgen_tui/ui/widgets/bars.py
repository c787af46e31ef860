"""The bar above (the screens) and the bar below (the keys)."""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text
from textual.widgets import Static

from wgen_tui.ui.actions import GLOBAL, Action, of_scope, title

SCREENS = ("experiments", "runs", "samples", "grade", "results", "sql")


class TopBar(Static):
    """The screens by number, the present one in brackets; and whether all is read-only."""

    def __init__(self, scope: str, readonly: bool) -> None:
        super().__init__(id="top")
        self._scope = scope
        self._readonly = readonly

    def render(self) -> Text:
        text = Text(no_wrap=True, overflow="ellipsis")
        for number, name in enumerate(SCREENS, 1):
            label = title(name)
            here = name == self._scope
            text.append(
                f"[{number} {label}]" if here else f" {number} {label} ", "bold" if here else ""
            )
        if self._readonly:
            text.append("  READ-ONLY", "bold yellow")
        return text


class KeyBar(Static):
    """The keys of the screen, as many as fit; help is always shown."""

    def __init__(self, scope: str, readonly: bool) -> None:
        super().__init__(id="keys")
        self._scope = scope
        self._readonly = readonly
        self._text: str | None = None

    def show_text(self, text: str | None) -> None:
        """Show `text` instead of the keys; None shows the keys again."""
        self._text = text
        self.refresh()

    def _actions(self) -> list[Action]:
        every = [*of_scope(self._scope), *of_scope(GLOBAL)]
        return [item for item in every if item.footer and not (item.writes and self._readonly)]

    def render(self) -> Text:
        text = Text(no_wrap=True, overflow="ellipsis")
        if self._text is not None:
            return text.append(self._text)
        listed = self._actions()
        help_action = next((action for action in listed if action.id == "help"), None)
        reserved = 0 if help_action is None else _cells(help_action) + 2
        for action in listed:
            if action is help_action:
                reserved = 0
            used = cell_len(text.plain)
            if used and used + _cells(action) + 2 + reserved > self.size.width:
                continue
            if text.plain:
                text.append("  ")
            text.append(action.shown_key, "bold")
            text.append(f" {action.label}", "dim")
        return text


def _cells(action: Action) -> int:
    return cell_len(f"{action.shown_key} {action.label}")
