"""Dialogs over a screen; each returns an answer, or None for esc.

Promises: a dialog's module is loaded when the dialog is first asked for (`modals.AskModal(…)`), so
the first frame waits for none. To a type checker these are ordinary names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = [
    "AskModal",
    "ChooseModal",
    "ConfirmModal",
    "FacetModal",
    "HelpModal",
    "NewModal",
    "PickModal",
    "PlanModal",
    "QueryModal",
    "RowModal",
    "StartModal",
    "ViewsModal",
]

if TYPE_CHECKING:
    from wgen_tui.ui.modals.dialogs import (
        AskModal,
        ChooseModal,
        ConfirmModal,
        HelpModal,
        PickModal,
    )
    from wgen_tui.ui.modals.facets import FacetModal
    from wgen_tui.ui.modals.grading_plan import PlanModal
    from wgen_tui.ui.modals.new_experiment import NewModal
    from wgen_tui.ui.modals.queries import QueryModal
    from wgen_tui.ui.modals.row import RowModal
    from wgen_tui.ui.modals.start import StartModal
    from wgen_tui.ui.modals.views import ViewsModal
else:
    # In this branch alone: a type checker that saw `__getattr__` would let any name pass.
    from importlib import import_module

    MODULES = dict.fromkeys(__all__, "dialogs") | {
        "FacetModal": "facets",
        "NewModal": "new_experiment",
        "PlanModal": "grading_plan",
        "QueryModal": "queries",
        "RowModal": "row",
        "StartModal": "start",
        "ViewsModal": "views",
    }

    def __getattr__(name: str) -> type:
        """Load a dialog (PEP 562)."""
        if name not in MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"wgen_tui.ui.modals.{MODULES[name]}"), name)
