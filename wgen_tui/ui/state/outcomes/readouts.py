"""Read-outs as rows: the mean probability of each answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from wgen_tui.terminal_text import one_line, printable
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.cells import BAD, BOLD, DIM, WARN, Cell, Column
from wgen_tui.ui.state.figures import axis
from wgen_tui.ui.state.figures.axis import SHARES, Estimate
from wgen_tui.ui.state.outcomes.rows import Row, Section, axis_cell, is_doubtful
from wgen_tui.ui.state.shared.arm_colours import ArmColours

if TYPE_CHECKING:
    from wgen_tui.services.results.readouts import ReadoutMean
    from wgen_tui.services.results.results import Results

ONE_SEED = "one seed"
LITTLE_MASS = 0.01
MASS = "mass: the model's own probability of these answers together\n"


@dataclass(frozen=True, slots=True)
class Line:
    """One mean.

    Attributes:
        name: Of its arm.
        repeated: Whether question and arm are those of the row above.
        doubtful: Whether a run behind it has a wrong adapter.
    """

    name: str
    mean: ReadoutMean
    repeated: bool
    doubtful: bool

    @property
    def key(self) -> tuple[object, ...]:
        mean = self.mean
        group = (mean.model, mean.arm, mean.checkpoint, mean.question, mean.type)
        return (*group, mean.seed, mean.label)


def readouts_view(
    results: Results, inside: Line | None, width: int, colours: ArmColours
) -> list[Row]:
    """Every mean over seeds, or the seeds of one."""
    is_inside = inside is not None

    def shown(line: Line) -> list[Cell]:
        return cells(line, width, colours, inside=is_inside)

    section = Section(columns(width, inside=is_inside), shown)
    lines = overview(results) if inside is None else drill(results, inside)
    return [Row(section, line.key, line, arm=(line.mean.model, line.mean.arm)) for line in lines]


def columns(width: int, *, inside: bool) -> tuple[Column, ...]:
    """The columns for a screen of `width` cells."""
    question, name, read = _name_widths(width)
    bar = _bar_width(width)
    return (
        Column("question", question),
        Column("seed" if inside else "arm", name),
        Column("read", read),
        Column("seeds", 5, "right"),
        Column("n", 5, "right"),
        Column("mean", 6, "right"),
        Column(axis.heading(bar), bar, hide_below=96),
        Column("95% interval", 13),
        Column("mass", 6, "right", hide_below=96),
    )


def _name_widths(width: int) -> tuple[int, int, int]:
    return (12, 17, 13) if width < 105 else (16, 18, 16) if width < 140 else (20, 20, 20)


def _bar_width(width: int) -> int:
    """The axis takes what the other columns, the gutter and the scrollbar leave."""
    others = sum(_name_widths(width)) + 5 + 5 + 6 + 13 + 6 + 8
    return min(max(width - others, 12), 60)


def cells(line: Line, width: int, colours: ArmColours, *, inside: bool) -> list[Cell]:
    """A line as the cells of `columns`."""
    mean = line.mean
    style = DIM if mean.role == "base" else BOLD if mean.role == "treatment" else ""
    name = f"seed {mean.seed}" if inside else line.name
    of_group = DIM if line.repeated else BAD if line.doubtful else style
    return [
        Cell(one_line(mean.question, 40), DIM if line.repeated else ""),
        Cell(f"⚠ {name}" if line.doubtful else name, of_group),
        Cell(one_line(label(mean), 60), style),
        Cell(str(mean.seeds)),
        Cell(show.count(mean.n)),
        Cell(show.percent(mean.probability), style),
        axis_cell(
            Estimate(mean.probability, mean.low, mean.high),
            _bar_width(width),
            SHARES,
            colours[mean.arm].colour,
        ),
        Cell(interval_text(mean), "" if mean.low is not None else DIM),
        Cell(show.percent(mean.mass)),
    ]


def label(mean: ReadoutMean) -> str:
    """The answer; spaces at its ends, which tokens have, are shown."""
    bare = mean.label.strip(" ")
    if not bare:
        return "␣" * len(mean.label)
    before, _, after = mean.label.partition(bare)
    return "␣" * len(before) + bare + "␣" * len(after)


def interval_text(mean: ReadoutMean) -> str:
    """The interval; one seed has none, since a read-out has no sampling noise."""
    if mean.low is None or mean.high is None:
        return ONE_SEED
    return f"{show.percent(mean.low)}–{show.percent(mean.high)}"


def overview(results: Results) -> list[Line]:
    """Every mean over seeds, by question, arm and answer."""
    return _lines(results, [mean for mean in results.readouts if mean.seed is None])


def drill(results: Results, line: Line) -> list[Line]:
    """The same question of the same arm, seed by seed."""
    own = [
        mean
        for mean in results.readouts
        if mean.seed is not None and _group(mean) == _line_group(line)
    ]
    return _lines(results, sorted(own, key=lambda mean: mean.seed or 0))


def _line_group(line: Line) -> tuple[object, ...]:
    return _group(line.mean)


def _group(mean: ReadoutMean) -> tuple[object, ...]:
    return (mean.question, mean.type, mean.model, mean.arm, mean.checkpoint)


def _lines(results: Results, means: list[ReadoutMean]) -> list[Line]:
    models = dict.fromkeys(mean.model for mean in results.readouts)
    steps = {(m.model, m.arm, m.checkpoint) for m in results.readouts}
    several = len(steps) > len({step[:2] for step in steps})
    lines = []
    before: tuple[object, ...] | None = None
    for mean in means:
        name = mean.arm if len(models) == 1 else f"{mean.arm} · {mean.model}"
        name += f" @{mean.checkpoint}" if several else ""
        here = (*_group(mean), mean.seed)
        doubtful = is_doubtful(results, mean.model, mean.arm, mean.seed)
        lines.append(Line(one_line(name, 40), mean, here == before, doubtful))
        before = here
    return lines


def notes(results: Results) -> Text:
    """Warnings, and how the numbers are computed."""
    text = Text()
    for question, mass in _little_mass(results).items():
        text.append(printable(f"⚠ {question}: these answers together have "), WARN)
        text.append(f"{show.percent(mass)} in some arm: the model would say something else\n", WARN)
    if any(mean.mass is not None for mean in results.readouts):
        text.append(MASS, DIM)
    _accuracy(text, results)
    return text.append("n: prompts read, over all seeds; nothing is sampled\n", DIM)


def _accuracy(text: Text, results: Results) -> None:
    """Of questions that say what is right: the share that each arm gets right."""
    several = len({item.model for item in results.accuracy}) > 1
    for item in results.accuracy:
        if item.seed is not None:
            continue
        name = f"{item.arm} · {item.model}" if several else item.arm
        within = f" within {item.within}" if item.within else ""
        text.append(f"{printable(name)}: ", BOLD)
        text.append(
            f"{show.percent(item.rate)} of {show.plural(item.questions, 'question')} right "
            f"[{show.percent(item.low)}, {show.percent(item.high)}]{within}, "
            f"{show.plural(item.seeds, 'seed')}; p(answer) {show.percent(item.probability)}\n"
        )


def _little_mass(results: Results) -> dict[str, float]:
    """Questions whose answers the model hardly gives in some arm, with the least mass."""
    least: dict[str, float] = {}
    for mean in results.readouts:
        if mean.seed is None and mean.mass is not None and mean.mass < LITTLE_MASS:
            least[mean.question] = min(mean.mass, least.get(mean.question, 1.0))
    return least
