"""Rates by context: each arm in each, beside none, with the difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wgen_tui.cli.output import NOTHING, table
from wgen_tui.cli.result_tables.layout import is_wide, tell_below
from wgen_tui.services.measures.rate_words import amount, chance, points, signed

if TYPE_CHECKING:
    from collections.abc import Callable

    from wgen_tui.services.rates.by_context import ContextRow, ContextTable

PLACES = {"training": "before its training rows", "evaluation": "before the questions"}


def show_contexts(given: ContextTable, *, several_models: bool) -> None:
    """Print a line for each context, none first."""
    shown, is_mean = amount(given.unit), given.unit == "mean"
    gap = signed if is_mean else points
    of = [given.model] if several_models else []
    of += [given.arm, *([given.variant] if given.variant else [])]
    table(
        [
            *("context", "mode", *(["n"] if is_wide() else []), given.metric, "95%"),
            *("difference" if is_mean else "points", "95% of it", "p"),
        ],
        [_line(row, shown, gap) for row in given.rows],
        title=f"{' · '.join(of)}: contexts {PLACES[given.where]}",
    )
    cautions = dict.fromkeys(row.p_caution for row in given.rows if row.p_caution)
    for caution in cautions:
        tell_below(caution)


def _line(
    row: ContextRow, shown: Callable[[float | None], str], gap: Callable[[float | None], str]
) -> tuple[object, ...]:
    return (
        *(row.context or "none", row.mode or NOTHING),
        *([NOTHING if row.n is None else row.n] if is_wide() else []),
        *(shown(row.rate), _short(row, shown)),
        *(gap(row.difference), _between(row.difference_low, row.difference_high, gap)),
        chance(row.p),
    )


def _short(row: ContextRow, shown: Callable[[float | None], str]) -> str:
    """The interval of the rate in few cells; on a wide terminal as everywhere."""
    if is_wide() or row.low is None or row.high is None:
        return _between(row.low, row.high, shown)
    return f"{shown(row.low).rstrip('%')}–{shown(row.high)}"


def _between(low: float | None, high: float | None, shown: Callable[[float | None], str]) -> str:
    return NOTHING if low is None or high is None else f"{shown(low)} to {shown(high)}"
