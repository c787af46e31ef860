"""What the bar above says of everything: the experiment in hand, live work, what failed, GPUs.

Promises: fits its width; what matters most stays: failed and running first, then the experiment,
the time left and the GPUs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len
from rich.text import Text

from wgen_tui.terminal_text import one_line
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.cells import ACTIVE, BAD, BOLD, DIM, PLAIN, WARN
from wgen_tui.ui.state.run_states import STATES, shown_state

if TYPE_CHECKING:
    from wgen_tui.services.machine.gpus import Gpu
    from wgen_tui.services.runs.run_state import RunStatus

NAME_LEAST = 8  # cells of the experiment's name, below which it is not shown


@dataclass(frozen=True, slots=True)
class Everywhere:
    """What is true on every screen.

    Attributes:
        running: Runs at work.
        queued: Runs that wait.
        failed: Runs that failed or were lost, and were not tried again.
        eta_seconds: Until the last of the running stages is done; None while nothing says.
        gpu: Load of the GPUs in per cent, all as one; None without a GPU.
    """

    running: int = 0
    queued: int = 0
    failed: int = 0
    eta_seconds: float | None = None
    gpu: int | None = None


class _Part(NamedTuple):
    rank: int  # the lowest stays longest
    text: str
    style: str


def everywhere(runs: Iterable[RunStatus], gpus: Sequence[Gpu] = ()) -> Everywhere:
    """What these runs and GPUs come to."""
    counts = dict.fromkeys(STATES, 0)
    left: list[float] = []
    for run in runs:
        counts[shown_state(run)] += 1
        if run.eta_seconds is not None:
            left.append(run.eta_seconds)
    loads = [gpu.utilization for gpu in gpus if gpu.utilization is not None]
    return Everywhere(
        running=counts["running"] + counts["starting"],
        queued=counts["queued"],
        failed=counts["failed"] + counts["lost"],
        eta_seconds=max(left, default=None),
        gpu=round(sum(loads) / len(loads)) if loads else None,
    )


def right_side(
    now: Everywhere, experiment: str | None, width: int, *, readonly: bool = False
) -> Text:
    """The right of the bar in at most `width` cells."""
    parts = [
        _Part(0, "READ-ONLY", f"{BOLD} {WARN}") if readonly else None,
        _Part(3, f"▶ {now.running}", ACTIVE) if now.running else None,
        _Part(4, f"○ {now.queued}", DIM) if now.queued else None,
        _Part(1, f"✗ {now.failed}", BAD) if now.failed else None,
        _Part(5, f"{show.duration(now.eta_seconds)} left", PLAIN) if now.eta_seconds else None,
        _Part(6, f"GPU {now.gpu}%", PLAIN) if now.gpu is not None else None,
    ]
    kept = [part for part in parts if part is not None]
    name = one_line(experiment, 60) if experiment else ""
    while kept and sum(cell_len(part.text) + 3 for part in kept) > width:
        kept.remove(max(kept))
    free = width - sum(cell_len(part.text) + 3 for part in kept)
    if name and cell_len(name) > free:
        optional = [part for part in kept if part.rank > 3]
        while optional and free < min(cell_len(name), 2 * NAME_LEAST):
            dropped = optional.pop(optional.index(max(optional)))
            kept.remove(dropped)
            free += cell_len(dropped.text) + 3
    text = Text(no_wrap=True)
    if name and free >= NAME_LEAST:
        text.append(one_line(name, free), BOLD)
    for part in kept:
        text.append(" · " if text.plain else "", DIM).append(part.text, part.style)
    return text
