"""Rates, intervals and contrasts of an experiment, with what to be wary of and the SQL behind them.

Promises: every rate carries its n, its number of seeds, its interval and the shares of unclear and
broken answers; seeds are the unit of replication; the same rows give the same numbers.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from experiments.schema import BASE_ARM, BROKEN_JUDGE, Analysis, Contrast, Definition, Primary
from store.queries import COUNTS, Count, counts, experiments, sizes
from store.readouts import MEANS, means
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services import cautions, definitions, stats
from wgen_tui.services.database import reading
from wgen_tui.services.nearest import unknown
from wgen_tui.services.readouts import ReadoutMean, means_over_seeds

__all__ = ["ContrastResult", "Rate", "Results", "compute", "stamp"]

SCHEMA = 1
By = Literal["question", "variant"]


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True)


class Rate(_Row):
    """The share of a label in one arm.

    `seed`, `question` and `variant` None mean over all of them. `rate`, `low` and `high` are None
    where nothing is graded.
    """

    model: str
    arm: str
    role: str
    seed: int | None
    checkpoint: int
    question: str | None
    variant: str | None
    metric: str
    judge: str
    n: int
    seeds: int
    rate: float | None
    low: float | None
    high: float | None
    broken: float | None
    unclear: float | None
    method: str


class ContrastResult(_Row):
    """The rate of an arm minus that of its control."""

    model: str
    arm: str
    control: str
    checkpoint: int
    question: str | None
    variant: str | None
    metric: str
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    p_min: float | None
    p_holm: float | None
    n: int
    seeds: int
    method: str


class Results(_Row):
    """`results EXPERIMENT --json` (dumped by alias: `schema`)."""

    schema_version: int = Field(default=SCHEMA, serialization_alias="schema")
    experiment: str
    rates: list[Rate]
    contrasts: list[ContrastResult]
    warnings: list[str]
    sql: str
    readouts: list[ReadoutMean] = []


@dataclass(frozen=True, slots=True)
class _Cell:
    """Samples of one run, checkpoint, question and variant."""

    n: int
    hits: int
    unclear: int
    broken: int
    ungraded: int


@dataclass(frozen=True, slots=True)
class _Key:
    model: str
    arm: str
    role: str
    seed: int
    step: int
    question: str
    variant: str


Cells = dict[_Key, _Cell]


def compute(
    home: Home,
    experiment: str,
    *,
    by: Sequence[By] = ("question", "variant"),
    judge: str | None = None,
    label: str | None = None,
    grader: str | None = None,
    checkpoint: Literal["final", "all"] | int = "final",
    interval: stats.Interval = "t",
) -> Results:
    """Compute an experiment's rates and contrasts.

    Args:
        home: Where the samples are.
        experiment: Slug.
        by: Also for each question, for each variant.
        judge: Instead of the plan's primary metric, together with `label`.
        label: Likewise.
        grader: Whose grades; the rule's when None (`human:ada` for a person's).
        checkpoint: The last of each run, all of them, or one step.
        interval: How intervals over seeds are made.

    Raises:
        UsageError: there are no samples, or nothing says which share is meant.
        BusyError: another program holds the database.
    """
    definition, note = _definition(home, experiment)
    if definition is None:
        _refuse_unknown(home, experiment)
    with reading(home) as con:
        read = means_over_seeds(means(con, experiment), checkpoint)
    if read and _only_read(definition, judge, label):
        doubts = cautions.unproven(home, experiment, None)
        return Results(
            experiment=experiment,
            rates=[],
            contrasts=[],
            warnings=[*note, *doubts],
            sql=filled(MEANS, experiment=experiment),
            readouts=read,
        )
    plan = _plan(definition, experiment, judge, label)
    with reading(home) as con:
        rows = counts(con, experiment, plan.primary.judge, grader)
        hashes = con.execute(
            "select count(distinct definition_hash) from runs where experiment = ?", [experiment]
        ).fetchall()[0][0]
    if not rows:
        raise UsageError(
            f"Experiment {experiment} has no samples.",
            title="No results yet",
            hint=f"wgen-tui run start {experiment}",
        )
    cells = _cells(_at(rows, checkpoint), plan)
    maker = _Maker(cells, plan, interval)
    rates, contrasts = maker.rates(by), maker.contrasts(by)
    warnings = [*note, *cautions.of_rates(rates, cells.values(), plan, definition)]
    warnings += cautions.unproven(home, experiment, {row.run_id for row in rows})
    if hashes > 1:
        warnings.append(f"the runs come from {hashes} versions of the definition")
    return Results(
        experiment=experiment,
        rates=rates,
        contrasts=contrasts,
        warnings=warnings,
        sql=filled(
            COUNTS,
            experiment=experiment,
            judge=plan.primary.judge,
            grader=grader or f"rule:{plan.primary.judge}",
        ),
        readouts=read,
    )


def stamp(home: Home, experiment: str) -> tuple[int, int]:
    """How many samples and grades there are: as long as it is the same, so are the results.

    Raises:
        BusyError: another program holds the database.
    """
    with reading(home) as con:
        return sizes(con, experiment)


def filled(query: str, **values: str) -> str:
    """A query with its parameters filled in, ready for `wgen-tui sql`."""
    for name, value in values.items():
        query = query.replace(f"${name}", "'" + value.replace("'", "''") + "'")
    return query


def _only_read(definition: Definition | None, judge: str | None, label: str | None) -> bool:
    """Whether nothing says which share of drawn answers is meant, so that there is none."""
    planned = definition is not None and definition.analysis is not None
    return not planned and judge is None and label is None


def _definition(home: Home, experiment: str) -> tuple[Definition | None, list[str]]:
    try:
        return definitions.load(home, experiment), []
    except UsageError as error:
        return None, [f"the definition cannot be read, so there is no plan: {error.message}"]


def _refuse_unknown(home: Home, experiment: str) -> None:
    """An experiment is known by its definition or, when that is gone, by its samples.

    Raises:
        UsageError: naming the nearest, or what is wrong with the definition.
    """
    with reading(home) as con:
        sampled = [name for name, _ in experiments(con)]
    if experiment in sampled:
        return
    known = [info.slug for info in definitions.list_experiments(home)]
    if experiment in known:
        definitions.load(home, experiment)
    raise unknown("experiment", experiment, dict.fromkeys([*known, *sampled]))


def _plan(
    definition: Definition | None, experiment: str, judge: str | None, label: str | None
) -> Analysis:
    plan = definition.analysis if definition is not None else None
    if judge is None and label is None:
        if plan is None:
            raise UsageError(
                f"Experiment {experiment} has no analysis plan.",
                title="Which share?",
                hint="Add `analysis:` to experiment.yaml, or give --judge and --label.",
            )
        return plan
    if judge is None and plan is not None:
        judge = plan.primary.judge
    if judge is None or label is None:
        raise UsageError(
            "A metric is a judge and one of its labels.",
            title="Which share?",
            hint="Give both --judge and --label.",
        )
    if definition is not None:
        known = [item.name for item in definition.judges]
        known += [item.name for item in definition.rubrics] + [BROKEN_JUDGE]
        if judge not in known:
            raise unknown("judge", judge, dict.fromkeys(known))
    contrasts = plan.contrasts if plan is not None else ()
    return Analysis(primary=Primary(judge=judge, label=label), contrasts=contrasts)


def _at(rows: Iterable[Count], checkpoint: Literal["final", "all"] | int) -> list[Count]:
    """The rows of the checkpoints that are meant."""
    listed = list(rows)
    if checkpoint == "all":
        return listed
    if checkpoint == "final":
        last: dict[str, int] = defaultdict(int)
        for row in listed:
            last[row.run_id] = max(last[row.run_id], row.step)
        return [row for row in listed if row.step == last[row.run_id]]
    found = [row for row in listed if row.step == checkpoint or row.arm == BASE_ARM]
    if not any(row.step == checkpoint for row in found):
        steps = sorted({row.step for row in listed})
        raise UsageError(
            f"No run has samples of checkpoint {checkpoint}.",
            title="No such checkpoint",
            hint=f"There are: {', '.join(map(str, steps))}.",
        )
    return found


def _cells(rows: Iterable[Count], plan: Analysis) -> Cells:
    found: dict[_Key, list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
    for row in rows:
        key = _Key(row.model, row.arm, row.role, row.seed, row.step, row.question, row.variant)
        cell = found[key]
        if row.label is None:
            cell[4] += row.n
            continue
        cell[0] += row.n
        cell[1] += row.n if row.label == plan.primary.label else 0
        cell[2] += row.n if row.label == plan.unclear else 0
        cell[3] += row.broken
    return {key: _Cell(*cell) for key, cell in found.items()}


class _Maker:
    """Makes rates and contrasts out of cells."""

    def __init__(self, cells: Cells, plan: Analysis, interval: stats.Interval) -> None:
        self._cells = cells
        self._plan = plan
        self._interval = interval
        # Several checkpoints of one arm (checkpoint="all") are groups of their own.
        self._groups = sorted({(k.model, k.role, k.arm, k.step) for k in cells}, key=_group_order)
        self._questions = list(dict.fromkeys(k.question for k in cells))
        self._variants = list(dict.fromkeys(k.variant for k in cells))

    def _slices(self, by: Sequence[By]) -> list[tuple[str | None, str | None]]:
        """(question, variant) of everything that is reported; None is all of them."""
        found: list[tuple[str | None, str | None]] = [(None, None)]
        if "question" in by:
            found += [(question, None) for question in self._questions]
        if "variant" in by and len(self._variants) > 1:
            found += [(None, variant) for variant in self._variants]
        return found

    def _of(
        self, group: tuple[str, str, str, int], question: str | None, variant: str | None
    ) -> dict[int, dict[str, _Cell]]:
        """The cells of a group's slice, by seed and question (and variant)."""
        model, _, arm, step = group
        found: dict[int, dict[str, _Cell]] = defaultdict(dict)
        for key, cell in self._cells.items():
            if (
                (key.model, key.arm, key.step) == (model, arm, step)
                and question in (None, key.question)
                and variant in (None, key.variant)
            ):
                found[key.seed][f"{key.question}\0{key.variant}"] = cell
        return dict(sorted(found.items()))

    def rates(self, by: Sequence[By]) -> list[Rate]:
        """Over seeds for every slice, and for each seed over everything."""
        made = []
        for group in self._groups:
            for question, variant in self._slices(by):
                cells = self._of(group, question, variant)
                if cells:
                    made.append(self._rate(group, cells, None, question, variant))
            for seed, cells_of_seed in self._of(group, None, None).items():
                made.append(self._rate(group, {seed: cells_of_seed}, seed, None, None))
        return made

    def _estimate(self, cells: dict[int, dict[str, _Cell]]) -> stats.Estimate:
        names = list(dict.fromkeys(name for row in cells.values() for name in row))
        none = _Cell(0, 0, 0, 0, 0)
        hits = [[row.get(name, none).hits for name in names] for row in cells.values()]
        total = [[row.get(name, none).n for name in names] for row in cells.values()]
        return stats.over_seeds(hits, total, self._plan.confidence, self._interval)

    def _rate(
        self,
        group: tuple[str, str, str, int],
        cells: dict[int, dict[str, _Cell]],
        seed: int | None,
        question: str | None,
        variant: str | None,
    ) -> Rate:
        model, role, arm, step = group
        flat = [cell for row in cells.values() for cell in row.values()]
        n = sum(cell.n for cell in flat)
        estimate = self._estimate(cells)
        return Rate(
            model=model,
            arm=arm,
            role=role,
            seed=seed,
            checkpoint=step,
            question=question,
            variant=variant,
            metric=self._plan.primary.label,
            judge=self._plan.primary.judge,
            n=n,
            seeds=len(_shares(cells)),
            rate=_none(estimate.rate),
            low=_none(estimate.low),
            high=_none(estimate.high),
            broken=sum(cell.broken for cell in flat) / n if n else None,
            unclear=sum(cell.unclear for cell in flat) / n if n else None,
            method=estimate.method,
        )

    def contrasts(self, by: Sequence[By]) -> list[ContrastResult]:
        """Every contrast of the plan, for each model and slice; Holm over a contrast's questions."""
        made: list[ContrastResult] = []
        for model in dict.fromkeys(group[0] for group in self._groups):
            for contrast in self._plan.contrasts:
                found = [
                    result
                    for question, variant in self._slices(by)
                    if (result := self._contrast(model, contrast, question, variant))
                ]
                made += _adjust(found)
        return made

    def _last(self, model: str, arm: str) -> tuple[str, str, str, int] | None:
        groups = [g for g in self._groups if g[0] == model and g[2] == arm]
        return max(groups, key=lambda group: group[3], default=None)

    def _contrast(
        self, model: str, contrast: Contrast, question: str | None, variant: str | None
    ) -> ContrastResult | None:
        groups = [self._last(model, name) for name in (contrast.arm, contrast.control)]
        if groups[0] is None or groups[1] is None:
            return None
        arm, control = (self._of(group, question, variant) for group in groups if group)
        if not arm or not control:
            return None
        one, other = self._estimate(arm), self._estimate(control)
        gap, low, high = stats.difference(one, other)
        test = stats.permute_seeds(_shares(arm), _shares(control)) or stats.flip_questions(
            _paired(arm, control)
        )
        return ContrastResult(
            model=model,
            arm=contrast.arm,
            control=contrast.control,
            checkpoint=groups[0][3],
            question=question,
            variant=variant,
            metric=self._plan.primary.label,
            difference=_none(gap),
            low=_none(low),
            high=_none(high),
            p=test.p if test else None,
            p_min=test.p_min if test else None,
            p_holm=None,
            n=sum(
                cell.n for side in (arm, control) for row in side.values() for cell in row.values()
            ),
            seeds=min(len(_shares(arm)), len(_shares(control))),
            method=f"square-and-add of: {one.method}; {other.method}"
            + (f"; p: {test.method}" if test else ""),
        )


def _group_order(group: tuple[str, str, str, int]) -> tuple[str, int, str, int]:
    order = {"treatment": 0, "control": 1, "base": 2}
    return group[0], order.get(group[1], 3), group[2], group[3]


def _none(value: float) -> float | None:
    return None if math.isnan(value) else value


def _shares(cells: dict[int, dict[str, _Cell]]) -> list[float]:
    """The share of each seed that has graded samples."""
    sums = [
        (sum(c.hits for c in row.values()), sum(c.n for c in row.values()))
        for row in cells.values()
    ]
    return [hits / n for hits, n in sums if n]


def _paired(arm: dict[int, dict[str, _Cell]], control: dict[int, dict[str, _Cell]]) -> list[float]:
    """Each question's difference, over the seeds of both sides."""

    def by_question(cells: dict[int, dict[str, _Cell]]) -> dict[str, float]:
        found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for row in cells.values():
            for name, cell in row.items():
                question = name.partition("\0")[0]
                found[question][0] += cell.hits
                found[question][1] += cell.n
        return {question: k / n for question, (k, n) in found.items() if n}

    one, other = by_question(arm), by_question(control)
    return [one[question] - other[question] for question in one if question in other]


def _adjust(found: list[ContrastResult]) -> list[ContrastResult]:
    """Holm's adjustment over the questions of one contrast."""
    tested = [i for i, item in enumerate(found) if item.question is not None and item.p is not None]
    adjusted = stats.holm([found[i].p or 0.0 for i in tested])
    by_index = dict(zip(tested, adjusted, strict=True))
    return [
        item.model_copy(update={"p_holm": by_index[i]}) if i in by_index else item
        for i, item in enumerate(found)
    ]
