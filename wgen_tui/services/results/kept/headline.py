"""The headline of an experiment, for a list: its first planned difference, or its first rate.

Promises: computed once for what is on disk; asking again costs the stat of its runs' folders. From
any thread, one after the other; an experiment without results has None.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from experiments.folders import FILE
from experiments.seen_files import stamp as file_stamp
from wgen_tui.errors import BusyError, WgenError
from wgen_tui.paths import Home
from wgen_tui.services.experiments.names import ExperimentInfo
from wgen_tui.services.results import results

if TYPE_CHECKING:
    from wgen_tui.services.measures.rate_rows import ContrastResult, Rate


@dataclass(frozen=True, slots=True)
class Headline:
    """What a list says of an experiment.

    Attributes:
        name: What is compared, or the arm.
        arm: Whose it is.
        metric: Of what.
        value: A difference or a rate, with its interval where it has one.
        is_difference: Which of the two.
        unit: `share` or `mean`.
    """

    name: str
    arm: str
    metric: str
    value: float
    low: float | None
    high: float | None
    n: int
    is_difference: bool
    unit: str


Stamp = tuple[results.Stamp, object]
_kept: dict[tuple[Path, str], tuple[Stamp, Headline | None]] = {}
_lock = Lock()


def headline(home: Home, info: ExperimentInfo) -> Headline | None:
    """The newest headline of an experiment; None while it has none."""
    with _lock:
        now = results.stamp(home, info.slug), file_stamp(info.path / FILE)
        kept = _kept.get((home.root, info.slug))
        if kept is not None and kept[0] == now:
            return kept[1]
        try:
            made = _first(results.compute(home, info.slug, by=()))
        except BusyError:
            return kept[1] if kept is not None else None
        except WgenError:
            made = None  # Results says why: a list has no place for it
        _kept[home.root, info.slug] = now, made
        return made


def _first(computed: results.Results) -> Headline | None:
    """The first planned difference that there is, else the first treatment's rate."""
    for item in computed.contrasts:
        if _is_whole(item) and item.difference is not None:
            return _headline(item.name, item, item.difference, is_difference=True)
    whole = [r for r in computed.rates if _is_whole(r) and r.seed is None and r.rate is not None]
    for rate in sorted(whole, key=lambda rate: rate.role != "treatment"):
        return _headline(rate.arm, rate, rate.rate or 0.0, is_difference=False)
    return None


def _is_whole(row: Rate | ContrastResult) -> bool:
    return row.question is None and row.variant is None


def _headline(
    name: str, row: Rate | ContrastResult, value: float, *, is_difference: bool
) -> Headline:
    return Headline(
        name=name,
        arm=row.arm,
        metric=row.metric,
        value=value,
        low=row.low,
        high=row.high,
        n=row.n,
        is_difference=is_difference,
        unit=row.unit,
    )
