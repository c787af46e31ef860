"""Published figures beside ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wgen_tui.cli.output import NOTHING, table
from wgen_tui.cli.result_tables.layout import is_wide, tell_below
from wgen_tui.services.measures.rate_words import amount

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wgen_tui.services.rates.published import PublishedBeside


def show_published(given: Sequence[PublishedBeside]) -> None:
    """Print a line for each figure of one measure; from where they are stands below, numbered."""
    shown, wide = amount(given[0].unit), is_wide()
    several = len({row.model for row in given if row.model}) > 1
    sources = list(dict.fromkeys(_source(row) for row in given))
    steps = len({row.checkpoint for row in given if row.checkpoint is not None}) > 1
    head = [*(["model"] if several else []), "arm", *(["step"] if steps else []), "asked"]
    table(
        [
            *head,
            "published",
            *(["n there"] if wide else []),
            "ours",
            "95%",
            *(["n"] if wide else []),
        ],
        [
            (
                *([row.model] if several else []),
                *(row.arm, *([row.checkpoint] if steps else [])),
                row.question or row.variant or "all",
                f"{_published(row)} [{sources.index(_source(row)) + 1}]",
                *([row.published_n] if wide else []),
                *(shown(row.rate), _between(row)),
                *([row.n] if wide else []),
            )
            for row in given
        ],
        title=f"{given[0].metric}: published figures beside ours",
    )
    for number, source in enumerate(sources, 1):
        tell_below(f"[{number}] {source}")


def _published(row: PublishedBeside) -> str:
    shown = amount(row.unit)
    if row.published_low is None:
        return shown(row.published)
    return f"{shown(row.published)} ({shown(row.published_low)} to {shown(row.published_high)})"


def _between(row: PublishedBeside) -> str:
    shown = amount(row.unit)
    return NOTHING if row.low is None else f"{shown(row.low)} to {shown(row.high)}"


def _source(row: PublishedBeside) -> str:
    return "; ".join(filter(None, (row.source, row.published_model, row.note)))
