"""What the tables of `results` share: how wide they may be, and how an interval is written."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from wgen_tui.cli.output import tell, wrapped_line
from wgen_tui.services.measures.rate_words import percent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wgen_tui.services.measures.rate_rows import ContrastResult, Rate
    from wgen_tui.services.rates.value_curve import ValueCurve
    from wgen_tui.services.results.readouts import Accuracy, ReadoutMean

WIDE = 110  # a narrower terminal shows less in a line, so that no number breaks over lines


def is_wide() -> bool:
    """Whether lines may be long: in a pipe always."""
    return not sys.stdout.isatty() or shutil.get_terminal_size().columns >= WIDE


def models_of(
    rows: Sequence[Rate | ContrastResult | ReadoutMean | Accuracy | ValueCurve],
) -> list[str]:
    """A column for the model, where there are several."""
    return ["model"] if len({row.model for row in rows}) > 1 else []


def between(
    row: Rate | ContrastResult | Accuracy, shown: Callable[[float | None], str] = percent
) -> str:
    """An interval, and where it says nothing about other seeds."""
    within = f" within {row.within}" if row.within else ""
    return f"{shown(row.low)} to {shown(row.high)}{within}"


def tell_below(text: str) -> None:
    """A line below a table, on stdout as that is; on a terminal it breaks between words."""
    terminal = sys.stdout.isatty()
    tell(wrapped_line(text, shutil.get_terminal_size().columns) if terminal else text)
