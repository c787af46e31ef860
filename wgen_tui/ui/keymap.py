"""Which keys do what: the actions' own, and what `[keys]` of config.toml puts in their place.

    [keys]
    samples.filter = "ctrl+f"
    screens.zoom = ["Z", "f8"]

Promises: a key means one thing wherever it works (`keymap_table` reads the table).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from wgen_tui.ui import actions
from wgen_tui.ui.actions import Action


@dataclass(frozen=True)
class Keymap:
    """The keys that were put in the place of others.

    Attributes:
        keys: An action's name → its keys, as Textual names them, with commas between.
    """

    keys: Mapping[str, str] = field(default_factory=dict)

    def of_scope(self, scope: str) -> list[Action]:
        """The actions of one scope, in order, each with the keys that it has now."""
        return [self._with_keys(action) for action in actions.of_scope(scope)]

    def _with_keys(self, action: Action) -> Action:
        keys = self.keys.get(action.name)
        return action if keys is None else replace(action, key=keys)

    def bindings(self) -> dict[str, str]:
        """Textual's keymap: a binding's id → its keys."""
        ids = {action.name: action.binding_id for action in actions.ACTIONS}
        return {ids[name]: keys for name, keys in self.keys.items()}
