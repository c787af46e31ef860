"""Runs as rows: a state in glyph and word, progress, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from wgen_tui.services.sanitise import one_line, printable
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.cells import ACTIVE, BAD, BOLD, DIM, GOOD, WARN, Cell, Column
from wgen_tui.ui.state.plots import chart, progress

if TYPE_CHECKING:
    from wgen_tui.protocol import MetricRow
    from wgen_tui.services.state import RunStatus

STATES: dict[str, tuple[str, str]] = {
    "queued": ("○", DIM),
    "starting": ("◌", ACTIVE),
    "running": ("▶", ACTIVE),
    "finished": ("✓", GOOD),
    "failed": ("✗", BAD),
    "cancelled": ("⊘", WARN),
    "lost": ("?", BAD),
}
BAR = 10
COLUMNS = (
    Column("state", 11),
    Column("arm", 18),
    Column("seed", 4, "right"),
    Column("stage", 6),
    Column("progress", BAR + 5),
    Column("rate", 14, "right", hide_below=92),
    Column("eta", 6, "right", hide_below=76),
    Column("loss", 6, "right"),
    Column("model", 16, hide_below=150),
    Column("experiment", 22, hide_below=130),
    Column("why", 0, hide_below=92),
)


def cells(run: RunStatus) -> list[Cell]:
    """A run as the cells of COLUMNS."""
    glyph, style = STATES[run.state]
    share = ""
    if run.total and run.done is not None:
        share = f"{progress(run.done, run.total, BAR)} {100 * run.done // run.total:3d}%"
    return [
        Cell(f"{glyph} {run.state}", style),
        Cell(run.arm, BOLD if run.role == "treatment" else ""),
        Cell(str(run.seed)),
        Cell(run.stage or show.MISSING),
        Cell(share),
        Cell(show.speed(run.rate, run.unit) if run.rate is not None else ""),
        Cell(show.duration(run.eta_seconds) if run.eta_seconds is not None else ""),
        Cell(show.number(run.loss) if run.loss is not None else ""),
        Cell(one_line(run.model, 16)),
        Cell(run.experiment),
        Cell(one_line(run.why, 200), BAD if run.state in ("failed", "lost") else DIM),
    ]


def count_states(runs: Iterable[RunStatus]) -> Counter[str]:
    """State → number of runs."""
    return Counter(run.state for run in runs)


def summary(counts: Counter[str]) -> str:
    """`9 runs: ▶ 2 running · ○ 4 queued · ✓ 3 finished`."""
    parts = [f"{STATES[state][0]} {counts[state]} {state}" for state in STATES if counts[state]]
    total = sum(counts.values())
    return f"{show.plural(total, 'run')}: {' · '.join(parts)}" if total else "no runs"


def matching(runs: Sequence[RunStatus], text: str) -> list[RunStatus]:
    """The runs that have every word of `text` in a name, the seed or the state."""
    words = text.lower().split()

    def has(run: RunStatus, word: str) -> bool:
        fields = (run.run_id, run.experiment, run.arm, run.model, run.state, f"seed={run.seed}")
        return any(word in field.lower() for field in fields)

    return [run for run in runs if all(has(run, word) for word in words)]


def facts(run: RunStatus) -> Text:
    """What the detail says above the loss."""
    text = Text()
    glyph, style = STATES[run.state]
    text.append(f"{run.run_id}\n", BOLD)
    text.append(f"{glyph} {run.state}", style)
    if run.stage:
        text.append(f" · {run.stage}")
    if run.total and run.done is not None:
        text.append(f" · {run.done:,} of {run.total:,} {run.unit or ''}".rstrip())
    if run.started_at and run.ended_at:
        text.append(f" · took {show.duration((run.ended_at - run.started_at).total_seconds())}")
    text.append("\n")
    if run.aside:
        text.append(f"{printable(run.aside)}\n", DIM)
    if run.why:
        text.append(f"{printable(run.why)}\n", BAD if run.state in ("failed", "lost") else DIM)
    return text


def losses(metrics: Sequence[MetricRow], width: int, height: int) -> Text:
    """The training loss over the steps as columns, with first, last and lowest in words.

    The columns begin a little below the lowest loss: what is to be seen is how it falls.
    """
    if not metrics:
        return Text("no training steps yet\n", DIM)
    values = [row.loss for row in metrics]
    last = metrics[-1]
    text = Text()
    text.append(
        f"loss {show.number(values[0])} → {show.number(values[-1])}, "
        f"lowest {show.number(min(values))} · step {last.step}/{last.steps} "
        f"· lr {last.learning_rate:.2g}\n"
    )
    floor = 0.9 * min(values)
    for line in chart([value - floor for value in values], max(width, 10), height):
        text.append(f"{line}\n", ACTIVE)
    return text
