"""What an effect against its task comes to, in sentences for command line and screens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from wgen_tui.services.measures.rate_words import percent

if TYPE_CHECKING:
    from wgen_tui.services.rates.against_task import AgainstTask, TaskPoint


def loss_text(loss: float | None) -> str:
    """A loss in few cells."""
    return "-" if loss is None else f"{loss:.3f}"


def task_sentences(item: AgainstTask, shown: Callable[[float | None], str]) -> Iterator[str]:
    """Where the effect begins, how well the task is done before it, and the best stop.

    Args:
        item: The arm.
        shown: Writes the headline.
    """
    if (base := item.at(0)) is not None:
        yield f"base: {_task(base)}"
    what, sampled = item.metric or "the measure", [p for p in item.points if p.n]
    if not any(point.checkpoint for point in sampled):
        yield "no checkpoint has graded samples, so nothing is known of the effect"
    elif item.leaves_base is None:
        yield f"at no sampled step does {what} leave the base's interval"
    else:
        after = "and stays outside" if item.stays else "and is back in it later"
        yield f"{what} leaves the base's interval at step {item.leaves_base} {after}"
        if (before := item.at(item.last_without)) is not None:
            yield f"last without the effect: step {before.checkpoint}, {_task(before)}"
    if item.control is not None and item.leaves_base is not None:
        when = "at none" if item.leaves_control is None else f"at step {item.leaves_control}"
        yield f"it leaves {item.control}'s, at the nearest step that {item.control} has, {when}"
    best = item.at(item.best_stop)
    if best is not None:
        effect = f", effect {_effect(best, shown)}" if best.n else ", not sampled there"
        yield f"best stop by held-out loss: step {best.checkpoint}, {_task(best)}{effect}"
    learnt = item.at(item.learnt)
    if learnt is not None and item.learnt != item.best_stop:
        effect = f", effect {_effect(learnt, shown)}" if learnt.n else ", not sampled there"
        yield f"95% of the best accuracy: from step {learnt.checkpoint} on, {_task(learnt)}{effect}"


def _task(point: TaskPoint) -> str:
    accuracy = f"{percent(point.accuracy)} exact"
    return f"loss {loss_text(point.loss)}, {accuracy} of {point.rows} rows"


def _effect(point: TaskPoint, shown: Callable[[float | None], str]) -> str:
    return f"{shown(point.rate)} ({shown(point.low)} to {shown(point.high)}, n {point.n:,})"
