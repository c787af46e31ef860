"""What a key does, whoever has it: the keymap, help, palette, and a word for a key without use.

Promises: a key that can do nothing says so; help and palette name every key that works, by the
name that it has now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from textual import events, work
from textual.app import App, SystemCommand
from textual.screen import Screen

from wgen_tui.errors import WgenError
from wgen_tui.paths import Home
from wgen_tui.terminal_text import printable
from wgen_tui.ui import actions, later, modals, services
from wgen_tui.ui.keymap import Keymap
from wgen_tui.ui.screens.base import BaseScreen
from wgen_tui.ui.widgets.bars import KeyBar
from wgen_tui.ui.widgets.pane import TextPane
from wgen_tui.ui.widgets.table import VirtualTable


class KeysApp(App[int]):
    """An application whose keys are looked up in one place.

    Attributes:
        home: Where everything is.
        readonly: Whether nothing may be changed.
        keymap: Which keys do what.
    """

    def __init__(self, home: Home, *, readonly: bool) -> None:
        super().__init__()
        self.home = home
        self.readonly = readonly
        self.keymap = Keymap()

    @work(thread=True, group="keys")
    def read_keys(self) -> None:
        """Take the keys that config.toml has."""
        try:
            table = services.config_file.read_config(self.home).get("keys", {})
        except WgenError as error:
            self.call_from_thread(self.use_keys, Keymap(), [str(error)])
            return
        if table:
            self.call_from_thread(self.use_keys, *later.keymap_table.read_keymap(table))

    def use_keys(self, keymap: Keymap, refused: list[str]) -> None:
        """Let these keys do what they say; say which were refused, and why."""
        self.keymap = keymap
        self.set_keymap(keymap.bindings())
        for line in self.screen.query(KeyBar):
            line.refresh()
        if refused:
            text = printable("\n".join(refused))
            self.notify(text, title="config.toml", severity="warning", markup=False, timeout=20)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """No cursor blinks, in no field of ours or of Textual's: a slow line would carry it."""
        field: Any = event.widget
        if getattr(field, "cursor_blink", False):
            field.cursor_blink = False
            field._pause_blink(visible=True)

    async def on_key(self, event: events.Key) -> None:
        """A key that nobody took: its binding, else a word that it has none."""
        event.prevent_default()  # of Textual, which asks the bindings and stays silent
        if not await self._check_bindings(event.key) and isinstance(self.screen, BaseScreen):
            name = actions.KEY_NAMES.get(event.key, event.key)
            self.screen.notify_plain(f"{name} does nothing here; ? shows the keys that do.")

    def action_focus_next(self) -> None:
        """The next panel; says so where there is no other."""
        self._focus(self.screen.focus_next)

    def action_focus_previous(self) -> None:
        """The panel before."""
        self._focus(self.screen.focus_previous)

    def _focus(self, move: Callable[[], object]) -> None:
        before = self.focused
        move()
        if self.focused is before and isinstance(self.screen, BaseScreen):
            self.screen.notify_plain("There is no other panel here.")

    def action_help_quit(self) -> None:
        """ctrl+c, which ends nothing: someone may have meant to copy."""
        if isinstance(self.screen, BaseScreen):
            self.screen.notify_plain("q quits; work continues.")

    def action_help(self) -> None:
        """The keys of the focused widget and of its screen."""
        if self.screen.is_modal:
            return
        self.push_screen(modals.HelpModal(self._help_groups(), self.readonly))

    def _help_groups(self) -> list[tuple[str, list[actions.Action]]]:
        groups: list[tuple[str, list[actions.Action]]] = []
        if isinstance(self.screen, BaseScreen):
            groups += self.screen.extra_help()
            scope = self.screen.SCOPE
            groups.append((actions.title(scope), self.keymap.of_scope(scope)))
        groups += self._focused_actions(self.screen)
        shared = [*self._shared_actions(self.screen), *self.keymap.of_scope(actions.GLOBAL)]
        groups.append(("Everywhere", shared))
        return groups

    def _focused_actions(self, screen: Screen[Any]) -> list[tuple[str, list[actions.Action]]]:
        """What the focused widget has for itself, with a heading."""
        focused = screen.focused
        groups = []
        if isinstance(focused, VirtualTable):
            groups.append(("In the list", self.keymap.of_scope(actions.TABLE)))
        if isinstance(focused, later.item_pane.ItemPane):
            groups.append(("In the answer", self.keymap.of_scope(actions.ITEM)))
        if isinstance(focused, later.choice_lines.ChoiceLines):
            groups.append(("In the facets", self.keymap.of_scope(actions.CHOICES)))
        if isinstance(focused, TextPane):
            groups.append(("In the text", self.keymap.of_scope(actions.TEXT)))
        bound = {binding.id for _, binding in focused._bindings} if focused is not None else set()
        return [(title, [a for a in group if a.binding_id in bound]) for title, group in groups]

    def _shared_actions(self, screen: Screen[Any]) -> list[actions.Action]:
        """What all screens have, where this one has no use of its own for the key."""
        bound = {binding.id for _, binding in screen._bindings}
        return [a for a in self.keymap.of_scope(actions.SCREENS) if a.binding_id in bound]

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: every action of the screen, of its focused panel, then the global ones."""
        offered: list[tuple[object, actions.Action]] = []
        if isinstance(screen, BaseScreen):
            own = [*self.keymap.of_scope(screen.SCOPE), *self._shared_actions(screen)]
            offered += [(screen, action) for action in own]
        focused = [action for _, group in self._focused_actions(screen) for action in group]
        offered += [(screen.focused, action) for action in focused]
        offered += [(self, action) for action in self.keymap.of_scope(actions.GLOBAL)]
        for target, action in offered:
            if action.id in ("command_palette", "back") or (action.writes and self.readonly):
                continue

            async def run(name: str = action.id, target: object = target) -> None:
                await self.run_action(name, target)  # type: ignore[arg-type]

            title = f"{action.label[:1].upper()}{action.label[1:]}  ({action.shown_key})"
            yield SystemCommand(title, action.help, run)
