"""Training data as a model sees it, as text for the terminal and the screen.

Promises: a trained token stands in brackets, so bold and underline add nothing that colourless
terminals lack; the terminal obeys nothing that a dataset holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from rich.text import Text

from wgen_tui.terminal_text import printable
from wgen_tui.ui.state.cells import BAD, BOLD, DIM, WARN
from wgen_tui.ui.state.format import plural

if TYPE_CHECKING:
    from wgen_tui.training_data.problems import Problem
    from wgen_tui.training_data.records import (
        ArmReport,
        PreviewReport,
        PromptText,
        ShownExample,
        Token,
    )

OPEN, CLOSE, BETWEEN = "⟦", "⟧", "¦"
TRAINED = "bold underline"
LEGEND = f"{OPEN}trained{CLOSE}  {BETWEEN} between tokens  ␊ line break"
FATES = {
    "whole": "",
    "cut": ", cut at max_length",
    "left_out": ", left out: too long",
    "too_long": ", too long",
}


def head(report: PreviewReport) -> Text:
    """The tokenizer's model, and the problems of the questions."""
    text = Text()
    whose = "the definition's" if report.own_template else "the model's"
    text.append(printable(report.experiment), BOLD)
    text.append(printable(f" by the tokenizer of {report.model}, {whose} chat template\n"))
    text.append(f"{LEGEND}\n", DIM)
    return text.append_text(_of_all(report))


def _of_all(report: PreviewReport) -> Text:
    """Arms without rows, and the problems of the questions."""
    text = Text()
    for sentence in report.rowless:
        text.append(f"{printable(sentence)}\n")
    for problem in report.problems:
        _problem(text, problem)
    return text


def arm_text(arm: ArmReport) -> Text:
    """An arm: numbers, problems, examples."""
    text = arm_head(arm)
    for prompt in arm.asked:
        asked = f"asked of {prompt.question}: prompt {prompt.paraphrase + 1}"
        text.append(f"\n{printable(asked)}\n", DIM)
        text.append(f"{printable(prompt.text, keep_newlines=False)}\n")
    for example in arm.examples:
        text.append("\n")
        text.append_text(example_text(example))
    return text


def arm_head(arm: ArmReport) -> Text:
    """An arm's numbers and problems."""
    text = Text()
    totals = arm.totals
    text.append(printable(f"arm {arm.arm}"), BOLD)
    is_cut = totals.used != totals.examples and arm.in_context is None
    used = f" ({totals.used:,} used)" if is_cut else ""
    share = f" ({100 * totals.trained / totals.tokens:.0f}%)" if totals.tokens else ""
    weighs = "" if totals.weighs == totals.trained else f", which weigh {totals.weighs:,.5g}"
    text.append(
        f"  {plural(totals.examples, 'example')}{used}, {plural(totals.tokens, 'token')}, "
        f"{totals.trained:,} trained{share}{weighs}\n"
    )
    if arm.derived:
        where = "behind these, " if totals.examples else "there are no rows yet; "
        text.append(
            f"{where}before it is trained: {printable(arm.derived)}, which the run's worker "
            "looks at; a finished run has them in its data.jsonl\n"
        )
        if not totals.examples:
            return text
    if arm.in_context is not None:
        text.append(
            f"in context: {plural(arm.in_context, 'row')} of these, chosen and ordered by a "
            "run's seed, stand before every prompt; nothing is trained\n"
        )
    if arm.context_on:
        text.append(f"{arm.context_on}\n")
    text.append(
        f"lengths {totals.shortest} to {totals.longest}, median {totals.median:g}, "
        f"max_length {arm.max_length}: {totals.cut} cut, {totals.left_out} left out; "
        f"{plural(totals.repeated, 'duplicate')}\n"
    )
    if totals.examples < arm.of_examples:
        text.append(
            f"of the first {totals.examples:,} of {plural(arm.of_examples, 'example')}: "
            "`wgen-tui run start --dry-run` looks at all, and may refuse what stands further on\n",
            WARN,
        )
    for problem in arm.problems:
        _problem(text, problem)
    if not arm.problems:
        text.append("✓ nothing stands out\n")
    return text


def _problem(text: Text, problem: Problem) -> None:
    sign, style = ("✗ refused", BAD) if problem.blocking else ("⚠", WARN)
    text.append(f"{sign} {problem.title}: ", f"bold {style}")
    text.append(f"{printable(problem.what)}\n")
    if problem.fix:
        text.append(f"  → {printable(problem.fix)}\n", DIM)


def example_text(example: ShownExample) -> Text:
    """One example, token by token."""
    trained = sum(token.trained for token in example.tokens) + example.more_trained
    text = Text()
    if example.problem:
        text.append(f"line {example.line}\n", DIM)
        text.append(f"✗ {printable(example.problem)}\n", BAD)
        return text
    note = f"line {example.line}  {plural(example.length, 'token')}, {trained} trained"
    weights = sorted({token.weight for token in example.tokens if token.trained})
    if weights != [1.0][: len(weights)]:
        note += f" at loss_weight {' and '.join(f'{weight:g}' for weight in weights)}"
    if example.characters is not None:
        note = f"line {example.line}  the beginning of {example.characters:,} characters"
    text.append(f"{note}{FATES[example.fate]}\n", DIM)
    # Brackets part tokens too; a bar is only needed between two of a kind.
    for is_trained, run in groupby(example.tokens, key=lambda token: token.trained):
        joined = _joined(list(run))
        if is_trained:
            text.append(OPEN)
            text.append(joined.removesuffix("\n"), TRAINED)
            text.append(CLOSE + ("\n" if joined.endswith("\n") else ""))
        else:
            text.append(joined)
    if example.more_tokens:
        more = f"… and {plural(example.more_tokens, 'more token')}, {example.more_trained} trained"
        text.append(f"\n{more}", DIM)
    text.append("\n")
    return text


def _joined(tokens: Sequence[Token]) -> str:
    shown = (printable(token.text, keep_newlines=False) for token in tokens)
    return BETWEEN.join(shown).replace("␊", "␊\n")


def prompts_text(report: PreviewReport, number: int) -> Text:
    """The first prompts as the template makes them."""
    text = Text()
    own = [prompt for prompt in report.prompts if prompt.arm is None]
    behind = [prompt for prompt in report.prompts if prompt.arm is not None]
    total = len(own)
    text.append(f"{plural(total, 'prompt')}\n", BOLD)
    for prompt in [*own[:number], *behind]:
        text.append(f"{_name(prompt)}  ", DIM)
        text.append(f"{printable(prompt.text, keep_newlines=False)}\n")
        if prompt.order is not None:
            reads = ", ".join(prompt.reads) or "the likeliest next tokens"
            text.append(f"  reads {printable(reads, keep_newlines=False)}\n", DIM)
    if total > number:
        command = f"wgen-tui experiment preview {printable(report.experiment)} --json"
        text.append(f"and {total - number} more: {command}\n", DIM)
    return text


def _name(prompt: PromptText) -> str:
    order = "" if prompt.order is None else f"/order {prompt.order}"
    behind = "" if prompt.arm is None else f" behind the rows of {prompt.arm}"
    return printable(f"{prompt.question}/{prompt.paraphrase}/{prompt.variant}{order}{behind}")


def waiting(seconds: float, encoding: tuple[int, int] | None) -> str:
    """The line shown before there is a report.

    Args:
        seconds: Since it began.
        encoding: How many of how many examples are encoded; None before the first.
    """
    if encoding is None:
        return f"reading the tokenizer… {seconds:.0f}s"
    done, total = encoding
    return f"encoded {done:,} of {plural(total, 'example')} · {seconds:.0f}s"


def pages(report: PreviewReport) -> int:
    """One page for each arm, one for the questions."""
    return len(report.arms) + 1


def page_title(report: PreviewReport, page: int) -> Text:
    """Which page this is, of which experiment, by whose tokenizer."""
    text = Text(no_wrap=True, overflow="ellipsis")
    name = f"arm {report.arms[page].arm}" if page < len(report.arms) else "questions"
    text.append(f"{page + 1}/{pages(report)} ", DIM)
    text.append(printable(name), BOLD)
    if report.blocked:
        text.append(" · ✗ run start refuses", f"bold {BAD}")
    text.append(printable(f" · {report.experiment} · {report.model}"))
    if report.own_template:
        text.append(" · the definition's chat_template")
    return text


def page_text(report: PreviewReport, page: int, number: int) -> Text:
    """A page: an arm, or the questions with what is wrong with them."""
    if page < len(report.arms):
        return arm_text(report.arms[page])
    return _of_all(report).append_text(prompts_text(report, number))
