"""The lines of the list on Runs: a group on one line, a run on one line.

Promises: a run that waits or has failed says why and which key goes on, in the place of numbers it
has none of; where that is cut, the key is not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.cells import cell_len

from wgen_tui.terminal_text import one_line
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.cells import (
    ACTIVE,
    BAD,
    BOLD,
    DIM,
    Cell,
    Column,
    Span,
    fitted,
    heading_line,
    line_pieces,
    widths,
)
from wgen_tui.ui.state.plots import BLOCKS, progress, spread
from wgen_tui.ui.state.run_states import STATES, shown_state
from wgen_tui.ui.state.run_views.groups import Group
from wgen_tui.ui.state.shared.arm_colours import ArmColours
from wgen_tui.ui.state.status import memory

if TYPE_CHECKING:
    from wgen_tui.services.runs.measured.glimpses import Glimpse
    from wgen_tui.services.runs.run_state import RunStatus

PAUSED = "paused by you"
BAR = 6
SPARK = 8
WIDE = 112  # cells from which reasons have a column of their own
NAME = Column("run", 18)
SEED, PRIORITY = Column("seed", 4, "right"), Column("prio", 4, "right")
STATE = Column("state", 11)
NUMBERS = (
    Column("stage", 6, hide_below=66),
    Column("progress", BAR + 5),
    Column("rate", 14, "right", hide_below=94),
    Column("left", 6, "right"),
    Column("loss", 6, "right"),
)
COURSE = Column("course", SPARK)
MORE = (
    Column("grad", 6, "right", hide_below=136),
    Column("tok/s", 7, "right", hide_below=136),
    Column("peak", 8, "right", hide_below=150),
)
WHY = Column("why", 0)
# A group: its name, its states, how far it is.
GROUP = (Column("", 0), Column("", 14), Column("", 26, "right"))
GROUP_WIDE = (Column("", 35), Column("", 30), Column("", 0))


@dataclass(frozen=True, slots=True)
class Drawing:
    """What the rows are drawn with.

    Attributes:
        glimpses: Run → what its training measured, of those that have been read.
        colours: Experiment → the styles of its arms.
        priorities: Whether there is one that differs from the usual one.
        readonly: Whether no key goes on.
    """

    glimpses: Mapping[str, Glimpse] = field(default_factory=dict)
    colours: Mapping[str, ArmColours] = field(default_factory=dict)
    priorities: bool = False
    readonly: bool = False

    def _columns(self, width: int) -> tuple[Column, ...]:
        name = NAME if width < WIDE else Column("run", 30)
        head = (name, SEED, *((PRIORITY,) if self.priorities else ()), STATE)
        if width < WIDE:
            course = (COURSE,) if width >= (84 if self.priorities else 76) else ()
            # What is left over goes to the names.
            taken = sum(
                c.width + 1 for c in (*head[1:], *NUMBERS, *course) if width >= c.hide_below
            )
            return (Column("run", max(width - taken, 12)), *head[1:], *NUMBERS, *course)
        return (*head, *NUMBERS, COURSE, *MORE, WHY)

    def below(self, row: Group | RunStatus) -> list[str] | None:
        """The runs of a group; None for a run."""
        return [run.run_id for run in row.runs] if isinstance(row, Group) else None

    def heading(self, width: int) -> str:
        """The titles of the columns."""
        return heading_line(self._columns(width), width)

    def line(self, row: Group | RunStatus, width: int) -> list[tuple[str, str]]:
        """A row in `width` cells: texts, each with its style."""
        if isinstance(row, Group):
            return line_pieces(GROUP if width < WIDE else GROUP_WIDE, group_cells(row), width)
        columns = self._columns(width)
        cells = self._cells(row)
        why, key = why_of(row), "" if self.readonly else key_of(row)
        if row.total or not (why or key):
            shown = [*cells, Cell(why, _style(row))] if width >= WIDE else cells[: len(columns)]
            return line_pieces(columns, shown, width)
        head = columns[: columns.index(STATE) + 1]
        taken = sum(widths(head, width)) + len(head)
        pieces = line_pieces(head, cells[: len(head)], taken - 1)
        return [*pieces, (" ", ""), (_cut(why, key, width - taken), _style(row))]

    def _cells(self, run: RunStatus) -> list[Cell]:
        glyph, style = STATES[shown_state(run)]
        seen = self.glimpses.get(run.run_id)
        share = took(run)
        if run.total and run.done is not None:
            share = f"{progress(run.done, run.total, BAR)} {100 * run.done // run.total:3d}%"
        priority = f"{run.priority:+d}" if run.priority and run.live else ""
        cells = [
            self._name(run),
            Cell(str(run.seed)),
            *((Cell(priority, BOLD),) if self.priorities else ()),
            Cell(f"{glyph} {shown_state(run)}", style),
            Cell(run.stage or show.MISSING),
            Cell(share, "" if run.live else DIM),
            Cell(show.speed(run.rate, run.unit) if run.rate is not None else ""),
            Cell(show.duration(run.eta_seconds) if run.eta_seconds is not None else ""),
            Cell(show.number(run.loss) if run.loss is not None else ""),
            Cell(spark(seen.losses) if seen is not None else "", ACTIVE if run.live else DIM),
        ]
        norm, speed = (seen.grad_norm, seen.tokens_per_second) if seen is not None else (None, None)
        peak = run.peak_memory_mb
        return [
            *cells,
            Cell(show.number(norm) if norm is not None else ""),
            Cell(f"{speed:,.0f}" if speed is not None else ""),
            Cell(memory(peak) if peak else ""),
        ]

    def _name(self, run: RunStatus) -> Cell:
        colours = self.colours.get(run.experiment)
        if colours is None:
            return Cell(f"  {run.arm}")
        style = colours[run.arm]
        bold = BOLD if run.role == "treatment" else ""
        return Cell(f"  {style.mark} {run.arm}", bold, (Span(2, 3, style.colour),))


def _style(run: RunStatus) -> str:
    return BAD if run.state in ("failed", "lost") else DIM


def _cut(why: str, key: str, width: int) -> str:
    """The reason, cut so that the key behind it is not."""
    if not key:
        return fitted(why, width)
    end = f" · {key}" if why else key
    free = max(width - cell_len(end), 0)
    return fitted((one_line(why, free) if free else "") + end, width)


def why_of(run: RunStatus) -> str:
    """Why a run waits or how it ended, on one line, without shell commands."""
    why = PAUSED if run.paused else run.why
    if run.unplanned:
        why = "no launch does it"
    if run.state == "lost":
        why = why.partition(" died: ")[2] or why  # the cause; which launch, the detail says
    told = run.state in ("failed", "lost", "starting")
    if told and why and run.stage and not why.startswith(run.stage):
        why = f"{run.stage}: {why}"
    if run.live and run.attempt > 1 and "(attempt" not in why:
        why = f"attempt {run.attempt}" + (f": {why}" if why else "")
    return one_line(why, 300) if why else ""


def key_of(run: RunStatus) -> str:
    """The key that goes on, in a few words; empty where none has to."""
    if run.paused:
        return "p resumes it"
    if run.retryable:
        return "r tries again"
    if run.unplanned:
        return "s on 1 plans it"
    return "P resumes" if run.state == "queued" and "queue is paused" in run.why else ""


def took(run: RunStatus) -> str:
    """How long a run took that has finished."""
    if run.state != "finished" or run.started_at is None or run.ended_at is None:
        return ""
    return f"in {show.duration((run.ended_at - run.started_at).total_seconds())}"


def spark(losses: Sequence[float]) -> str:
    """Losses as columns of blocks between their lowest and highest; `!` where one is no number."""
    if not losses:
        return ""
    shown = spread(losses, SPARK)
    known = [value for value in shown if math.isfinite(value)]
    low, high = min(known, default=0.0), max(known, default=0.0)
    span = (high - low) or 1.0
    signs = (
        BLOCKS[1 + round(7 * (value - low) / span)] if math.isfinite(value) else "!"
        for value in shown
    )
    return "".join(signs)


# Groups


def group_cells(group: Group) -> list[Cell]:
    """Name; states in signs; how far it is, or when it ended and at which losses."""
    live = any(run.live for run in group.runs)
    sign = "▸" if group.folded else "▾"
    name = f"{sign} {group.key.experiment} · {group.key.model}"
    return [
        Cell(name, BOLD if live else ""),
        _states(group.runs),
        Cell(_progress(group.runs) if live else _end(group), "" if live else DIM),
    ]


def _states(runs: Iterable[RunStatus]) -> Cell:
    listed = [shown_state(run) for run in runs]
    text, spans = "", []
    for state, (glyph, style) in STATES.items():
        if number := listed.count(state):
            text += " " if text else ""
            spans.append(Span(len(text), len(text) + len(glyph) + len(str(number)), style))
            text += f"{glyph}{number}"
    return Cell(text, "", tuple(spans))


def _progress(runs: Sequence[RunStatus]) -> str:
    """The runs that are done, and the longest of what is left of the stages under way."""
    over = sum(not run.live for run in runs)
    left = [run.eta_seconds for run in runs if run.eta_seconds is not None]
    more = f" {show.duration(max(left))} left" if left else ""
    return f"{progress(over, len(runs), 8)} {over}/{len(runs)}{more}"


def _end(group: Group) -> str:
    ends = [run.ended_at for run in group.runs if run.ended_at is not None]
    losses = [run.loss for run in group.runs if run.loss is not None and math.isfinite(run.loss)]
    parts = [f"{max(ends).astimezone():%m-%d %H:%M}"] if ends else []
    if losses:
        low, high = show.number(min(losses)), show.number(max(losses))
        parts.append(low if low == high else f"{low}–{high}")
    return " · ".join(parts)
