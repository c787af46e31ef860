"""Rates, intervals and contrasts of an experiment, with warnings and the SQL behind them.

Promises: every rate carries its n, its number of seeds, its interval and the shares of unclear and
broken answers; seeds are the unit of replication; the same rows give the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic import Field

from experiments.prompts import spread_labels
from experiments.readouts import is_read
from experiments.schema import Analysis, Definition
from store.beside.held_out import HELD_OUT_OVER_SEEDS, held_out_means
from store.beside.lengths import bands, median_lengths
from store.connect import Connection
from store.measured import Asked, Tally, copies, tallies
from store.queries import READOUT_MEANS, experiments, longest_texts, means
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.data.database import in_some_memory, reading
from wgen_tui.services.experiments import definitions, listing
from wgen_tui.services.measures.cells import count_cells
from wgen_tui.services.measures.chosen_verdicts import ChosenJudge, asked_of
from wgen_tui.services.measures.details import ArmDetails, Copies, Details, arm_details
from wgen_tui.services.measures.lengths import AtMatchedLength, at_matched_length
from wgen_tui.services.measures.rate_rows import ContrastResult, Rate, Row
from wgen_tui.services.measures.tallied import MeasureRows, Tallied, filled, tally
from wgen_tui.services.rates.against_task import AgainstTask, against_task
from wgen_tui.services.rates.by_context import ContextTable, by_context
from wgen_tui.services.rates.by_judge import JudgeHeadline, headline_by_judge
from wgen_tui.services.rates.by_variant import VariantTable, by_variant
from wgen_tui.services.rates.curve import Curve, curve_of
from wgen_tui.services.rates.groups import Checkpoint, at_checkpoint
from wgen_tui.services.rates.headline_under import (
    HeadlineUnder,
    planned_and_unbroken,
    under_conditions,
    under_judges,
)
from wgen_tui.services.rates.published import PublishedBeside, published_beside
from wgen_tui.services.rates.rate_table import By, RateTable
from wgen_tui.services.rates.self_agreement import SelfAgreement, self_agreement
from wgen_tui.services.rates.value_curve import ValueCurve, arm_curves, drawing_curves, value_curves
from wgen_tui.services.results import warnings as cautions
from wgen_tui.services.results.compared import Compared, Note
from wgen_tui.services.results.missing_wordings import lacking
from wgen_tui.services.results.readouts import Accuracy, ReadoutMean, accuracies, means_over_seeds
from wgen_tui.services.results.warnings import Doubt
from wgen_tui.services.results.which_share import (
    plan_of,
    refuse_unknown_verdicts,
    says_which_share,
)
from wgen_tui.services.statistics import intervals
from wgen_tui.services.suggest import unknown

SCHEMA = 1


class JudgeVerdicts(Row):
    """Whose verdicts of a judge count.

    Attributes:
        rubric: The hash that names the version of the judge, where there are several.
        versions: All there are, as `grader hash`; of a rule none are listed.
    """

    judge: str = Field(examples=["aligned"])
    grader: str = Field(examples=["model:Qwen/Qwen3-8B"])
    rubric: str | None = Field(examples=[None])
    versions: list[str] = Field(examples=[["model:Qwen/Qwen3-8B 0123456789"]])


class Results(Row):
    """`results EXPERIMENT --json` (dumped by alias: `schema`).

    Attributes:
        accuracy: Of questions that are read and say what is right.
        warnings: All that is to be known beside the numbers, in sentences.
        notes: The same by kind, with counts and runs.
        doubts: Runs whose adapter was found wrong; `warnings` says it too.
        curve: The share at every step that was sampled, when there are several.
        judges: Whose verdicts the measures are made of.
        details: Of the headline, where they are asked for.
        by_judge: The headline by every grader, where that is asked for.
        headline_under: The headline as planned, then with broken answers left out, where there are
            any; with `details` under each filter and by each judge.
        self_agreement: Of judges with several verdicts of a sample; with `details` or by judge.
        value_curves: Over the values of each variant that is spread over several, and over
            numbers of rows in context.
        by_variant: Each arm in each variant, beside its mean, where there are several.
        by_context: Each arm in each of `contexts:`, beside none.
        published: Figures of others beside ours.
        against_task: Each arm that holds rows out: the headline beside loss and accuracy on them.
        asked: What each measure asks of the grades, for the samples behind a number.
    """

    schema_version: int = Field(default=SCHEMA, serialization_alias="schema", examples=[SCHEMA])
    experiment: str = Field(examples=["names"])
    rates: list[Rate]
    contrasts: list[ContrastResult]
    warnings: list[str]
    sql: str = Field(examples=["the query behind the counts"])
    readouts: list[ReadoutMean] = Field(default=[])
    accuracy: list[Accuracy] = Field(default=[])
    notes: list[Note] = Field(default=[])
    doubts: list[Doubt] = Field(default=[], exclude=True)
    curve: Curve | None = Field(default=None, exclude=True)
    judges: list[JudgeVerdicts] = Field(default=[])
    value_curves: list[ValueCurve] = Field(default=[])
    by_variant: list[VariantTable] = Field(default=[])
    by_context: list[ContextTable] = Field(default=[], exclude_if=lambda tables: not tables)
    published: list[PublishedBeside] = Field(default=[], exclude_if=lambda figures: not figures)
    against_task: list[AgainstTask] = Field(default=[], exclude_if=lambda arms: not arms)
    by_judge: list[JudgeHeadline] = Field(default=[])
    headline_under: list[HeadlineUnder] = Field(default=[])
    self_agreement: list[SelfAgreement] = Field(default=[])
    details: Details | None = Field(default=None)
    asked: dict[str, Asked] = Field(default={}, exclude=True)


@in_some_memory
def compute(
    home: Home,
    experiment: str,
    *,
    by: Sequence[By] = ("question", "variant"),
    judge: str | None = None,
    label: str | None = None,
    measure: str | None = None,
    grader: str | None = None,
    checkpoint: Checkpoint = "final",
    interval: intervals.Interval = "t",
    by_judge: bool = False,
    details: bool = False,
) -> Results:
    """Compute an experiment's rates and contrasts.

    Args:
        home: Where the samples are.
        experiment: Slug.
        by: Also for each question, for each variant.
        judge: Instead of the plan's primary metric, together with `label` (of a judge that rates,
            the mean without it).
        label: The label whose share is meant.
        measure: The name of a measure of the plan, instead of its primaries.
        grader: Whose grades; the rule's when None (`human:ada` for a person's).
        checkpoint: The last of each run, all of them, or one step.
        interval: How intervals over seeds are made.
        by_judge: Also the headline by every grader there is.
        details: Also rate@k, what the draws are worth, runs that are copies, and the headline under
            each filter and by each judge.

    Raises:
        UsageError: there are no samples, or nothing says which share is meant.
        BusyError: another program holds the database.
    """
    definition, notes = _definition(home, experiment)
    with reading(home) as con:
        if definition is None:
            _refuse_unknown(home, experiment, [name for name, _ in experiments(con)])
        read = means(con, experiment)
        readouts = means_over_seeds(read, checkpoint)
        accuracy = accuracies(read, _answers(definition), checkpoint)
        only_readouts = bool(readouts) and not says_which_share(definition, judge, label)
        plan = None if only_readouts else plan_of(definition, experiment, judge, label, measure)
        tallied = Tallied([], {})
        if plan is not None:
            refuse_unknown_verdicts(
                *(con, experiment, definition, plan.headline[1].graded_by),
                label=label,
                grader=grader,
            )
            tallied = tally(
                *(con, experiment, plan, definition),
                grader=grader,
                read=read,
                answers=_answers(definition),
            )
        of_judges: list[JudgeHeadline] = []
        of_itself: list[SelfAgreement] = []
        unlisted = 0
        under: list[HeadlineUnder] = []
        if plan is not None and (by_judge or details):
            given = (con, experiment, plan, definition, tallied, interval)
            of_judges, unlisted = headline_by_judge(*given, agreement=by_judge)
            of_itself = self_agreement(con, experiment, tallied.chosen, plan.confidence)
        if plan is not None:
            under = _under(con, experiment, plan, definition, tallied, interval, details=details)
            under += under_judges(of_judges) if details else []
        more = _details(con, experiment, plan, tallied) if details and plan is not None else None
        texts = longest_texts(con, experiment)
        lacks = lacking(con, experiment, definition)
        task = held_out_means(con, experiment)
    task_sql = filled(HELD_OUT_OVER_SEEDS, experiment=experiment)
    if plan is None:
        only = _readouts_only(home, experiment, definition, notes, readouts)
        more_of = {"accuracy": accuracy, "against_task": against_task(task, (), None, sql=task_sql)}
        return only.model_copy(update=more_of)
    if not any(item.rows for item in tallied.measures):
        raise UsageError(
            f"Experiment {experiment} has no samples.",
            title="No results yet",
            hint=f"wgen-tui run start {experiment}",
        )
    headline = tallied.measures[0]
    tables = [_table(item, plan, checkpoint, interval) for item in tallied.measures]
    rates = [rate for table in tables for rate in table.rates(by)]
    contrasts = [item for table in tables for item in table.contrasts(by)]
    counted = {row.run_id for item in tallied.measures for row in item.rows}
    cells = count_cells(_at(headline.rows, checkpoint), mean=headline.measured.is_mean)
    compared = Compared(
        *(home, experiment, counted, definition, plan, rates, contrasts, cells, texts),
        chosen=tallied.chosen,
        under=under,
        unlisted_judges=unlisted,
        lacking=lacks,
    )
    doubts = cautions.unproven(compared)
    said = cautions.notes(compared, doubts)
    curve = curve_of(headline.rows, plan, interval, headline.measured)
    return Results(
        experiment=experiment,
        rates=rates,
        contrasts=contrasts,
        warnings=[*notes, *(note.text for note in said)],
        notes=said,
        sql=headline.sql,
        readouts=readouts,
        accuracy=accuracy,
        doubts=doubts,
        curve=curve,
        judges=[_verdicts_of(item) for item in tallied.chosen.values()],
        by_judge=of_judges if by_judge else [],
        headline_under=under,
        self_agreement=of_itself,
        details=more,
        value_curves=_value_curves(rates, definition),
        by_variant=by_variant(rates, contrasts, _variants(definition)),
        by_context=by_context(rates, contrasts, definition),
        published=published_beside(rates, definition),
        against_task=against_task(
            task, _over_seeds(rates, curve), plan, headline.measured.name, task_sql
        ),
        asked={m.measured.name: m.asked for m in tallied.measures if m.asked is not None},
    )


def _over_seeds(rates: Sequence[Rate], curve: Curve | None) -> list[Rate]:
    """The headline's at every step of those that were sampled at several, at the last of others."""
    several = [] if curve is None else curve.rates
    there = {(rate.model, rate.arm) for rate in several}
    overall = [rate for rate in rates if (rate.seed, rate.question, rate.variant) == (None,) * 3]
    first = [rate for rate in overall if rate.metric == overall[0].metric]
    return [*several, *(rate for rate in first if (rate.model, rate.arm) not in there)]


def _value_curves(rates: Sequence[Rate], definition: Definition | None) -> list[ValueCurve]:
    if definition is None:
        return []
    sampling = definition.sampling
    by_variant = [*value_curves(rates, sampling), *drawing_curves(rates, sampling)]
    return [*by_variant, *arm_curves(rates, definition.arms)]


def _under(
    con: Connection,
    experiment: str,
    plan: Analysis,
    definition: Definition | None,
    tallied: Tallied,
    interval: intervals.Interval,
    *,
    details: bool,
) -> list[HeadlineUnder]:
    """The headline under each filter; without `details` the one that costs no query."""
    headline = tallied.measures[0]
    if plan.headline[1].graded_by is None or not any(row.n for row in headline.rows):
        return []
    if not details:
        broken = any(row.broken for row in headline.rows)
        return planned_and_unbroken(headline, plan, interval) if broken else []
    return [
        *planned_and_unbroken(headline, plan, interval),
        *under_conditions(con, experiment, plan, definition, tallied, interval),
    ]


def _details(con: Connection, experiment: str, plan: Analysis, tallied: Tallied) -> Details:
    """Of the headline, over the last step of each run."""
    measure = plan.headline[1]
    arms: list[ArmDetails] = []
    matched: list[AtMatchedLength] = []
    if measure.graded_by is not None:
        asked = asked_of(measure, dict(tallied.chosen), plan.unclear)
        rows = at_checkpoint(tallies(con, experiment, asked, by_prompt=True), "final")
        lengths = median_lengths(con, experiment)
        arms = [
            arm.model_copy(update={"median_length": lengths.get((arm.model, arm.arm))})
            for arm in arm_details(rows, mean=measure.kind == "mean")
        ]
        matched = at_matched_length(
            bands(con, experiment, asked), plan.contrasts, mean=measure.kind == "mean"
        )
    same = [Copies(runs=runs, samples=n) for runs, n in copies(con, experiment)]
    return Details(arms=arms, copies=same, matched=matched)


def _table(
    item: MeasureRows, plan: Analysis, checkpoint: Checkpoint, interval: intervals.Interval
) -> RateTable:
    cells = count_cells(_at(item.rows, checkpoint), mean=item.measured.is_mean)
    return RateTable(cells, plan, interval, item.measured)


def _verdicts_of(chosen: ChosenJudge) -> JudgeVerdicts:
    return JudgeVerdicts(
        judge=chosen.verdicts.judge,
        grader=chosen.verdicts.grader,
        rubric=chosen.verdicts.rubric,
        versions=[" ".join(version) for version in chosen.versions],
    )


def _readouts_only(
    home: Home,
    experiment: str,
    definition: Definition | None,
    notes: list[str],
    readouts: list[ReadoutMean],
) -> Results:
    """Results without rates: nothing says which share of the answers is meant."""
    compared = Compared(home, experiment, None, definition)
    doubts = cautions.unproven(compared)
    said = cautions.notes(compared, doubts)
    return Results(
        experiment=experiment,
        rates=[],
        contrasts=[],
        warnings=[*notes, *(note.text for note in said)],
        notes=said,
        doubts=doubts,
        sql=filled(READOUT_MEANS, experiment=experiment),
        readouts=readouts,
    )


def _answers(definition: Definition | None) -> dict[str, str]:
    """Of the questions that are read, what is right."""
    questions = definition.questions if definition is not None else ()
    return {q.name: q.answer for q in questions if is_read(q) and isinstance(q.answer, str)}


def _variants(definition: Definition | None) -> list[str]:
    return list(spread_labels(definition.sampling)) if definition is not None else []


def _definition(home: Home, experiment: str) -> tuple[Definition | None, list[str]]:
    try:
        return definitions.load(home, experiment), []
    except UsageError as error:
        return None, [f"the definition cannot be read, so there is no plan: {error.message}"]


def _refuse_unknown(home: Home, experiment: str, sampled: list[str]) -> None:
    """Refuse an experiment that has neither a definition that can be read nor samples.

    Raises:
        UsageError: naming the nearest, or what is wrong with the definition.
    """
    if experiment in sampled:
        return
    known = [info.slug for info in listing.list_experiments(home)]
    if experiment in known:
        definitions.load(home, experiment)
    raise unknown("experiment", experiment, dict.fromkeys([*known, *sampled]))


def _at(rows: Iterable[Tally], checkpoint: Checkpoint) -> list[Tally]:
    """The rows of the checkpoints that are meant.

    Raises:
        UsageError: no run has samples of that step.
    """
    listed = list(rows)
    chosen = at_checkpoint(listed, checkpoint)
    if isinstance(checkpoint, int) and not any(row.step == checkpoint for row in chosen):
        steps = sorted({row.step for row in listed})
        raise UsageError(
            f"No run has samples of checkpoint {checkpoint}.",
            title="No such checkpoint",
            hint=f"There are: {', '.join(map(str, steps))}.",
        )
    return chosen
