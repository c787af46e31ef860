"""One thing that a key does: its name, key, words, and where it works.

Promises: an action's `name` never changes, since a user's keymap may have it.
"""

from __future__ import annotations

from dataclasses import dataclass

GLOBAL = "global"
SCREENS = "screens"
TABLE = "table"
TEXT = "text"
ITEM = "item"
CHOICES = "choices"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do.

    Attributes:
        id: Stable; also the method `action_<id>` of what its scope names.
        key: Textual's key names, separated by commas.
        label: Two words for footer and palette.
        scope: `global`, `screens` (on each of the six), `table`, `text`, `item` (a text to be
            judged), `choices` (values on lines), or a screen's name.
        help: A sentence for `?` and the palette.
        writes: Whether it changes the home; refused under --readonly.
        footer: Whether the footer names it.
        priority: Whether it also works while a text is being edited.
        panels: Ids of the panels whose key line names it; empty for every panel of the screen.
    """

    id: str
    key: str
    label: str
    scope: str
    help: str
    writes: bool = False
    footer: bool = True
    priority: bool = False
    panels: tuple[str, ...] = ()

    def shown_in(self, panel: str) -> bool:
        """Whether the key line names it while this panel has the keys."""
        return not self.panels or panel in self.panels

    @property
    def name(self) -> str:
        """What config.toml calls it: `samples.question_next`."""
        method, _, given = self.id.partition("(")
        given = given.rstrip(")").strip("'")
        end = {"1": "_next", "-1": "_before", "": ""}.get(given, f"_{given}")
        return f"{self.scope}.{method}{end}"

    @property
    def binding_id(self) -> str:
        """The id of its binding."""
        return f"{self.scope}.{self.id}"

    @property
    def shown_key(self) -> str:
        """The key as a person would write it."""
        first = self.key.split(",")[0]
        return KEY_NAMES.get(first, first)

    @property
    def shown_keys(self) -> str:
        """All its keys."""
        names = (KEY_NAMES.get(key, key) for key in self.key.split(","))
        return " ".join(dict.fromkeys(names))


KEY_NAMES = {
    "question_mark": "?",
    "slash": "/",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "colon": ":",
    "upper_g": "G",
    "plus": "+",
    "minus": "-",
    "escape": "esc",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "equals_sign": "=",
    "asterisk": "*",
}
