"""Parts of the interface that no first frame shows; each is loaded when it is first used.

Promises: importing this loads none of them (`later.editor.command(…)` does). To a type checker
these are ordinary modules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["choice_lines", "clipboard", "editor", "item_pane", "keymap_table"]

if TYPE_CHECKING:
    from wgen_tui.ui import editor, keymap_table
    from wgen_tui.ui.widgets import choice_lines, clipboard, item_pane
else:
    # In this branch alone: a type checker that saw `__getattr__` would let any name pass.
    from importlib import import_module
    from types import ModuleType

    MODULES = {
        "choice_lines": "widgets.choice_lines",
        "clipboard": "widgets.clipboard",
        "editor": "editor",
        "item_pane": "widgets.item_pane",
        "keymap_table": "keymap_table",
    }

    def __getattr__(name: str) -> ModuleType:
        """Load a part (PEP 562)."""
        if name not in MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return import_module(f"wgen_tui.ui.{MODULES[name]}")
