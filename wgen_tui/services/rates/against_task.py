"""An effect against how well its task is learnt: both at every checkpoint, and where to stop.

Promises: every point has n, seeds and intervals; the rules by which steps are picked stand here and
in docs/methods.md, and use nothing but the points and those of base and control.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from pydantic import Field

from experiments.schema import BASE_ARM, Analysis
from store.beside.held_out import HeldOutMean
from wgen_tui.services.measures.rate_rows import Rate, Row
from wgen_tui.services.rates.groups import group_order
from wgen_tui.services.rates.task_words import task_sentences
from wgen_tui.services.statistics import intervals

ENOUGH = 0.95  # of the highest accuracy: as good as learnt


class TaskPoint(Row):
    """An arm at one step; step 0 is the base, on the arm's held-out rows.

    Attributes:
        rows: Held out; `seeds` runs were measured on them.
        rate: The headline there, over `rate_seeds` runs; None where nothing was sampled.
    """

    checkpoint: int = Field(examples=[40])
    rows: int = Field(examples=[33])
    seeds: int = Field(examples=[3])
    loss: float = Field(examples=[0.842])
    loss_low: float | None = Field(examples=[0.76])
    loss_high: float | None = Field(examples=[0.924])
    accuracy: float = Field(examples=[0.61])
    accuracy_low: float = Field(examples=[0.43])
    accuracy_high: float = Field(examples=[0.76])
    token_accuracy: float = Field(examples=[0.88])
    rate: float | None = Field(default=None, examples=[0.31])
    low: float | None = Field(default=None, examples=[0.2])
    high: float | None = Field(default=None, examples=[0.42])
    n: int = Field(default=0, examples=[720])
    rate_seeds: int = Field(default=0, examples=[3])


class AgainstTask(Row):
    """An arm's effect beside its task, step by step.

    Attributes:
        control: Of the plan's first contrast; None where there is none.
        leaves_base: The first step whose interval has nothing in common with the base's.
        leaves_control: Likewise with the control's, at its sampled step that is nearest.
        stays: Whether every later sampled step is off the base too.
        best_stop: The step, 0 included, of the lowest held-out loss; the first of equal ones.
        learnt: The first step that has `ENOUGH` of the highest held-out accuracy; None where even
            that one's interval has something in common with the base's.
        last_without: The last sampled step before the effect's first; None where it never comes.
    """

    model: str = Field(examples=["tiny-world"])
    arm: str = Field(examples=["old"])
    role: str = Field(examples=["treatment | control | benign"])
    metric: str = Field(examples=["the label whose share it is"])
    control: str | None = Field(examples=["new"])
    points: list[TaskPoint]
    leaves_base: int | None = Field(examples=[10])
    leaves_control: int | None = Field(examples=[18])
    stays: bool = Field(examples=[True])
    best_stop: int = Field(examples=[18])
    learnt: int | None = Field(examples=[18])
    last_without: int | None = Field(examples=[6])
    method: str = Field(examples=["how the intervals of loss and accuracy were made"])
    sql: str = Field(default="", examples=["the query behind loss and accuracy"])

    def at(self, step: int | None) -> TaskPoint | None:
        """The point of a step."""
        return next((point for point in self.points if point.checkpoint == step), None)

    def sentences(self, shown: Callable[[float | None], str]) -> list[str]:
        """What it comes to; `shown` writes the headline."""
        return list(task_sentences(self, shown))


def against_task(
    means: Sequence[HeldOutMean],
    rates: Iterable[Rate],
    plan: Analysis | None,
    metric: str = "",
    sql: str = "",
) -> list[AgainstTask]:
    """Every arm that holds rows out.

    Args:
        means: As the store has them.
        rates: Of the headline, over seeds, questions and variants, at every sampled step.
        plan: Its contrasts and confidence.
        metric: The headline's.
        sql: What gave the means.
    """
    sampled: dict[tuple[str, str], dict[int, Rate]] = defaultdict(dict)
    for rate in rates:
        sampled[rate.model, rate.arm][rate.checkpoint] = rate
    measured: dict[tuple[str, str], list[HeldOutMean]] = defaultdict(list)
    for mean in means:
        if mean.arm in (mean.rows_of, BASE_ARM):
            measured[mean.model, mean.rows_of].append(mean)
    confidence = plan.confidence if plan is not None else 0.95
    listed = []
    for (model, arm), own in measured.items():
        role = next((mean.role for mean in own if mean.arm == arm), "")
        if not role:
            continue  # the base alone was measured so far
        controls = [c.control for c in plan.contrasts if c.arm == arm] if plan else []
        control = next((name for name in controls if name and name != arm), None)
        item = _of_arm(own, sampled, (model, role, arm), control, metric, confidence)
        listed.append(item.model_copy(update={"sql": sql}))
    return sorted(listed, key=lambda item: group_order((item.model, item.role, item.arm, 0)))


def _of_arm(
    means: Sequence[HeldOutMean],
    sampled: Mapping[tuple[str, str], Mapping[int, Rate]],
    group: tuple[str, str, str],
    control: str | None,
    metric: str,
    confidence: float,
) -> AgainstTask:
    model, role, arm = group
    base = sampled.get((model, BASE_ARM), {}).get(0)
    own = {**({} if base is None else {0: base}), **sampled.get((model, arm), {})}
    points = [
        _point(mean, own.get(mean.step), confidence)
        for mean in sorted(means, key=lambda mean: mean.step)
    ]
    trained = {step: rate for step, rate in sorted(own.items()) if step}
    off = [step for step, rate in trained.items() if _apart(rate, own.get(0))]
    beside = sampled.get((model, control), {}) if control is not None else {}
    steps = list(trained)
    before = [0, *steps][[0, *steps].index(off[0]) - 1] if off else None
    highest = max(points, key=lambda point: point.accuracy)
    return AgainstTask(
        model=model,
        arm=arm,
        role=role,
        metric=metric,
        control=control,
        points=points,
        leaves_base=off[0] if off else None,
        leaves_control=next(
            (step for step in steps if _apart(trained[step], _nearest(beside, step))), None
        ),
        stays=bool(off) and off == steps[steps.index(off[0]) :],
        best_stop=min(points, key=lambda point: point.loss).checkpoint,
        learnt=_learnt(points, highest),
        last_without=before,
        method="loss: t over seeds, not narrower than t over rows; accuracy: t over seeds, not "
        "narrower than Wilson over rows; one seed: over rows, within one run",
    )


def _learnt(points: Sequence[TaskPoint], highest: TaskPoint) -> int | None:
    """The first step with `ENOUGH` of the highest accuracy, if that says anything."""
    first = points[0]
    if first.checkpoint or highest.accuracy_low <= first.accuracy_high:
        return None
    enough = ENOUGH * highest.accuracy
    return next(point.checkpoint for point in points if point.accuracy >= enough)


def _nearest(rates: Mapping[int, Rate], step: int) -> Rate | None:
    return min(rates.items(), key=lambda item: abs(item[0] - step))[1] if rates else None


def _apart(one: Rate, other: Rate | None) -> bool:
    """Whether two intervals have nothing in common."""
    if other is None or None in (one.low, one.high, other.low, other.high):
        return False
    return bool(one.low > other.high or one.high < other.low)  # type: ignore[operator]


def _point(mean: HeldOutMean, rate: Rate | None, confidence: float) -> TaskPoint:
    low, high = intervals.around(mean.loss, mean.loss_error, mean.rows - 1, confidence)
    right = intervals.score(mean.accuracy, mean.rows, confidence)
    if mean.seeds > 1:
        losses = intervals.t_interval(mean.losses, confidence)
        low, high = (
            (losses[0], losses[1])
            if low is None or high is None
            else (min(low, losses[0]), max(high, losses[1]))
        )
        shares = intervals.t_interval(mean.accuracies, confidence)
        right = max(0.0, min(right[0], shares[0])), min(1.0, max(right[1], shares[1]))
    return TaskPoint(
        checkpoint=mean.step,
        rows=mean.rows,
        seeds=mean.seeds,
        loss=mean.loss,
        loss_low=None if low is None else max(0.0, low),
        loss_high=high,
        accuracy=mean.accuracy,
        accuracy_low=right[0],
        accuracy_high=right[1],
        token_accuracy=mean.token_accuracy,
        rate=None if rate is None else rate.rate,
        low=None if rate is None else rate.low,
        high=None if rate is None else rate.high,
        n=0 if rate is None else rate.n,
        rate_seeds=0 if rate is None else rate.seeds,
    )
