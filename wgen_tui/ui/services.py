"""The services that the screens call; each is loaded when it is first used.

Promises: importing this loads no service, so the first frame waits for none of what they need
(DuckDB, Arrow, NumPy). `services.samples.search(…)` in a thread loads `services.data.samples`
there. To a type checker these are ordinary modules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = [
    "arm_starts",
    "at_random",
    "behind",
    "commit",
    "config_file",
    "control",
    "courses",
    "definitions",
    "glimpses",
    "gpus",
    "grade_report",
    "grading",
    "grading_plan",
    "headline",
    "headlines_file",
    "held_out",
    "lifecycle",
    "listing",
    "mistakes",
    "names",
    "notes",
    "plan",
    "plan_outlook",
    "preview",
    "provenance",
    "query_history",
    "queue",
    "results",
    "runs",
    "sample_tokens",
    "samples",
    "saved_views",
    "sql",
    "stamps",
    "status",
    "templates",
]

if TYPE_CHECKING:
    from wgen_tui.services import config_file
    from wgen_tui.services.control import control, status
    from wgen_tui.services.data import at_random, notes, query_history, samples, saved_views, sql
    from wgen_tui.services.estimate import plan_outlook
    from wgen_tui.services.experiments import definitions, listing, names
    from wgen_tui.services.experiments.authoring import arm_starts, mistakes, templates
    from wgen_tui.services.grading import grading_plan
    from wgen_tui.services.grading import report as grade_report
    from wgen_tui.services.grading import session as grading
    from wgen_tui.services.machine import gpus
    from wgen_tui.services.models import sample_tokens
    from wgen_tui.services.planning import commit, plan, preview
    from wgen_tui.services.results import behind, provenance, results
    from wgen_tui.services.results.kept import headline, headlines_file, stamps
    from wgen_tui.services.runs import queue, runs
    from wgen_tui.services.runs.measured import courses, glimpses, held_out
    from wgen_tui.services.supervisor import lifecycle
else:
    # In this branch alone: a type checker that saw `__getattr__` would let any name pass.
    from importlib import import_module
    from types import ModuleType

    MODULES = {
        "arm_starts": "experiments.authoring.arm_starts",
        "at_random": "data.at_random",
        "behind": "results.behind",
        "commit": "planning.commit",
        "config_file": "config_file",
        "control": "control.control",
        "courses": "runs.measured.courses",
        "definitions": "experiments.definitions",
        "glimpses": "runs.measured.glimpses",
        "grade_report": "grading.report",
        "gpus": "machine.gpus",
        "grading": "grading.session",
        "grading_plan": "grading.grading_plan",
        "held_out": "runs.measured.held_out",
        "headline": "results.kept.headline",
        "headlines_file": "results.kept.headlines_file",
        "lifecycle": "supervisor.lifecycle",
        "listing": "experiments.listing",
        "mistakes": "experiments.authoring.mistakes",
        "names": "experiments.names",
        "notes": "data.notes",
        "plan": "planning.plan",
        "plan_outlook": "estimate.plan_outlook",
        "preview": "planning.preview",
        "provenance": "results.provenance",
        "query_history": "data.query_history",
        "queue": "runs.queue",
        "results": "results.results",
        "runs": "runs.runs",
        "sample_tokens": "models.sample_tokens",
        "samples": "data.samples",
        "saved_views": "data.saved_views",
        "sql": "data.sql",
        "stamps": "results.kept.stamps",
        "status": "control.status",
        "templates": "experiments.authoring.templates",
    }

    def __getattr__(name: str) -> ModuleType:
        """Load a service (PEP 562)."""
        if name not in MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return import_module(f"wgen_tui.services.{MODULES[name]}")
