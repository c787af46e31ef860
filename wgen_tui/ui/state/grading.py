"""What the grading screen shows: the item without its arm, the keys, the progress.

Promises: pure; nothing here knows an arm, a seed or a model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from wgen_tui.terminal_text import one_line, printable
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.answers.agreed import agreement_line
from wgen_tui.ui.state.cells import BOLD, DIM
from wgen_tui.ui.state.plots import progress

if TYPE_CHECKING:
    from experiments.schema import Rubric
    from wgen_tui.services.grading.grading_plan import GradingPlan
    from wgen_tui.services.grading.session import BlindItem
    from wgen_tui.services.statistics.kappa import Agreement

SCREENS = "123456"
RESERVED = {
    "u": "undo",
    "s": "skip",
    "q": "quit",
    "question_mark": "help",
    "e": "the end",
    "i": "hiding the instructions",
    "n": "the note",
    "p": "the plan",
}
AT_END = (
    "e shows what was graded, and whose it was · p plans more · u takes back the last grade · "
    "ctrl+o another experiment"
)
MEASURE = 90  # cells of a line that is read comfortably
RECENT = 5  # decisions that are shown


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


def item_text(item: BlindItem, width: int, height: int, console: Console) -> Text:
    """Every turn of the prompt, and the answer: it begins a third down, where the eye rests.

    Args:
        item: The item.
        width: Cells of the pane.
        height: Its lines.
        console: Measures how many lines a text takes.
    """
    asked = Text()
    if item.label is not None:
        asked.append(f"graded {printable(item.label)} before; a key regrades it\n\n", BOLD)
    for message in item.messages:
        asked.append(f"{printable(message['role'])}\n", DIM)
        asked.append_text(_indented(message["content"]))
        asked.append("\n")
    taken = len(asked.wrap(console, max(width, 1)))
    text = Text("\n" * max(height // 3 - taken, 0))
    text.append_text(asked)
    text.append("answer\n", DIM)
    text.append_text(_indented(item.completion, BOLD) if item.completion else Text("  (empty)\n"))
    text.rstrip()
    return text


def lines_of(text: Text, width: int, height: int, console: Console) -> int:
    """How many lines a text takes; where it takes more than there are, a scrollbar takes a cell."""
    lines = len(text.wrap(console, max(width, 1)))
    return lines if lines <= height else len(text.wrap(console, max(width - 1, 1)))


def _indented(said: str, style: str = "") -> Text:
    lines = printable(said).splitlines() or [""]
    return Text("".join(f"  {line}\n" for line in lines), style)


def rubric_text(rubric: Rubric, *, instructions: bool, tall: bool) -> Text:
    """The instructions, and which key gives which label: a line of them, or one each."""
    text = Text()
    if tall:
        text.append(f"{printable(rubric.name)}\n", BOLD)
    if rubric.instructions and instructions:
        text.append(f"{printable(' '.join(rubric.instructions.split()))}\n")
    if tall or text.plain:
        text.append("\n")
    between = "\n" if tall else "   "
    for label, key in rubric.labels.items():
        text.append(f" {printable(key)} ", "reverse")
        text.append(f" {printable(label)}{between}")
    if rubric.numbers:
        text.append(f" {rubric.numbers[0]} … {rubric.numbers[-1]} ", "reverse")
        text.append(f" that number{between}")
    return text


def recent_text(given: Sequence[tuple[str, str]], plan: GradingPlan, *, tall: bool) -> Text:
    """The last decisions of this session, the newest first: label and answer, never an arm.

    Before the first one, what is planned.
    """
    if not given:
        return Text(plan_words(plan) + (" · p plans otherwise" if plan.showings else ""), DIM)
    if not tall:
        return Text(f"last: {one_line(given[-1][0], 30)} · u undoes it", DIM)
    text = Text("last\n", DIM)
    for label, answer in reversed(given[-RECENT:]):
        text.append(f"{one_line(label, 14):14} ", BOLD)
        text.append(f"{one_line(answer, 20)}\n", DIM)
    return text


def plan_words(plan: GradingPlan) -> str:
    """`plan: 120 of 4,800, balanced, 12 shown twice`."""
    if not plan.showings:
        return "nothing is left to plan"
    drawn = "balanced" if plan.draw == "balanced" else "as they come"
    words = f"plan: {plan.samples:,} of {plan.available:,}, {drawn}"
    return f"{words}, {plan.repeats:,} shown twice" if plan.repeats else words


def end_text(plan: GradingPlan, with_oneself: Agreement | None) -> Text:
    """What stands at the end of a plan; it tells no arm."""
    if not plan.showings:
        return Text(f"Every sample is graded.\n\n{AT_END}")
    text = Text("The plan is done: ", BOLD)
    text.append(f"{show.plural(plan.samples, 'sample')} graded")
    text.append(f", {plan.repeats:,} of them twice.\n\n" if plan.repeats else ".\n\n")
    if with_oneself is not None:
        text.append_text(agreement_line("with yourself", with_oneself)).append("\n")
    elif plan.repeats:  # it is being read, and moves nothing when it comes
        text.append("with yourself ", BOLD).append("…\n\n")
    return text.append(AT_END)


def progress_line(
    experiment: str,
    grader: str,
    graded: int,
    total: int,
    seconds: float | None,
    blindness: str,
    width: int,
) -> str:
    """`names · ada · 12 of 240 graded ███░░░ 5% · 4.0s each, 15m left · blind`, to its end.

    What stays the same stands first, so nothing moves. Where it is narrow, a grade's seconds go,
    then the experiment, which the bar above has too: who grades and how blind are never cut.
    """
    name = printable(grader.removeprefix("human:"))
    done = f"{graded:,} of {total:,} graded {progress(graded, total, 8)}"
    if total:
        done += f" {graded / total:.0%}"
    left = each = ""
    if seconds is not None:
        left = f" · {show.duration((total - graded) * seconds)} left"
        each = f" · {seconds:.1f}s each,{left.removeprefix(' ·')}"
    lines = [
        f"{printable(experiment)} · {name} · {done}{each} · {blindness}",
        f"{printable(experiment)} · {name} · {done}{left} · {blindness}",
        f"{name} · {done}{left} · {blindness}",
        f"{name} · {graded:,} of {total:,} · {blindness}",
    ]
    return next((line for line in lines if cell_len(line) <= width), lines[-1])
