"""The demonstration: the ordinary services on one built-in definition.

Promises: nothing here is special to the demo but which definition it takes; `start_afresh` deletes
that experiment's runs and no others.
"""

from __future__ import annotations

from dataclasses import dataclass

from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.planning.plan import Plan
from wgen_tui.services.runs import runs

SLUG = "tiny-old-bird-names"


@dataclass(frozen=True, slots=True)
class Reuse:
    """What of a plan is done already."""

    trained: int
    to_train: int
    samples: int
    samples_total: int

    @property
    def any(self) -> bool:
        return bool(self.trained or self.samples)


def reuse(plan: Plan) -> Reuse:
    """Count what a plan need not do again."""
    tuned = [run for run in plan.runs if run.spec.training is not None]
    return Reuse(
        trained=sum("train" not in run.todo and not run.after for run in tuned),
        to_train=len(tuned),
        samples=sum(run.samples_total - run.samples_missing for run in plan.runs),
        samples_total=sum(run.samples_total for run in plan.runs),
    )


def start_afresh(home: Home) -> int:
    """Delete the demo's runs; returns how many.

    Raises:
        UsageError: some of them are live; nothing was deleted.
    """
    there = runs.list_runs(home, SLUG)
    live = [run for run in there if run.live]
    if live:
        raise UsageError(
            f"{len(live)} runs of {SLUG} are live, for instance {live[0].run_id}.",
            title="The demo is under way",
            hint=f"Leave out --fresh to follow it, or: wgen-tui run cancel --experiment {SLUG}",
        )
    runs.remove(home, *(run.run_id for run in there))
    return len(there)
