"""The states of runs: glyph, word and style, the same wherever a run is shown."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.cells import ACTIVE, BAD, DIM, GOOD, WARN

if TYPE_CHECKING:
    from wgen_tui.services.runs.run_state import RunStatus

STATES: dict[str, tuple[str, str]] = {
    "queued": ("○", DIM),
    "paused": ("‖", WARN),
    "starting": ("◌", ACTIVE),
    "running": ("▶", ACTIVE),
    "finished": ("✓", GOOD),
    "failed": ("✗", BAD),
    "cancelled": ("⊘", WARN),
    "lost": ("?", BAD),
}


def shown_state(run: RunStatus) -> str:
    """The state that is shown: paused is one of its own."""
    return "paused" if run.paused else run.state


def describe_counts(counts: Counter[str]) -> str:
    """`9 runs: ▶ 2 running · ○ 4 queued · ✓ 3 finished`."""
    parts = [f"{STATES[state][0]} {counts[state]} {state}" for state in STATES if counts[state]]
    total = sum(counts.values())
    return f"{show.plural(total, 'run')}: {' · '.join(parts)}" if total else "no runs"
