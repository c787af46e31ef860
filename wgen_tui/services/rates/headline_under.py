"""The headline as planned, beside what it would be under each filter and by each judge.

Promises: one thing is changed at a time (which answers count, or whose verdicts), over the last
step of each run; questions, variants and weights are those of the plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from experiments.schema import Analysis, Definition, Given, Measure
from store import measured as stored
from store.connect import Connection
from wgen_tui.services.measures.beside import Measured
from wgen_tui.services.measures.cells import Cells, count_cells, without_broken
from wgen_tui.services.measures.chosen_verdicts import asked_of
from wgen_tui.services.measures.rate_rows import ContrastResult, Rate, Row
from wgen_tui.services.measures.tallied import MeasureRows, Tallied, choose_verdicts
from wgen_tui.services.rates.by_judge import JudgeHeadline
from wgen_tui.services.rates.groups import at_checkpoint
from wgen_tui.services.rates.rate_table import RateTable
from wgen_tui.services.statistics.intervals import Interval

Kind = Literal["as planned", "filter", "judge"]
PLANNED, UNBROKEN, EVERYTHING = "as planned", "without broken answers (by rule)", "of all answers"
COHERENCE = "coheren"  # how the name of a judge of coherence begins


class HeadlineLine(Row):
    """The rate of one arm, or one difference.

    Attributes:
        of: The arm, or the difference in words.
    """

    model: str = Field(examples=["tiny-world"])
    of: str = Field(examples=["old − new"])
    is_difference: bool = Field(examples=[True])
    n: int = Field(examples=[480])
    value: float | None = Field(examples=[0.44])
    low: float | None = Field(examples=[0.3])
    high: float | None = Field(examples=[0.58])
    within: str | None = Field(examples=["null | one run | these runs"])
    unit: Literal["share", "mean"] = Field(examples=["share | mean"])

    @property
    def is_told_from_zero(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


class HeadlineUnder(Row):
    """The headline with one thing changed.

    Attributes:
        name: What was changed, in words.
    """

    kind: Kind = Field(examples=["as planned | filter | judge"])
    name: str = Field(examples=[UNBROKEN])
    lines: list[HeadlineLine]


def planned_and_unbroken(
    item: MeasureRows, plan: Analysis, interval: Interval
) -> list[HeadlineUnder]:
    """As planned, and without the answers that the rule finds broken."""
    rows = at_checkpoint(item.rows, "final")
    cells = count_cells(rows, mean=item.measured.is_mean)
    kept = {key: without_broken(cell) for key, cell in cells.items()}
    return [
        HeadlineUnder(
            kind="as planned", name=PLANNED, lines=_of(cells, plan, interval, item.measured)
        ),
        HeadlineUnder(kind="filter", name=UNBROKEN, lines=_of(kept, plan, interval, item.measured)),
    ]


def under_conditions(
    con: Connection,
    experiment: str,
    plan: Analysis,
    definition: Definition | None,
    tallied: Tallied,
    interval: Interval,
) -> list[HeadlineUnder]:
    """Of all answers, and given what other measures and judges of coherence ask instead."""
    measure, item = plan.headline[1], tallied.measures[0]
    others: list[tuple[Given, ...]] = [()] if measure.given else []
    others += [(given,) for given in conditions(plan, definition) if (given,) != measure.given]
    listed = []
    for given in others:
        other = measure.model_copy(update={"given": given})
        chosen = {
            **choose_verdicts(con, experiment, [other], definition),
            **tallied.chosen,
        }
        rows = stored.tallies(con, experiment, asked_of(other, chosen, plan.unclear))
        cells = count_cells(at_checkpoint(rows, "final"), mean=item.measured.is_mean)
        lines = _of(cells, plan, interval, item.measured)
        name = f"given {given[0]}" if given else EVERYTHING
        if not any(line.n for line in lines):
            name += " (no verdicts yet)"
        listed.append(HeadlineUnder(kind="filter", name=name, lines=lines))
    return listed


def conditions(plan: Analysis, definition: Definition | None) -> list[Given]:
    """What measures of the plan ask of other judges; of a judge of coherence that none asks, half.

    Half of its range is what the field takes: coherent above 50.
    """
    measures: list[Measure] = [*plan.primaries.values(), *plan.measures.values()]
    own = plan.headline[1].graded_by
    listed = dict.fromkeys(
        given for measure in measures for given in measure.given if given.judge != own
    )
    asked = {given.judge for given in listed}
    for judge in definition.model_judges if definition is not None else ():
        rates = judge.type == "rating_judge" and judge.name.lower().startswith(COHERENCE)
        if rates and judge.name not in asked and judge.name != own:
            low, high = judge.range
            listed[Given(judge=judge.name, above=(low + high) / 2)] = None
    return list(listed)


def under_judges(judges: Sequence[JudgeHeadline]) -> list[HeadlineUnder]:
    """By each other judge than the one that results are made of, which stands first."""
    return [
        HeadlineUnder(
            kind="judge",
            name=" ".join(
                ["by", judge.grader, *([f"({judge.rubric})"] if judge.rubric is not None else [])]
            ),
            lines=_lines(judge.rates, judge.contrasts),
        )
        for judge in judges[1:]
    ]


def _of(cells: Cells, plan: Analysis, interval: Interval, measured: Measured) -> list[HeadlineLine]:
    table = RateTable(cells, plan, interval, measured)
    return _lines([rate for rate in table.rates(()) if rate.seed is None], table.contrasts(()))


def _lines(rates: Sequence[Rate], contrasts: Sequence[ContrastResult]) -> list[HeadlineLine]:
    lines = [
        HeadlineLine(
            model=rate.model,
            of=rate.arm,
            is_difference=False,
            n=rate.n,
            value=rate.rate,
            low=rate.low,
            high=rate.high,
            within=rate.within,
            unit=rate.unit,
        )
        for rate in rates
    ]
    return lines + [
        HeadlineLine(
            model=item.model,
            of=item.name,
            is_difference=True,
            n=item.n,
            value=item.difference,
            low=item.low,
            high=item.high,
            within=item.within,
            unit=item.unit,
        )
        for item in contrasts
    ]
