"""What `[keys]` of config.toml makes of the keymap.

Promises: what cannot be taken keeps its own key and is named, with the nearest right name or with
what has the key already; the first frame does not wait for this.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from textual.keys import _character_to_key

from experiments.suggest import nearest
from wgen_tui.errors import UsageError
from wgen_tui.ui import actions
from wgen_tui.ui.actions import Action
from wgen_tui.ui.key_names import key_of
from wgen_tui.ui.keymap import Keymap

EVERYWHERE = (actions.GLOBAL, actions.SCREENS)
WIDGETS = (actions.TABLE, actions.TEXT, actions.ITEM, actions.CHOICES)


def read_keymap(table: object) -> tuple[Keymap, list[str]]:
    """The keymap of a `[keys]` table, and what in it could not be taken, in words."""
    if not isinstance(table, dict):
        return Keymap(), ["keys: is not a table. Write [keys] above its names."]
    known = {action.name: action for action in actions.ACTIONS}
    taken: dict[str, str] = {}
    refused: list[str] = []
    for name, value in _flat(table):
        if name not in known:
            near = nearest(name, known)
            hint = f"Did you mean {near}?" if near else "docs/keys.md has them all."
            refused.append(f"keys.{name}: there is no such action. {hint}")
            continue
        try:
            taken[name] = _keys(value)
        except UsageError as error:
            refused.append(f"keys.{name}: {error.message} {error.hint}".rstrip())
    while (clash := _clash(taken, known)) is not None:
        name, key, other = clash
        shown = replace(known[name], key=key).shown_key
        refused.append(
            f"keys.{name}: {shown} is taken by {other.name} ({other.label}); "
            f"{known[name].shown_keys} stays."
        )
        del taken[name]
    return Keymap(taken), refused


def _flat(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Names with dots and tables in tables are the same."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield before + name, value


def _keys(value: object) -> str:
    """Textual's names of the keys that a person wrote.

    Raises:
        UsageError: it is no key.
    """
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not listed or not all(isinstance(k, str) for k in listed):
        raise UsageError("is not a key.", hint='Write "ctrl+f", or ["ctrl+f", "f8"] for two.')
    names = []
    for written in listed:
        key = key_of(written.strip() if len(written) > 1 else written)
        names.append(_character_to_key(key) if len(key) == 1 else key)
    return ",".join(dict.fromkeys(names))


def _clash(taken: Mapping[str, str], known: Mapping[str, Action]) -> tuple[str, str, Action] | None:
    """The last of the keys that are new to their action, and mean another where they would work."""
    for name in reversed(list(taken)):
        own = set(taken[name].split(",")) - set(known[name].key.split(","))
        for other in known.values():
            if other.name == name or not _meet(known[name].scope, other.scope):
                continue
            theirs = taken.get(other.name, other.key).split(",")
            if shared := [key for key in theirs if key in own]:
                return name, shared[0], other
    return None


def _meet(one: str, other: str) -> bool:
    """Whether keys of these scopes work at the same time."""
    if one == other or one in EVERYWHERE or other in EVERYWHERE:
        return True
    return (one in WIDGETS) != (other in WIDGETS)
