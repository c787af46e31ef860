"""The verdicts on one sample as text: of each judge by itself, each of several models on a line.

Promises: what a judge wrote passes through `printable`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from wgen_tui.terminal_text import printable
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.cells import BAD, BOLD, DIM

if TYPE_CHECKING:
    from store.samples.rows import GradeInfo, Transcript

LIKELIEST = 5  # numbers or labels of a verdict by probability that are shown
MODEL = "model:"


def verdicts(grades: Sequence[GradeInfo]) -> Text:
    """Every verdict that counts, by judge."""
    text = Text()
    by_judge: dict[str, list[GradeInfo]] = {}
    for item in grades:
        by_judge.setdefault(item.judge, []).append(item)
    for judge, given in by_judge.items():
        models = [item for item in given if item.grader.startswith(MODEL)]
        several = len(models) > 1
        for item in given:
            if not (several and item in models):
                _line(text, item, f"{judge} {verdict_text(item)}", f" by {item.grader}")
        if several:
            text.append(printable(f"{judge} {_counts(models)}\n"), BOLD)
            for item in models:
                name = item.grader.removeprefix(MODEL)
                _line(text, item, f"  {name}: {verdict_text(item)}", "")
    if not grades:
        text.append("none yet\n")
    return text


def _counts(models: Sequence[GradeInfo]) -> str:
    """`by 3 models: 2 say old, 1 modern`."""
    labels = Counter(item.label for item in models if item.label is not None)
    said = ", ".join(f"{n} {label}" for label, n in labels.most_common())
    return f"by {len(models)} verdicts of models" + (f": {said}" if said else "")


def _line(text: Text, item: GradeInfo, verdict: str, by: str) -> None:
    text.append(printable(verdict), BAD if item.label == "broken" else BOLD)
    text.append(printable(by))
    if item.explanation:
        text.append(printable(f": {item.explanation}"))
    signals = " ".join(f"{name}={_signal(value)}" for name, value in item.signals.items())
    text.append(printable(f"\n  {signals}\n") if signals else "\n", DIM)


def verdict_text(grade: GradeInfo) -> str:
    """A verdict in a word, a number or both; why there is none, where that is known."""
    number = None if grade.number is None else show.number(grade.number)
    given = [word for word in (grade.label, number) if word is not None]
    if given:
        return " ".join(given)
    cause = grade.signals.get("cause")
    return "none" if cause is None else f"none ({cause})"


def transcript_text(asked: Transcript) -> str:
    """What a judge was shown, what it replied, and what that took."""
    lines = [f"{turn['role']}: {turn['content']}" for turn in asked.messages]
    if asked.reply is not None:
        lines.append(f"reply: {asked.reply or '(empty)'}")
    if asked.probabilities:
        likeliest = sorted(asked.probabilities.items(), key=lambda item: -item[1])
        said = " ".join(f"{name}: {share:.1%}" for name, share in likeliest[:LIKELIEST])
        more = len(likeliest) - LIKELIEST
        lines.append(f"read: {said}" + (f" and {more} more" if more > 0 else ""))
    if asked.mass is not None:
        lines.append(f"these have {asked.mass:.1%} of its probability")
    took = f"{show.count(asked.prompt_tokens)} tokens in, {show.count(asked.tokens)} out"
    cost = "" if asked.cost is None else f", cost {asked.cost:.4g}"
    who = " · ".join(name for name in (asked.answered_as, asked.engine) if name)
    lines.append(f"{took}{cost}" + (f" · {who}" if who else ""))
    return "\n".join(lines) + "\n"


def _signal(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
