"""What the numbers on the results screen are, in short (key `i`); docs/methods.md says it all."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from wgen_tui.terminal_text import printable
from wgen_tui.ui.state.cells import BOLD

PARAGRAPHS = (
    (
        "rate",
        "The mean over questions of their shares, each question once, however often it was drawn; "
        "then the mean over seeds.",
    ),
    (
        "interval",
        "Student's t over the seeds' rates, not narrower than the noise of their draws. It speaks "
        "of other seeds. Within one run (1 run) it is Wilson's over the samples: it speaks of more "
        "draws from that model, and says nothing about other seeds.",
    ),
    (
        "difference",
        "Over the questions that both arms have, from the two intervals (square and add).",
    ),
    (
        "p",
        "A permutation exchanges the seeds of arm and control. It asks whether they scatter alike, "
        "in mean and in spread. Where one spread is more than 2 times the other, or the arm of "
        "fewer seeds has the larger, Welch's t stands in its place. Against an arm of one seed "
        "(the base) the signs of the questions' differences are flipped: that says nothing about "
        "other seeds.",
    ),
    (
        "p with a star",
        "Not to be read alone. Seeds that split in two (an effect in some, none in the others) "
        "make p too small, and fewer than six seeds cannot tell whether they do. The notes say "
        "which it is.",
    ),
    ("unclear, broken", "Shares of the same answers, by the judge and by the broken-answer rule."),
    (
        "n",
        "Samples that count. enter shows exactly them, space only the hits, w the SQL that has a "
        "row for each, W the SQL that counts all.",
    ),
)


def explained(methods: Sequence[str] = ()) -> Text:
    """The paragraphs, with what each is of before it.

    Args:
        methods: How these very numbers were made.
    """
    text = Text()
    for name, words in PARAGRAPHS:
        text.append(f"{name}  ", BOLD)
        text.append(f"{words}\n")
    if methods:
        text.append("here  ", BOLD)
        text.append(printable("; ".join(dict.fromkeys(methods)) + ".\n"))
    return text.append("All of it, with formulas and sources: docs/methods.md. i or esc closes.\n")
