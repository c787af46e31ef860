"""The curves of the marked runs in one picture: loss, held-out loss or another measure.

Promises: what cannot be drawn is said with its count: runs beyond the letters, values that are no
numbers, values that a logarithm does not have. Smoothing is of what is drawn, not of what is said:
the numbers beside are the last ones measured.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len
from rich.text import Text

from wgen_tui.terminal_text import printable
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.cells import BOLD, DIM, WARN, fitted
from wgen_tui.ui.state.figures import braille
from wgen_tui.ui.state.figures.braille import Line
from wgen_tui.ui.state.shared.arm_colours import ArmColours

if TYPE_CHECKING:
    from store.beside.held_out import HeldOutPoint
    from wgen_tui.services.runs.measured.courses import Course
    from wgen_tui.services.runs.run_state import RunStatus

LETTERS = "abcdefghijklmnop"
SMOOTHED = 0.9  # how much of what was so far is kept, as elsewhere
BESIDE = 56  # cells from which the names stand beside the picture
BEYOND = 12  # cells of a name's letter, mark and newest value
MEASURES = ("loss", "learning rate", "gradient norm", "held-out loss", "held-out accuracy")
HELD_OUT = {3: attrgetter("loss"), 4: attrgetter("accuracy")}  # of checkpoints, not of steps
MEASURED = tuple(attrgetter(name) for name in ("loss", "learning_rate", "grad_norm"))
NO_TRAINING = "Nothing is trained here: there is no curve to draw.\n"
NO_STEPS = "No training steps yet.\n"
NOT_HELD_OUT = (
    "Nothing was measured on held-out rows.\n"
    "`held_out: {share: 0.2}` of an arm measures every checkpoint.\n"
)
NO_NORMS = "Its trainer measured no gradient norms.\n"


class Shape(NamedTuple):
    """How curves are drawn.

    Attributes:
        measure: Which of MEASURES.
        log: Whether the axis up is logarithmic.
        smooth: Whether a point is the mean of those before it, of which the newest counts most.
    """

    measure: int = 0
    log: bool = False
    smooth: bool = False

    @property
    def words(self) -> str:
        """`loss · log · smoothed`."""
        how = (self.log and "log", self.smooth and "smoothed")
        return " · ".join([MEASURES[self.measure], *(word for word in how if word)])


class Curve(NamedTuple):
    """One run and its course; None where it has none.

    Attributes:
        held_out: Its checkpoints on held-out rows, the base first; read where they are drawn.
    """

    run: RunStatus
    course: Course | None
    held_out: Sequence[HeldOutPoint] = ()

    def has(self, shape: Shape) -> bool:
        """Whether there is something to draw."""
        return bool(self.held_out) if shape.measure in HELD_OUT else self.course is not None

    def values(self, shape: Shape) -> list[tuple[float, float]]:
        """What is drawn, by step."""
        if (of_checkpoint := HELD_OUT.get(shape.measure)) is not None:
            return [(point.step, of_checkpoint(point)) for point in self.held_out]
        of_step = MEASURED[shape.measure]
        return [(point.step, of_step(point)) for point in self.course.points] if self.course else []


class _Drawn(NamedTuple):
    curve: Curve
    line: Line
    last: float  # as it was measured


def picture(
    curves: Sequence[Curve],
    shape: Shape,
    size: tuple[int, int],
    colours: Mapping[str, ArmColours],
    *,
    unread: int = 0,
) -> Text:
    """The curves with their names.

    Args:
        curves: Of the runs that are compared, in the order of their letters.
        shape: How.
        size: Columns and lines.
        colours: Experiment → the styles of its arms.
        unread: Chosen runs whose courses were not even read, since they are so many.
    """
    shown = [
        _drawn(letter, curve, shape, colours)
        for letter, curve in zip(LETTERS, (c for c in curves if c.has(shape)), strict=False)
    ]
    lines = [item.line for item in shown]
    frame = braille.framed(lines, log=shape.log)
    notes = _notes(curves, shown, shape, unread)
    if frame is None:
        return Text(_nothing(curves, shape), DIM)
    width, height = size
    beside = width >= BESIDE
    names = _names(shown)
    taken = min(max(map(cell_len, names)) + BEYOND, width * 2 // 5) if beside else 0
    height -= bool(notes) + (0 if beside else min(len(shown), 2))
    rows = braille.drawn(lines, frame, width - taken, max(height, braille.LEAST[1]))
    legend = [
        _legend(item, name, (taken or width) - 1, colours)
        for item, name in zip(shown, names, strict=True)
    ]
    return _joined(rows, legend, beside=beside).append(f"\n{notes}" if notes else "", WARN)


def _joined(rows: Sequence[Sequence[braille.Piece]], legend: list[Text], *, beside: bool) -> Text:
    """The picture with the names beside it, as many as there are lines for, or below."""
    if beside and len(legend) > len(rows):
        cut = len(rows) - 1
        legend = [*legend[:cut], Text(f"and {len(legend) - cut} more", DIM)]
    lines = []
    for number, row in enumerate(rows):
        line = Text()
        for piece in row:
            line.append(*piece)
        if beside and number < len(legend):
            line.append(" ").append(legend[number])
        lines.append(line)
    return Text("\n").join([*lines, *(() if beside else legend)])


def _drawn(letter: str, curve: Curve, shape: Shape, colours: Mapping[str, ArmColours]) -> _Drawn:
    values = curve.values(shape)
    known = next((value for _, value in reversed(values) if math.isfinite(value)), math.nan)
    run = curve.run
    style = colours[run.experiment][run.arm].colour if run.experiment in colours else ""
    few = shape.measure in HELD_OUT  # checkpoints: nothing to smooth
    points = _smoothed(values) if shape.smooth and not few else values
    return _Drawn(curve, Line(letter, style, points), known)


def _smoothed(values: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Means in which each step back counts a tenth less; the first ones are not drawn to zero."""
    smooth, weight = 0.0, 0.0
    points = []
    for x, value in values:
        if not math.isfinite(value):
            points.append((x, math.nan))
            continue
        smooth = SMOOTHED * smooth + (1 - SMOOTHED) * value
        weight = SMOOTHED * weight + (1 - SMOOTHED)
        points.append((x, smooth / weight))
    return points


def _names(shown: Sequence[_Drawn]) -> list[str]:
    """Arm and seed, and what else tells these runs apart; the seed is what is never cut."""
    runs = [item.curve.run for item in shown]
    several = len({run.experiment for run in runs}) > 1, len({run.model for run in runs}) > 1
    names = []
    for run in runs:
        parts = (run.arm, several[0] and run.experiment, several[1] and run.model)
        names.append(f"s{run.seed} " + " · ".join(part for part in parts if part))
    return names


def _legend(item: _Drawn, name: str, width: int, colours: Mapping[str, ArmColours]) -> Text:
    """`a ■ s0 old_birds    0.732`."""
    run = item.curve.run
    text = Text(no_wrap=True)
    text.append(f"{item.line.letter} ", f"{BOLD} {item.line.style}".strip())
    if run.experiment in colours:
        text.append(f"{colours[run.experiment][run.arm].mark} ", item.line.style)
    last = show.number(item.last) if math.isfinite(item.last) else "–"
    free = max(width - cell_len(text.plain) - len(last) - 1, 4)
    return text.append(fitted(printable(name), free)).append(f" {last}")


def _notes(curves: Sequence[Curve], shown: Sequence[_Drawn], shape: Shape, unread: int) -> str:
    """What is not drawn, and how much of it."""
    notes = []
    without = sum(not curve.has(shape) for curve in curves)
    if without and shown:
        what = "held-out rows" if shape.measure in HELD_OUT else "training steps"
        notes.append(f"{show.plural(without, 'run')} without {what}")
    if (more := len(curves) - without - len(shown) + unread) > 0:
        notes.append(f"{show.plural(more, 'run')} beyond the first {len(LETTERS)} not drawn")
    values = [y for item in shown for _, y in item.line.points]
    if broken := sum(not math.isfinite(value) for value in values):
        notes.append(f"{show.plural(broken, 'step')} without a number ({MEASURES[shape.measure]})")
    below = sum(math.isfinite(value) and value <= 0 for value in values) if shape.log else 0
    if below:
        notes.append(f"{show.plural(below, 'step')} at or below 0: not on a log axis")
    return " · ".join(notes)


def _nothing(curves: Sequence[Curve], shape: Shape) -> str:
    """Why there is no picture."""
    if not curves:
        return "No run is chosen.\n"
    if shape.measure in HELD_OUT and not any(curve.held_out for curve in curves):
        return NOT_HELD_OUT
    if all(curve.course is None for curve in curves):
        return NO_TRAINING if all(curve.run.steps == 0 for curve in curves) else NO_STEPS
    if MEASURES[shape.measure] == "gradient norm":
        return NO_NORMS
    axis = " on a log axis" if shape.log else ""
    return f"Nothing of the {MEASURES[shape.measure]} can be drawn{axis}.\n"
