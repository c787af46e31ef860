"""The demonstration: the ordinary services on one built-in definition.

Promises: only the definition is special to the demo; `delete_demo_runs`
deletes that experiment's runs and no others.
"""

from __future__ import annotations

from dataclasses import dataclass

from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.experiments.names import DEMO
from wgen_tui.services.planning.plan import Plan
from wgen_tui.services.runs import runs
from wgen_tui.terminal_text import are, plural

SLUG = DEMO


@dataclass(frozen=True, slots=True)
class Reuse:
    """How much of a plan is done already."""

    trained: int
    to_train: int
    samples: int
    samples_total: int

    @property
    def any(self) -> bool:
        return bool(self.trained or self.samples)


def count_reuse(plan: Plan) -> Reuse:
    """Count the runs and samples that a plan can reuse."""
    adapters = [run for run in plan.runs if run.spec.training is not None]
    return Reuse(
        trained=sum("train" not in run.todo and not run.after for run in adapters),
        to_train=len(adapters),
        samples=sum(run.samples_total - run.samples_missing for run in plan.runs),
        samples_total=sum(run.samples_total for run in plan.runs),
    )


def delete_demo_runs(home: Home) -> int:
    """Delete the demo's runs, and return how many there were.

    Raises:
        UsageError: some of them are live; nothing was deleted.
    """
    demo_runs = runs.list_runs(home, SLUG)
    live = [run for run in demo_runs if run.live]
    if live:
        raise UsageError(
            f"{plural(len(live), 'run')} of {SLUG} {are(len(live))} live: {live[0].run_id}.",
            title="The demo is running",
            hint=f"Leave out --fresh to follow it, or: wgen-tui run cancel --experiment {SLUG}",
        )
    runs.remove(home, *(run.run_id for run in demo_runs))
    return len(demo_runs)
