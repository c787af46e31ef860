"""What the grading screen shows: the item without its arm, the keys, the progress."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.text import Text

from wgen_tui.terminal_text import printable
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.cells import BOLD, DIM
from wgen_tui.ui.state.plots import progress

if TYPE_CHECKING:
    from experiments.schema import Rubric
    from wgen_tui.services.grading.session import BlindItem

SCREENS = "123456"
RESERVED = {"u": "undo", "s": "skip", "q": "quit", "question_mark": "help"}


def keys(labels: Mapping[str, str]) -> dict[str, str]:
    """Key → label; a rubric's key wins over any other meaning of it while an item is shown."""
    return {key: label for label, key in labels.items()}


def clashes(labels: Mapping[str, str]) -> list[str]:
    """Verdicts whose key hides undo, skip, quit or another screen."""
    hidden = [
        f"{key} gives {label}, so {RESERVED[key]} is in the palette (ctrl+p) only"
        for label, key in labels.items()
        if key in RESERVED
    ]
    if set(labels.values()) & set(SCREENS):
        hidden.append("digits grade here, so the other screens are in the palette (ctrl+p) only")
    return hidden


def item_text(item: BlindItem) -> Text:
    """Every turn of the prompt, and the completion."""
    text = Text()
    if item.label is not None:
        text.append(f"graded {printable(item.label)} before; a key regrades it\n\n", BOLD)
    for message in item.messages:
        text.append(f"{printable(message['role'])}\n", DIM)
        text.append(f"{printable(message['content'])}\n\n")
    text.append("completion\n", DIM)
    text.append(f"{printable(item.completion)}\n" if item.completion else "(empty)\n", BOLD)
    return text


def rubric_text(rubric: Rubric) -> Text:
    """The instructions, and which key gives which label."""
    text = Text()
    text.append(f"rubric {printable(rubric.name)}\n", DIM)
    if rubric.instructions:
        text.append(f"{printable(' '.join(rubric.instructions.split()))}\n")
    text.append("\n")
    for label, key in rubric.labels.items():
        text.append(f" {printable(key)} ", "reverse")
        text.append(f" {printable(label)}   ")
    if rubric.numbers:
        text.append(f" {rubric.numbers[0]} … {rubric.numbers[-1]} ", "reverse")
        text.append(" that number")
    return text


def progress_line(
    experiment: str, grader: str, graded: int, total: int, seconds: float | None, last: str
) -> str:
    """`names · human:ada · 12 of 240 graded ███░░░ · last: modern · 4.0s each, 15m left`.

    What stays the same stands first: it neither moves nor is what a narrow screen cuts.
    """
    line = f"{printable(experiment)} · {printable(grader)}"
    line += f" · {graded:,} of {total:,} graded {progress(graded, total, 8)}"
    if last:
        line += f" · last: {printable(last)}"
    if seconds is not None:
        line += f" · {seconds:.1f}s each, {show.duration((total - graded) * seconds)} left"
    return line
