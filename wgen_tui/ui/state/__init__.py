"""View models: what the screens show, as plain text and cells, without Textual.

Promises: what the first screen needs only once it has rows is loaded when it is first used
(`state.experiments.rows(…)`), so the first frame waits for none of it. To a type checker these are
ordinary modules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = [
    "app_bar",
    "experiment_card",
    "experiment_rows",
    "experiments",
    "headlines",
    "preview",
]

if TYPE_CHECKING:
    from wgen_tui.ui.state import (
        experiment_card,
        experiment_rows,
        experiments,
        headlines,
        preview,
    )
    from wgen_tui.ui.state.shared import app_bar
else:
    # In this branch alone: a type checker that saw `__getattr__` would let any name pass.
    from importlib import import_module
    from types import ModuleType

    MODULES = {
        "app_bar": "shared.app_bar",
        "experiment_card": "experiment_card",
        "experiment_rows": "experiment_rows",
        "experiments": "experiments",
        "headlines": "headlines",
        "preview": "preview",
    }

    def __getattr__(name: str) -> ModuleType:
        """Load a view model (PEP 562)."""
        if name not in MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return import_module(f"wgen_tui.ui.state.{MODULES[name]}")
