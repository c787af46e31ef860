"""Warnings of runs in one comparison that were not given the same: mask versions, template dates.

Promises: read from the runs' specs alone; nothing here changes a number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from wgen_tui.paths import Home
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.services.runs.runs import read_spec, run_names
from wgen_tui.training_data.mask_version import DIFFERENCE


def of_runs(home: Home, experiment: str, counted: Collection[str] | None) -> list[str]:
    """What is unlike in the runs that the numbers come from; all of the experiment when None."""
    names = run_names(home) if counted is None else sorted(counted)
    specs = [spec for name in names if (spec := read_spec(home, name)) is not None]
    mine = [spec for spec in specs if spec.experiment == experiment]
    return [*_mask_versions(mine), *_dates(mine)]


def _mask_versions(specs: Sequence[RunSpec]) -> Iterable[str]:
    counts = Counter(spec.mask_version for spec in specs if spec.training is not None)
    if len(counts) > 1:
        told = " and ".join(f"{count} of version {n}" for n, count in sorted(counts.items()))
        yield f"loss masks of several versions are compared, {told} (runs): {DIFFERENCE}"


def _dates(specs: Sequence[RunSpec]) -> Iterable[str]:
    for model in sorted({spec.model.name for spec in specs}):
        same = [spec for spec in specs if spec.model.name == model]
        counts = Counter(spec.template_date for spec in same if spec.template_date is not None)
        if len(counts) > 1:
            told = " and ".join(f"{day} ({count} runs)" for day, count in sorted(counts.items()))
            yield f"{model}: the chat template told several dates: {told}"
