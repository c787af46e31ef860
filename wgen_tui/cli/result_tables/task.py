"""The headline of each arm beside its held-out loss and accuracy, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wgen_tui.cli.output import NOTHING, table, tell
from wgen_tui.cli.result_tables.layout import is_wide, tell_below
from wgen_tui.services.measures.rate_words import percent
from wgen_tui.services.rates.task_words import loss_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from wgen_tui.services.rates.against_task import AgainstTask, TaskPoint

MARKS = {"best_stop": "best stop", "leaves_base": "effect"}


def show_task(arms: list[AgainstTask], shown: Callable[[float | None], str]) -> None:
    """Print a table of every arm that holds rows out, and its steps in words below."""
    wide, several = is_wide(), len({item.model for item in arms}) > 1
    for item in arms:
        tell()
        name = f"{item.arm} · {item.model}" if several else item.arm
        table(
            [
                *("step", "loss", "95%", "exact"),
                *(["95%", "tokens", "rows"] if wide else []),
                *(item.metric or "rate", "95%", "n", ""),
            ],
            [
                (
                    *(point.checkpoint, loss_text(point.loss)),
                    _between(point.loss_low, point.loss_high, loss_text),
                    percent(point.accuracy),
                    *(_task_columns(point) if wide else []),
                    shown(point.rate) if point.n else NOTHING,
                    _between(point.low, point.high, shown),
                    point.n or NOTHING,
                    _marks(item, point),
                )
                for point in item.points
            ],
            title=f"{name} against its task, on {item.points[0].rows} held-out rows",
        )
        for sentence in item.sentences(shown):
            tell_below(f"{name}: {sentence}")


def _task_columns(point: TaskPoint) -> list[object]:
    exact = _between(point.accuracy_low, point.accuracy_high, percent)
    return [exact, percent(point.token_accuracy), point.rows]


def _between(low: float | None, high: float | None, shown: Callable[[float | None], str]) -> str:
    return NOTHING if low is None or high is None else f"{shown(low)} to {shown(high)}"


def _marks(item: AgainstTask, point: TaskPoint) -> str:
    """What is said of a step."""
    return ", ".join(
        word for name, word in MARKS.items() if getattr(item, name) == point.checkpoint
    )
