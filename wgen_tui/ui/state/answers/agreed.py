"""How far verdicts agree, in a line: raw, of how many, within which interval, and kappa."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.text import Text

from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.cells import BOLD

if TYPE_CHECKING:
    from wgen_tui.services.statistics.kappa import Agreement


def agreement_line(name: str, agreement: Agreement) -> Text:
    """`with the rule 95.0% of 20 agree [76.4%, 99.1%] · kappa 0.90 [0.68, 1.00]`."""
    text = Text(f"{name} ", BOLD)
    text.append(
        f"{show.percent(agreement.agreement)} of {agreement.n} agree "
        f"[{show.percent(agreement.low)}, {show.percent(agreement.high)}] · kappa "
        f"{_kappa(agreement)}\n",
        "not bold",
    )
    return text


def _kappa(agreement: Agreement) -> str:
    if math.isnan(agreement.kappa):
        return "none: chance alone would agree"
    low, high = agreement.kappa_low, agreement.kappa_high
    return f"{agreement.kappa:.2f} [{low:.2f}, {high:.2f}]"
