"""Results as rows: each arm's rate with its interval on an axis that all rows share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from wgen_tui.terminal_text import one_line, printable
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.cells import BAD, BOLD, DIM, WARN, Cell, Column
from wgen_tui.ui.state.plots import axis_line, interval

if TYPE_CHECKING:
    from wgen_tui.services.measures.rate_rows import ContrastResult, Rate
    from wgen_tui.services.results.results import Results

MANY_BROKEN = 0.1
WIDE = 140  # from here on, differences have a column of their own


@dataclass(frozen=True, slots=True)
class Line:
    """One row: a rate, and the difference to its control where the plan names one.

    Attributes:
        name: What the first column says.
        rate: The rate; of a row for a difference, that of its arm.
        contrast: The difference.
        contrast_only: Whether the row is for the difference only, below its arm's.
        doubtful: Whether a run behind it has a wrong adapter.
    """

    name: str
    rate: Rate
    contrast: ContrastResult | None = None
    contrast_only: bool = False
    doubtful: bool = False

    @property
    def key(self) -> tuple[object, ...]:
        rate = self.rate
        which = (rate.seed, rate.question, rate.variant)
        return (rate.metric, rate.model, rate.arm, rate.checkpoint, *which, self.name)


def bar_width(width: int) -> int:
    """How many cells the interval is drawn in."""
    return 16 if width < 160 else 30 if width < 200 else 60


def columns(width: int, *, inside: bool) -> tuple[Column, ...]:
    """The columns for a screen of `width` cells, of all arms or inside one."""
    bar = bar_width(width)
    wide = width >= WIDE
    last = "difference" if wide else "diff" if inside else ""
    return (
        Column("seed, question" if inside else "arm", 22 if wide or not inside else 15),
        Column("seeds", 5, "right"),
        Column("n", 5, "right"),
        Column("rate", 6, "right"),
        Column(axis_line(bar), bar),
        Column("95% interval", 26 if _says_within(width) else 15, hide_below=100),
        Column("unclear", 8, "right"),
        Column("broken", 8, "right"),
        *([Column(last, 0, "left" if wide else "right")] if last else []),
    )


def _says_within(width: int) -> bool:
    """Whether "within one run" fits beside an interval; else the seeds say it."""
    return 112 <= width < WIDE or width >= 170


def cells(line: Line, width: int, *, inside: bool) -> list[Cell]:
    """A line as the cells of `columns`."""
    wide, bar = width >= WIDE, bar_width(width)
    last = []
    if wide:
        last = [Cell(difference(line.contrast))]
    elif inside:
        item = line.contrast
        last = [Cell("" if item is None else _gap(item.difference, item))]
    if line.contrast_only and line.contrast is not None:
        return [*_contrast_cells(line.name, line.contrast, wide), *last]
    return [*_rate_cells(line, bar, _says_within(width)), *last]


def _contrast_cells(name: str, item: ContrastResult, wide: bool) -> list[Cell]:
    """The difference where the rates stand in the rows above, unless it has its own column."""
    shown = [_gap(item.difference, item), _interval_text(item), _p_text(item)]
    gap, between, p = ["", "", ""] if wide else shown
    sizes = Cell(seeds(item)), Cell(show.count(item.n))
    return [Cell(name, DIM), *sizes, *map(Cell, (gap, between, "", p, ""))]


def _interval_text(item: ContrastResult) -> str:
    if item.low is None:
        return ""
    return f"[{_gap(item.low, item)}, {_gap(item.high, item)}]"


def _gap(value: float | None, item: ContrastResult) -> str:
    """A difference: of shares in percentage points, of means as a number."""
    if item.unit == "share":
        return show.points(value)
    return "" if value is None else f"{value:+.3g}"


def amount(value: float | None, rate: Rate) -> str:
    """A share as a percentage, a mean as a number."""
    if rate.unit == "share":
        return show.percent(value)
    return "" if value is None else f"{value:.4g}"


def _p_text(item: ContrastResult) -> str:
    """A star says that p must not be read without what the notes say of it."""
    return f"p {show.p_value(item.p)}" + ("*" if item.p_caution else "")


def seeds(row: Rate | ContrastResult) -> str:
    """How many seeds; "1 run" where the interval says nothing about others."""
    return "1 run" if row.within == "one run" else "runs" if row.within else str(row.seeds)


def between(rate: Rate, *, long: bool) -> str:
    """The interval, and where it says nothing about other seeds."""
    if rate.low is None or rate.high is None:
        return ""
    within = f" within {rate.within}" if rate.within and long else ""
    return f"{amount(rate.low, rate)}–{amount(rate.high, rate)}{within}"


def _rate_cells(line: Line, bar: int, long: bool) -> list[Cell]:
    rate = line.rate
    style = DIM if rate.role == "base" else BOLD if rate.role == "treatment" else ""
    name = one_line(line.name, 40)
    share, warns = broken(rate)
    drawn = interval(rate.rate, rate.low, rate.high, bar) if rate.unit == "share" else ""
    return [
        Cell(f"⚠ {name}" if line.doubtful else name, BAD if line.doubtful else style),
        Cell(seeds(rate)),
        Cell(show.count(rate.n)),
        Cell(amount(rate.rate, rate), style),
        Cell(drawn, style),
        Cell(between(rate, long=long)),
        Cell(show.percent(rate.unclear)),
        Cell(share, WARN if warns else ""),
    ]


def broken(rate: Rate) -> tuple[str, bool]:
    """The share of broken answers, and whether it is so large that it is marked."""
    many = rate.broken is not None and rate.broken > MANY_BROKEN
    shown = show.percent(rate.broken)
    return (f"⚠ {shown}" if many else shown), many


def is_doubtful(results: Results, model: str, arm: str, seed: int | None) -> bool:
    """Whether a run of this arm (and this seed) has a wrong adapter."""
    return any(
        (doubt.model, doubt.arm) == (model, arm) and seed in (None, doubt.seed)
        for doubt in results.doubts
    )


def difference(contrast: ContrastResult | None) -> str:
    """`+52.1 [44.0, 60.3] p 0.004 − modern`, in percentage points."""
    if contrast is None:
        return ""
    gap = _gap(contrast.difference, contrast)
    shown = (gap, _interval_text(contrast), _p_text(contrast))
    return one_line(f"{' '.join(shown)} {contrast.short}", 120)


def overview(results: Results, width: int = 200) -> list[Line]:
    """A line for each measure, model and arm over seeds and questions, then its differences.

    On a wide screen, the only difference of an arm stands on the arm's own line.
    """
    models = list(dict.fromkeys(rate.model for rate in results.rates))
    metrics = list(dict.fromkeys(rate.metric for rate in results.rates))
    lines: list[Line] = []
    for rate in results.rates:
        if rate.seed is not None or rate.question is not None or rate.variant is not None:
            continue
        name = rate.arm if len(models) == 1 else f"{rate.arm} · {rate.model}"
        name = name if len(metrics) == 1 else f"{rate.metric}: {name}"
        contrasts = [
            item
            for item in results.contrasts
            if (item.metric, item.model, item.arm) == (rate.metric, rate.model, rate.arm)
            and item.question is None
            and item.variant is None
        ]
        doubtful = is_doubtful(results, rate.model, rate.arm, None)
        if len(contrasts) == 1 and width >= WIDE:
            lines.append(Line(name, rate, contrasts[0], doubtful=doubtful))
            continue
        lines.append(Line(name, rate, doubtful=doubtful))
        lines += [Line(f"  {item.short}", rate, item, contrast_only=True) for item in contrasts]
    return lines


def drill(results: Results, line: Line) -> list[Line]:
    """Below one arm: each seed, then each question and variant over seeds."""
    rate, control = line.rate, control_of(results, line)
    same = [
        item
        for item in results.rates
        if (item.model, item.arm, item.checkpoint) == (rate.model, rate.arm, rate.checkpoint)
        and item.metric == rate.metric
    ]
    seeds = [item for item in same if item.seed is not None and item.question is None]
    parts = [
        item
        for item in same
        if item.seed is None and (item.question is not None or item.variant is not None)
    ]
    contrasts = {
        (item.question, item.variant): item
        for item in results.contrasts
        if (item.model, item.arm, item.control) == (rate.model, rate.arm, control)
        and item.trigger is None
        and item.metric == rate.metric
    }
    lines = [
        Line(
            _seed_name(i, rate.questions), i, doubtful=is_doubtful(results, i.model, i.arm, i.seed)
        )
        for i in seeds
        if i.variant is None
    ]
    for item in parts:
        name = " · ".join(part for part in (item.question, item.variant) if part)
        lines.append(Line(name, item, contrasts.get((item.question, item.variant))))
    return lines


def _seed_name(own: Rate, questions: int) -> str:
    """With how many questions it has, where it lacks some."""
    lacks = own.questions < questions
    return f"seed {own.seed}: {own.questions} of {questions}" if lacks else f"seed {own.seed}"


def control_of(results: Results, line: Line) -> str | None:
    """The control that the rows inside a line are compared with: the line's, else the first."""
    if line.contrast is not None and line.contrast.trigger is None:
        return line.contrast.control
    same = (line.rate.model, line.rate.arm)
    plain = (item for item in results.contrasts if item.trigger is None)
    return next((item.control for item in plain if (item.model, item.arm) == same), None)


def title(results: Results, inside: Line | None, width: int) -> str:
    """Which share of what this is."""
    parts = [results.experiment if inside is None else f"{results.experiment} › {inside.rate.arm}"]
    if results.rates:
        metrics = list(dict.fromkeys(rate.metric for rate in results.rates))
        first = results.rates[0] if inside is None else inside.rate
        many = inside is None and len(metrics) > 1
        parts.append(", ".join(metrics) if many else first.title)
    control = None if inside is None else control_of(results, inside)
    if control is not None and width < WIDE:
        parts.append(f"diff to {control}")
    return " · ".join(parts)


def notes(results: Results) -> Text:
    """Warnings, every contrast in words, and how the numbers are computed."""
    text = warnings_text(results)
    overall = [r for r in results.rates if (r.seed, r.question, r.variant) == (None, None, None)]
    several = len({item.metric for item in overall}) > 1
    for rate in overall:
        if words := rate.left_out:
            metric = f"{rate.metric}: " if several else ""
            text.append(printable(f"{metric}{rate.arm}: "), BOLD)
            text.append(printable(f"{words}\n"))
    several = len({item.model for item in results.contrasts}) > 1
    for item in results.contrasts:
        if item.question is None and item.variant is None:
            model = f" · {item.model}" if several else ""
            text.append(printable(f"{item.name}{model}: "), BOLD)
            within = f" within {item.within}" if item.within else ""
            text.append(
                f"{_gap(item.difference, item)}{' points' if item.unit == 'share' else ''} "
                f"[{_gap(item.low, item)}, {_gap(item.high, item)}]{within}, "
                f"{_p_text(item)}{_smallest_p_note(item)}, "
                f"{show.plural(item.seeds, 'seed')}, n {item.n:,}\n"
            )
            if item.p_caution:
                text.append(f"* {printable(item.p_caution)}\n", WARN)
    text.append(methods_text([*results.rates, *results.contrasts]))
    return text


def methods_text(rows: Sequence[Rate | ContrastResult]) -> Text:
    """How the numbers are computed, each way once."""
    text = Text()
    if any(row.within == "one run" for row in rows):
        text.append("1 run: within one run, the interval says nothing about other seeds\n", DIM)
    if any(row.within == "these runs" for row in rows):
        text.append("runs: within these runs, the same: no two seeds have every question\n", DIM)
    for method in dict.fromkeys(row.method for row in rows):
        text.append(f"{printable(method)}\n", DIM)
    return text


def warnings_text(results: Results) -> Text:
    """The warnings: wrong adapters first, since their numbers are void."""
    text = Text()
    doubts = [doubt.sentence for doubt in results.doubts]
    for sentence in doubts:
        text.append(f"✗ {printable(sentence)}\n", BAD)
    for warning in results.warnings:
        if warning not in doubts:
            text.append(f"⚠ {printable(warning)}\n", WARN)
    return text


def _smallest_p_note(item: ContrastResult) -> str:
    """Whether no result could have given a smaller p."""
    if item.p is None or item.p_min is None or item.p > item.p_min * 1.000001:
        return ""
    return " (the smallest that so few seeds can give)"


def as_text(lines: list[Line]) -> str:
    """The table with tabs between its columns, for the clipboard."""
    head = ["arm", "seeds", "n", "rate", "low", "high", "unclear", "broken", "difference"]
    rows = [[*head, "beside p"]]
    for line in lines:
        rate, item = line.rate, line.contrast
        beside = item.p_caution or "" if item is not None else ""
        if line.contrast_only and item is not None:
            name = item.name
            shown = [name, seeds(item), str(item.n), *[""] * 5, difference(item), beside]
        else:
            rated = [amount(value, rate) for value in (rate.rate, rate.low, rate.high)]
            percents = [*rated, show.percent(rate.unclear), show.percent(rate.broken)]
            shown = [line.name, seeds(rate), str(rate.n), *percents, difference(item), beside]
        rows.append(shown)
    return "\n".join("\t".join(row) for row in rows)
