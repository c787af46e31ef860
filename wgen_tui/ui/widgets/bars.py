"""The bar above (the screens, and what is true everywhere) and the two lines below (message, keys).

Promises: a tab and a named key can be clicked, and do what the key does, also while a text is
being written; of the keys, as many are named as fit, none is cut, none would be a letter of that
text, and help is the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.keys import Keys
from textual.widgets import Static

from wgen_tui.terminal_text import printable
from wgen_tui.ui import state
from wgen_tui.ui.actions import GLOBAL, SCREENS, TABLE, Action, title
from wgen_tui.ui.state.cells import BAD, DIM, WARN

if TYPE_CHECKING:
    from textual.timer import Timer
    from textual.widget import Widget

    from wgen_tui.ui.app import WgenApp
    from wgen_tui.ui.state.shared.app_bar import Everywhere

TABS = ("experiments", "runs", "samples", "grade", "results", "sql")
HELP = "help"
TYPES_NOTHING = {key.value for key in Keys} - {"space"}  # of the keys without ctrl or alt
SPACED_FROM = 66  # columns from which on there is a blank before each tab
SAID = 8.0  # seconds that a message without an error stays
STYLES = {"error": f"bold {BAD}", "warning": WARN, "information": ""}


class Clickable(Static):
    """A line of texts that do something."""

    def __init__(self, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id, markup=False)
        self._places: list[tuple[int, int, str]] = []  # from, to, what it does

    def _append(self, text: Text, label: Sequence[tuple[str, str]], does: str) -> None:
        start = cell_len(text.plain)
        for part, style in label:
            text.append(part, style)
        self._places.append((start, cell_len(text.plain), does))

    async def on_click(self, event: events.Click) -> None:
        for start, end, does in self._places:
            if start <= event.x - self.styles.padding.left < end:
                event.stop()
                await self._do(does)
                return

    async def _do(self, what: str) -> None:
        """Press a key."""
        self.app.simulate_key(what)


class TopBar(Clickable):
    """The screens by number, the present one reversed; right, what is true everywhere."""

    def __init__(self, scope: str, readonly: bool) -> None:
        super().__init__(id="top")
        self._scope = scope
        self._readonly = readonly
        self._now: Everywhere | None = None
        self._experiment: str | None = None

    def show(self, now: Everywhere | None, experiment: str | None) -> None:
        """Show this of everything; None keeps what is shown."""
        before = (self._now, self._experiment)
        self._now, self._experiment = now or self._now, experiment
        if before != (self._now, self._experiment):
            self.refresh()

    def render(self) -> Text:
        text = Text(no_wrap=True, overflow="crop")
        self._places = []
        spaced = self.size.width >= SPACED_FROM
        for number, name in enumerate(TABS, 1):
            here = name == self._scope
            label = f" {number} {title(name)} "[0 if spaced else 1 :]
            self._append(text, [(label, "bold reverse" if here else "")], name)
        width = self.size.width - cell_len(text.plain) - 2
        right = self._right_side(width)
        gap = self.size.width - cell_len(text.plain) - cell_len(right.plain) - 1
        return text.append(" " * max(gap, 1)).append_text(right)

    async def _do(self, what: str) -> None:
        """Go to a screen; its digit would be written into a text that has the keys."""
        cast("WgenApp", self.app).action_go(what)

    def _right_side(self, width: int) -> Text:
        if self._now is None and self._experiment is None and not self._readonly:
            return Text()  # as in the first frame, which does not wait for the module
        now = self._now or state.app_bar.Everywhere()
        return state.app_bar.right_side(now, self._experiment, width, readonly=self._readonly)


class MessageLine(Static):
    """What a key did. An error stays until the next key; the rest goes after a while, too.

    Attributes:
        said: What is said now, without its title.
    """

    def __init__(self) -> None:
        super().__init__("", id="message", markup=False)
        self._fading: Timer | None = None
        self.said = ""

    def say(self, text: str, title: str = "", severity: str = "information") -> None:
        """Say it in the place of what was said before."""
        line = Text()
        style = STYLES[severity]
        if title:
            line.append(f"{printable(title)}: ", style or "bold")
        line.append(printable(text).strip(), style if severity == "error" else "")
        self._show(line)
        self.said = printable(text).strip()
        if severity == "information":
            self._fading = self.set_timer(SAID, self.clear)

    def clear(self) -> None:
        """Say nothing."""
        if self.said:
            self._show(Text())
            self.said = ""

    def _show(self, line: Text) -> None:
        if self._fading is not None:
            self._fading.stop()
            self._fading = None
        long = "\n" in line.plain or cell_len(line.plain) > self.size.width
        relaid = long or self.has_class("-long")
        self.set_class(long, "-long")
        self.update(line, layout=relaid)


def say(widget: Widget, text: str) -> None:
    """Say in the message line of a widget's screen why a key does nothing."""
    for line in widget.screen.query(MessageLine):
        line.say(text)


class KeyBar(Clickable):
    """The keys of the focused panel, as many as fit; help is always shown."""

    def __init__(self, scope: str, readonly: bool) -> None:
        super().__init__(id="keys")
        self._scope = scope
        self._readonly = readonly
        self._enter: str | None = None  # what it was said to do

    def on_mount(self) -> None:
        self.watch(self.screen, "focused", self._focus_moved, init=False)

    def _focus_moved(self) -> None:
        self.refresh()

    def name_enter(self) -> None:
        """Name anew what enter does, if that is another thing by now."""
        focused = self.screen.focused
        panel = (focused.id or "") if focused is not None else ""
        if getattr(self.screen, "enter_label", lambda _: None)(panel) != self._enter:
            self.refresh()

    def _actions(self) -> list[Action]:
        """The keys of a text, or enter and the screen's; then those that work everywhere."""
        focused = self.screen.focused
        panel = (focused.id or "") if focused is not None else ""
        enter = self._enter = getattr(self.screen, "enter_label", lambda _: None)(panel)
        writing = getattr(self.screen, "writing_keys", lambda _: None)(panel)
        of_scope = cast("WgenApp", self.app).keymap.of_scope
        select = [replace(a, label=enter) for a in of_scope(TABLE) if a.id == "select" and enter]
        shared = [*of_scope(SCREENS), *of_scope(GLOBAL)]
        every = [*(writing or [*select, *of_scope(self._scope)]), *shared]
        listed = [
            item
            for item in every
            if (item.footer or item in select)
            and not (item.writes and self._readonly)
            and item.shown_in(panel)
        ]
        return _without_letters(listed) if writing else listed

    def render(self) -> Text:
        text = Text(no_wrap=True, overflow="crop")
        self._places = []
        listed = self._actions()
        helps = [action for action in listed if action.id == HELP]
        width = self.size.width
        reserved = sum(_cells(action) + 2 for action in helps)
        for action in listed:
            if action in helps:
                continue
            if cell_len(text.plain) + _cells(action) + reserved > width:
                break  # in order: a key that is named is more used than one that is not
            self._add(text, action)
            text.append("  ")
        for action in helps:
            text.append(" " * (width - cell_len(text.plain) - _cells(action)))
            self._add(text, action)
        return text

    def _add(self, text: Text, action: Action) -> None:
        self._append(
            text,
            [(action.shown_key, "bold"), (f" {action.label}", DIM)],
            action.key.split(",")[0],
        )


def _without_letters(actions: Sequence[Action]) -> list[Action]:
    """Those that have a key which writes nothing, by that key."""
    by_key = [
        replace(action, key=key)
        for action in actions
        for key in action.key.split(",")
        if "+" in key or key in TYPES_NOTHING
    ]
    return list({action.name: action for action in reversed(by_key)}.values())[::-1]


def _cells(action: Action) -> int:
    return cell_len(f"{action.shown_key} {action.label}")
