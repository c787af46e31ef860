"""From a number of the results to the very samples that it is made of.

Promises: what is listed is what was counted, no more and no less: `n` of the row, or its hits;
where columns alone say which samples these are, no grade is read to find them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from experiments.schema import BROKEN_JUDGE
from store.measured import Asked
from store.samples.behind import Behind, Part
from wgen_tui.errors import UsageError

if TYPE_CHECKING:
    from wgen_tui.services.measures.rate_rows import ContrastResult, Rate
    from wgen_tui.services.results.results import Results

BROKEN = "broken"  # the label of that judge
OF_READ = "This is of probabilities that were read: no samples were drawn for it."


def behind_rate(results: Results, rate: Rate, *, part: Part = "counted") -> Behind:
    """The samples of a rate.

    Raises:
        UsageError: it is of probabilities.
    """
    return Behind(
        experiment=results.experiment,
        asked=_asked(results, rate.metric),
        measure=rate.metric,
        model=rate.model,
        at=((rate.arm, rate.checkpoint),),
        part=part,
        seeds=() if rate.seed is None else (rate.seed,),
        questions=() if rate.question is None else (rate.question,),
        variants=() if rate.variant is None else (rate.variant,),
    )


def behind_contrast(results: Results, item: ContrastResult, *, part: Part = "counted") -> Behind:
    """The samples of a difference: those of both its sides.

    Raises:
        UsageError: it is of probabilities, or there is nothing that both sides have.
    """
    if not item.questions:
        raise UsageError(
            f"{item.name}: there is no question that both have graded samples of.", title="Samples"
        )
    arms = dict.fromkeys((item.arm, item.control))
    variants: tuple[str, ...] = () if item.variant is None else (item.variant,)
    if item.trigger is not None and item.minus is not None:
        variants = (item.trigger, item.minus)
    return Behind(
        experiment=results.experiment,
        asked=_asked(results, item.metric),
        measure=item.metric,
        model=item.model,
        at=tuple((arm, _last_step(results, item, arm)) for arm in arms),
        part=part,
        questions=() if item.question is None else (item.question,),
        variants=variants,
        without=tuple(item.left_out),
    )


def behind_point(results: Results, rate: Rate, *, part: Part = "counted") -> Behind:
    """The samples of a point of the curve: those of its step, of the questions that count there.

    Raises:
        UsageError: it is of probabilities.
    """
    curve = results.curve
    return Behind(
        experiment=results.experiment,
        asked=_asked(results, rate.metric),
        measure=rate.metric,
        model=rate.model,
        at=((rate.arm, rate.checkpoint),),
        part=part,
        questions=tuple(curve.questions) if curve is not None else (),
        last=False,
    )


def filter_fields(results: Results, behind: Behind) -> dict[str, Any]:
    """The fields of a `Filter` that lets these samples through."""
    fields: dict[str, Any] = {"experiment": behind.experiment, "model": behind.model}
    if len(behind.at) == 1:
        fields["arm"], fields["step"] = behind.at[0]
    for name, values in (
        ("seed", behind.seeds),
        ("question", behind.questions),
        ("variant", behind.variants),
    ):
        if len(values) == 1:
            fields[name] = values[0]
    if not _columns_say_it(results, behind):
        return {**fields, "behind": behind}
    judge = behind.asked.hit.verdicts.judge
    if behind.part == "broken":
        fields["label"] = (BROKEN_JUDGE, BROKEN)
    elif behind.part != "counted":
        hit = behind.asked.hit.labels[0]
        fields["label"] = (judge, hit if behind.part == "hits" else behind.asked.unclear)
    return fields


def _columns_say_it(results: Results, behind: Behind) -> bool:
    """Whether the columns choose exactly these: everything drawn was counted, at one step."""
    several = (behind.at, behind.seeds, behind.questions, behind.variants)
    if any(len(values) > 1 for values in several) or behind.without:
        return False
    asked = behind.asked
    if asked.questions is not None and not behind.questions:
        return False
    ((arm, step),) = behind.at
    same = [
        rate
        for rate in results.rates
        if (rate.metric, rate.model, rate.arm) == (behind.measure, behind.model, arm)
    ]
    if any(rate.checkpoint != step for rate in same):
        return False  # runs end at different steps
    if not same or any(rate.counted is None or rate.counted.left_out for rate in same):
        return False
    if behind.part in ("counted", "broken"):
        return True
    judge = asked.hit.verdicts
    by_rule = judge.grader == f"rule:{judge.judge}" and judge.rubric is None
    return by_rule and len(asked.hit.labels) == 1 and not asked.hit.bounds


def _last_step(results: Results, item: ContrastResult, arm: str) -> int:
    """A difference is of the last step that an arm has."""
    return max(
        (r.checkpoint for r in results.rates if (r.model, r.arm) == (item.model, arm)),
        default=item.checkpoint,
    )


def _asked(results: Results, metric: str) -> Asked:
    if metric not in results.asked:
        raise UsageError(OF_READ, title="Samples")
    return results.asked[metric]
