"""The headline of an experiment as a small bar in a list, and in words on its card.

Promises: the bar says nothing that the number beside it does not; without colour the arm's mark
stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from wgen_tui.terminal_text import printable
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.cells import BOLD, DIM, Cell, Span
from wgen_tui.ui.state.figures import axis
from wgen_tui.ui.state.figures.axis import DIFFERENCES, Estimate
from wgen_tui.ui.state.shared.arm_colours import ArmStyle

if TYPE_CHECKING:
    from wgen_tui.services.results.kept.headlines_file import Headline

BAR = 11  # cells: one for 20 points


def cells(headline: Headline, style: ArmStyle) -> tuple[Cell, Cell, Cell]:
    """Bar, number and n; of a mean no bar, since its axis would be another."""
    bar = ""
    if headline.unit == "share":
        estimate = Estimate(headline.value, headline.low, headline.high)
        bar = axis.drawn(estimate, BAR, DIFFERENCES, zero=0.0)
    text = f"{style.mark} {bar}"
    blank = tuple(Span(a + 2, b + 2, "not bold dim") for a, b in axis.bare(bar))
    muted = tuple(Span(a, b, f"default {s}") for a, b, s in blank)
    return Cell(text, style.colour, muted), Cell(_number(headline)), Cell(f"{headline.n:,}", DIM)


def _number(headline: Headline) -> str:
    if headline.unit != "share":
        return f"{headline.value:+.3g}" if headline.is_difference else f"{headline.value:.3g}"
    if headline.is_difference:
        return show.points(headline.value)
    return show.percent(headline.value)


def sentence(headline: Headline, style: ArmStyle) -> Text:
    """The same in words, with what it is of."""
    text = Text()
    text.append(f"{style.mark} ", style.colour)
    text.append(printable(f"{headline.name} "), BOLD)
    text.append(_number(headline), BOLD)
    points = headline.is_difference and headline.unit == "share"
    text.append(" points" if points else "")
    if headline.low is not None and headline.high is not None:
        text.append(f" [{_bound(headline, headline.low)}, {_bound(headline, headline.high)}]")
    return text.append(printable(f" · {headline.metric}, n {headline.n:,}"), DIM)


def _bound(headline: Headline, value: float) -> str:
    if headline.unit != "share":
        return f"{value:.3g}"
    return show.points(value) if headline.is_difference else f"{100 * value:.1f}"
