"""A person's grades beside the rule's, in lines; and the samples on which they differ, as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from wgen_tui.terminal_text import one_line, printable
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.answers.agreed import agreement_line
from wgen_tui.ui.state.cells import BOLD, DIM, Cell, Column, fitted
from wgen_tui.ui.state.plots import interval

if TYPE_CHECKING:
    from wgen_tui.services.grading.report import Disagreement, GradeReport

COLUMNS = (
    Column("arm", 15),
    Column("question", 13),
    Column("you", 13),
    Column("rule", 13),
    Column("completion", 0),
)
BAR = 14
ARM = 15


def cells(item: Disagreement) -> list[Cell]:
    """A disagreement as the cells of COLUMNS."""
    return [
        Cell(one_line(item.arm, 16)),
        Cell(one_line(item.question, 40)),
        Cell(one_line(item.by_person, 20), BOLD),
        Cell(one_line(item.by_rule, 20)),
        Cell(one_line(item.completion[:400], 400)),
    ]


def report_text(report: GradeReport) -> Text:
    """All of it but the disagreements one by one."""
    text = Text()
    text.append(printable(f"{report.experiment} · {report.rubric} · {report.grader}"), BOLD)
    text.append(f" · unblinded {report.unblinded_at:%Y-%m-%d %H:%M} UTC, in the journal\n", DIM)
    if not report.graded:
        text.append("\nNo label was given yet: numbers are in results.\n")
        return text
    first = report.labels[0] if report.labels else ""
    text.append(printable(f"\n{first} by you"), BOLD)
    text.append(f"  of {show.plural(report.graded, 'graded sample')}\n", DIM)
    for arm in report.arms:
        share = arm.labels.get(first, 0) / arm.n
        shown = interval(share, arm.low, arm.high, BAR)
        counts = "  ".join(f"{one_line(name, 20)} {n}" for name, n in arm.labels.items())
        text.append(f"{fitted(one_line(arm.arm, ARM), ARM)} {show.percent(share):>6} {shown} ")
        text.append(f"n {arm.n}  {counts}\n", DIM)
    text.append_text(_agreement(report))
    if report.disagreements:
        text.append(f"\n{show.plural(len(report.disagreements), 'disagreement')}: enter opens it\n")
    return text


def _agreement(report: GradeReport) -> Text:
    agreement = report.agreement
    text = Text("\n")
    if report.with_oneself is not None:
        text.append_text(agreement_line("with yourself", report.with_oneself))
    if agreement is None:
        judge = report.judge or "a judge"
        text.append(f"{printable(judge)} labelled none of these samples.\n", DIM)
        return text
    text.append_text(agreement_line("with the rule", agreement))
    labels = [one_line(label, 13) for label in agreement.labels]
    text.append(f"{'you ↓  rule →':14}" + "".join(f"{label:>14}" for label in labels) + "\n", DIM)
    for label, row in zip(labels, agreement.confusion, strict=True):
        text.append(f"{label:14}")
        for other, number in zip(labels, row, strict=True):
            text.append(f"{number:>14}", BOLD if label == other else "")
        text.append("\n")
    return text


def nothing_differs(report: GradeReport) -> str:
    """What stands in the place of disagreements where there are none."""
    if report.agreement is None:
        return "Nothing to compare with."
    return f"You and the rule agree on all {report.agreement.n}."
