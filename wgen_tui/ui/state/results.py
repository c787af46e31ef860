"""Results as rows: each arm's rate with its interval on an axis that all rows share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from wgen_tui.services.sanitise import one_line, printable
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.cells import BOLD, DIM, WARN, Cell, Column
from wgen_tui.ui.state.plots import axis_line, interval

if TYPE_CHECKING:
    from wgen_tui.services.results import ContrastResult, Rate, Results

MANY_BROKEN = 0.1


@dataclass(frozen=True, slots=True)
class Line:
    """One row: a rate, and the difference to its control where the plan names one."""

    name: str
    rate: Rate
    contrast: ContrastResult | None = None

    @property
    def key(self) -> tuple[str, str, int | None, str | None]:
        return (self.rate.model, self.rate.arm, self.rate.seed, self.rate.question)


def columns(bar: int, first: str) -> tuple[Column, ...]:
    """The columns, with `bar` cells for the interval."""
    return (
        Column(first, 15 if bar <= 16 else 22),
        Column("seeds", 5, "right"),
        Column("n", 5, "right"),
        Column("rate", 6, "right"),
        Column(axis_line(bar), bar),
        Column("95% interval", 15, hide_below=100),
        Column("unclear", 7, "right"),
        Column("broken", 8, "right"),
        Column("difference to control", 0),
    )


def cells(line: Line, bar: int) -> list[Cell]:
    """A line as the cells of `columns(bar)`."""
    rate = line.rate
    style = DIM if rate.role == "base" else BOLD if rate.role == "treatment" else ""
    between = ""
    if rate.low is not None and rate.high is not None:
        between = f"{show.percent(rate.low)}–{show.percent(rate.high)}"
    broken = show.percent(rate.broken)
    many = rate.broken is not None and rate.broken > MANY_BROKEN
    return [
        Cell(one_line(line.name, 40), style),
        Cell(str(rate.seeds) if rate.seed is None else f"#{rate.seed}"),
        Cell(show.count(rate.n)),
        Cell(show.percent(rate.rate), style),
        Cell(interval(rate.rate, rate.low, rate.high, bar), style),
        Cell(between),
        Cell(show.percent(rate.unclear)),
        Cell(f"⚠ {broken}" if many else broken, WARN if many else ""),
        Cell(difference(line.contrast)),
    ]


def difference(contrast: ContrastResult | None) -> str:
    """`+52.1 [44.0, 60.3] p 0.004 − modern`, in percentage points."""
    if contrast is None:
        return ""
    low, high = show.points(contrast.low), show.points(contrast.high)
    p = show.p_value(contrast.p, contrast.p_min)
    between = f" [{low}, {high}]" if contrast.low is not None else ""
    words = f"{show.points(contrast.difference)}{between} p {p} vs {contrast.control}"
    return one_line(words, 120)


def overview(results: Results) -> list[Line]:
    """A line for each model and arm over seeds and questions; one more for each further contrast."""
    models = list(dict.fromkeys(rate.model for rate in results.rates))
    lines: list[Line] = []
    for rate in results.rates:
        if rate.seed is not None or rate.question is not None or rate.variant is not None:
            continue
        name = rate.arm if len(models) == 1 else f"{rate.arm} · {rate.model}"
        found = [
            item
            for item in results.contrasts
            if (item.model, item.arm) == (rate.model, rate.arm)
            and item.question is None
            and item.variant is None
        ]
        lines.append(Line(name, rate, found[0] if found else None))
        lines += [Line("", rate, item) for item in found[1:]]
    return lines


def drill(results: Results, line: Line) -> list[Line]:
    """Below one arm: each seed, then each question and variant over seeds."""
    rate = line.rate
    same = [
        item
        for item in results.rates
        if (item.model, item.arm, item.checkpoint) == (rate.model, rate.arm, rate.checkpoint)
    ]
    seeds = [item for item in same if item.seed is not None and item.question is None]
    parts = [
        item
        for item in same
        if item.seed is None and (item.question is not None or item.variant is not None)
    ]
    contrasts = {
        (item.question, item.variant): item
        for item in reversed(results.contrasts)
        if (item.model, item.arm) == (rate.model, rate.arm)
    }
    named = [Line(f"seed {item.seed}", item) for item in seeds if item.variant is None]
    for item in parts:
        name = " · ".join(part for part in (item.question, item.variant) if part)
        named.append(Line(name, item, contrasts.get((item.question, item.variant))))
    return named


def notes(results: Results) -> Text:
    """Warnings, every contrast in words, and how the numbers were made."""
    text = Text()
    for warning in results.warnings:
        text.append(f"⚠ {printable(warning)}\n", WARN)
    for item in results.contrasts:
        if item.question is None and item.variant is None:
            text.append(printable(f"{item.arm} − {item.control}: "), BOLD)
            text.append(
                f"{show.points(item.difference)} points "
                f"[{show.points(item.low)}, {show.points(item.high)}], "
                f"p {show.p_value(item.p, item.p_min)}, "
                f"{show.plural(item.seeds, 'seed')}, n {item.n:,}\n"
            )
    methods = dict.fromkeys(
        [*(rate.method for rate in results.rates), *(item.method for item in results.contrasts)]
    )
    for method in methods:
        text.append(f"{printable(method)}\n", DIM)
    return text


def as_text(lines: list[Line]) -> str:
    """The table with tabs between its columns, for the clipboard."""
    head = ["arm", "seeds", "n", "rate", "low", "high", "unclear", "broken", "difference"]
    rows = [head]
    for line in lines:
        rate = line.rate
        shares = (rate.rate, rate.low, rate.high, rate.unclear, rate.broken)
        percents = [show.percent(share) for share in shares]
        rows.append([rate.arm, str(rate.seeds), str(rate.n), *percents, difference(line.contrast)])
    return "\n".join("\t".join(row) for row in rows)
