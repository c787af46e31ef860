"""Which measures results are of: the plan's, or what the caller asks for instead."""

from __future__ import annotations

from experiments.panel import verdicts_of
from experiments.schema import BROKEN_JUDGE, Analysis, Definition, Measure, Primary
from store.connect import Connection
from store.queries import judges, labels_given
from wgen_tui.errors import UsageError
from wgen_tui.services.suggest import unknown


def says_which_share(definition: Definition | None, judge: str | None, label: str | None) -> bool:
    """Whether a plan or the caller names a judge or a label."""
    planned = definition is not None and definition.analysis is not None
    return planned or judge is not None or label is not None


def plan_of(
    definition: Definition | None,
    experiment: str,
    judge: str | None,
    label: str | None,
    measure: str | None = None,
) -> Analysis:
    """The plan of the definition, or one of what the caller asks for.

    Raises:
        UsageError: nothing says which share is meant, or there is no such judge or measure.
    """
    plan = definition.analysis if definition is not None else None
    if measure is not None:
        return _with_measure(plan, measure)
    if judge is None and label is None:
        if plan is None:
            raise UsageError(
                f"Experiment {experiment} has no analysis plan.",
                title="Which share?",
                hint="Add `analysis:` to experiment.yaml, or give --judge and --label.",
            )
        return plan
    if judge is None and plan is not None:
        judge = plan.headline[1].graded_by
    rates_numbers = judge is not None and judge in _rating_judges(definition)
    if judge is None or (label is None and not rates_numbers):
        raise UsageError(
            "A metric is a judge and one of its labels.",
            title="Which share?",
            hint="Give both --judge and --label.",
        )
    if definition is not None:
        known = [item.name for item in definition.judges]
        known += [item.name for item in definition.rubrics] + [BROKEN_JUDGE]
        known += [item.name for item in definition.model_judges]
        if judge not in known:
            raise unknown("judge", judge, dict.fromkeys(known))
    contrasts = plan.contrasts if plan is not None else ()
    if label is None:
        name = f"mean of {judge}"
        measures = {name: Measure(judge=judge, mean=True)}
        return Analysis(primary=(name,), measures=measures, contrasts=contrasts)
    return Analysis(primary=Primary(judge=judge, label=label), contrasts=contrasts)


def refuse_unknown_verdicts(
    con: Connection,
    experiment: str,
    definition: Definition | None,
    judge: str | None,
    *,
    label: str | None,
    grader: str | None,
) -> None:
    """Refuse a label or a grader that a judge does not have: its share would be a silent zero.

    Args:
        con: From `store.connect.read`.
        experiment: Slug.
        definition: What its judges may say; what they have said is allowed besides.
        judge: The headline's; None where nothing is graded.
        label: What the caller asked for, if anything.
        grader: Whose grades the caller asked for, if anybody's.

    Raises:
        UsageError: nothing has it; the nearest is named.
    """
    if judge is None:
        return
    if label is not None:
        declared = verdicts_of(definition).get(judge) if definition is not None else None
        may_be_any = declared is not None and declared.labels is None
        own = (declared.labels if declared is not None else None) or ()
        if not may_be_any and label not in own:
            given = labels_given(con, experiment, judge)
            if label not in given:
                raise unknown(f"label of {judge}", label, dict.fromkeys([*own, *given]))
    if grader is not None:
        graders = [name for named, name in judges(con, experiment) if named == judge]
        if grader not in graders:
            raise unknown(f"grader of {judge}", grader, graders)


def _with_measure(plan: Analysis | None, name: str) -> Analysis:
    """The plan with one of its measures as the headline.

    Raises:
        UsageError: there is none of that name.
    """
    known = {**plan.measures, **plan.primaries} if plan is not None else {}
    if plan is None or name not in known:
        raise unknown("measure", name, list(known))
    return plan.model_copy(update={"primary": (name,), "measures": known})


def _rating_judges(definition: Definition | None) -> list[str]:
    """Judges, and rubrics, that give numbers alone."""
    if definition is None:
        return []
    judges = [item.name for item in definition.model_judges if item.type == "rating_judge"]
    return judges + [item.name for item in definition.rubrics if item.scale and not item.labels]
