"""What was read of a model: means over seeds, and accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wgen_tui.cli.output import table
from wgen_tui.cli.result_tables.layout import between, models_of
from wgen_tui.services.measures.rate_words import percent

if TYPE_CHECKING:
    from wgen_tui.services.results.readouts import Accuracy, ReadoutMean

METRIC_CELLS = 24


def show_readouts(read: list[ReadoutMean], *, seeds: bool) -> None:
    """Print the mean of each probability that was read."""
    from wgen_tui.terminal_text import one_line

    steps = len({(item.model, item.arm, item.checkpoint) for item in read}) > len(
        {(item.model, item.arm) for item in read}
    )
    models = models_of(read)
    head = ["question", *models, "arm", *(["step"] if steps else []), *(["seed"] if seeds else [])]
    table(
        [*head, "seeds", "n", "read", "mean", "95%", "mass"],
        [
            (
                item.question,
                *(getattr(item, name) for name in models),
                item.arm,
                *([item.checkpoint] if steps else []),
                *([item.seed] if seeds else []),
                *(item.seeds, item.n, one_line(item.metric, METRIC_CELLS)),
                *(percent(item.probability), f"{percent(item.low)} to {percent(item.high)}"),
                percent(item.mass),
            )
            for item in read
        ],
    )


def show_accuracy(right: list[Accuracy], *, seeds: bool) -> None:
    """Print the share of questions that were read right."""
    models = models_of(right)
    steps = len({(i.model, i.arm, i.checkpoint) for i in right}) > len(
        {(i.model, i.arm) for i in right}
    )
    head = [*models, "arm", *(["step"] if steps else []), *(["seed"] if seeds else [])]
    table(
        [*head, "seeds", "questions", "right", "95%", "p(answer)"],
        [
            (
                *(getattr(item, name) for name in models),
                item.arm,
                *([item.checkpoint] if steps else []),
                *([item.seed] if seeds else []),
                *(item.seeds, item.questions, percent(item.rate), between(item)),
                percent(item.probability),
            )
            for item in right
        ],
    )
