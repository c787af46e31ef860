"""The headline of an experiment, for a list: its first planned difference, or its first rate.

Promises: computed once for what is on disk, and kept for the next program (`headlines_file.py`).
From any thread, one after the other; an experiment without results has None.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from experiments import catalogue
from experiments.errors import DefinitionError
from experiments.seen_files import SeenFiles
from wgen_tui.errors import BusyError, WgenError
from wgen_tui.paths import Home
from wgen_tui.services.experiments.names import ExperimentInfo
from wgen_tui.services.results import results
from wgen_tui.services.results.kept import headlines_file
from wgen_tui.services.results.kept.headlines_file import WAY, Headline, Made

if TYPE_CHECKING:
    from wgen_tui.services.measures.rate_rows import ContrastResult, Rate

_lock = Lock()


def headline(home: Home, info: ExperimentInfo) -> Headline | None:
    """The newest headline of an experiment; None while it has none.

    Raises:
        BusyError: another program holds the database.
    """
    with _lock:
        known = headlines_file.current(home, [(info.slug, info.path)])
        if info.slug in known:
            return known[info.slug]
        data, files = headlines_file.data_of(home, info.slug), _files(home, info)
        try:
            made = _first(results.compute(home, info.slug, by=()))
        except BusyError:
            raise
        except WgenError:
            made = None  # Results says why: a list has no place for it
        headlines_file.keep(
            home,
            Made(
                way=WAY,
                experiment=info.slug,
                folder=str(info.path),
                data=data,
                files=files.noted,
                headline=made,
            ),
        )
        return made


def _files(home: Home, info: ExperimentInfo) -> SeenFiles:
    """What the definition is read from."""
    files = SeenFiles()
    try:
        catalogue.load(info.path, home.experiments, files)
    except DefinitionError:
        return files  # those of the mistake are among them
    return files


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
