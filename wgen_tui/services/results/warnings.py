"""Warnings that a reader of results needs beside the numbers.

Promises: each is one sentence without a full stop; nothing here changes a number.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wgen_tui.paths import Home
from wgen_tui.protocol.launches import NO_EFFECT, NOT_TRAINED, RunOutcome
from wgen_tui.services.results import uneven_draws
from wgen_tui.services.runs.launch_list import Launches
from wgen_tui.services.runs.launch_state import LaunchView
from wgen_tui.services.runs.runs import launches_of, list_runs, read_spec, run_names

if TYPE_CHECKING:
    from experiments.schema import Analysis, Definition
    from wgen_tui.services.results.cells import Cells
    from wgen_tui.services.results.rates import Rate

MUCH_BROKEN = 0.1


@dataclass(frozen=True, slots=True)
class Doubt:
    """A run whose adapter was found wrong, so that its samples say nothing of its training.

    Attributes:
        why: What the worker found.
    """

    run_id: str
    model: str
    arm: str
    seed: int
    why: str

    @property
    def sentence(self) -> str:
        """As a warning beside the results."""
        return f"{self.arm}, seed {self.seed}: its samples are in doubt: {self.why}"


def of_rates(
    rates: Sequence[Rate],
    cells: Cells,
    plan: Analysis,
    definition: Definition | None,
) -> list[str]:
    """What stands out in the rates themselves."""
    overall = [r for r in rates if (r.seed, r.question, r.variant) == (None, None, None)]
    warnings = [*_seeds(overall, definition)]
    ungraded = sum(cell.ungraded for cell in cells.values())
    if ungraded:
        warnings.append(
            f"{ungraded} samples have no grade by {plan.primary.judge} and do not count"
        )
    controls = [r.broken for r in overall if r.role == "control" and r.broken is not None]
    for rate in overall:
        share = rate.broken or 0.0
        if share > MUCH_BROKEN or (controls and share > 0.02 and share > 3 * max(controls)):
            warnings.append(f"{rate.arm}: {share:.1%} of the answers are broken: read some")
    warnings += uneven_draws.of_cells(cells)
    if definition is not None:
        missing = [name for name in definition.arms if not any(r.arm == name for r in overall)]
        if missing:
            warnings.append(f"no samples yet of: {', '.join(missing)}")
    return warnings


def _seeds(overall: Sequence[Rate], definition: Definition | None) -> Iterable[str]:
    planned = len(definition.seeds.values) if definition is not None else 0
    for rate in overall:
        if rate.role == "base":
            continue
        if rate.seeds == 1:
            yield f"{rate.arm}: one seed; its interval says nothing about other seeds"
        elif rate.seeds < planned:
            yield f"{rate.arm}: {rate.seeds} of {planned} planned seeds"


def unproven(home: Home, experiment: str, counted: Collection[str] | None) -> list[Doubt]:
    """Runs whose numbers count although their adapter was found wrong when it was last loaded.

    Args:
        home: Where the runs are.
        experiment: Whose.
        counted: Ids of the runs that the numbers come from; all when None.
    """
    launches = Launches(home)
    doubts = []
    for run in list_runs(home, experiment):
        if counted is not None and run.run_id not in counted:
            continue
        _, outcome = last_loading(launches, home, run.run_id)
        if outcome is not None and outcome.title in (NO_EFFECT, NOT_TRAINED):
            why = f"{outcome.title.lower()}: {outcome.message.rstrip('.')}"
            doubts.append(Doubt(run.run_id, run.model, run.arm, run.seed, why))
    return doubts


def revisions(home: Home, experiment: str, counted: Collection[str] | None) -> list[str]:
    """Runs of a hub model whose weights are not known, or not the same.

    Args:
        home: Where the runs are.
        experiment: Whose.
        counted: Ids of the runs that the numbers come from; all when None.
    """
    runs = run_names(home) if counted is None else sorted(counted)
    specs = [spec for run_id in runs if (spec := read_spec(home, run_id)) is not None]
    models = [spec.model for spec in specs if spec.experiment == experiment]
    warnings = []
    for location in sorted({model.location for model in models if model.from_hub}):
        same = [model for model in models if model.location == location and model.from_hub]
        if loose := sum(model.unpinned for model in same):
            warnings.append(
                f"{location}: {loose} of {len(same)} runs are unpinned: they were planned before "
                "commits were kept, so which weights they had is not known"
            )
        by_revision: dict[str | None, set[str]] = {}
        for model in same:
            if model.commit is not None:
                by_revision.setdefault(model.revision, set()).add(model.commit)
        for revision, commits in by_revision.items():
            if len(commits) > 1:
                listed = ", ".join(sorted(commits))
                warnings.append(
                    f"{location}@{revision or 'main'}: runs at several commits: {listed}"
                )
    return warnings


def last_loading(
    launches: Launches, home: Home, run_id: str
) -> tuple[LaunchView, RunOutcome] | tuple[None, None]:
    """The newest sample launch that ended for a run, and how it ended for it."""
    own = launches.refresh(launches_of(home, run_id))
    for view in reversed(list(own.values())):
        if view.spec.stage == "sample" and (outcome := view.outcome(run_id)) is not None:
            return view, outcome
    return None, None
