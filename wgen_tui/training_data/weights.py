"""What counts less, more or not at all in the loss, by `train_on` and by the rows' own weights.

Promises: neither blocks, and both are said with their counts, so that nobody reads a mean over
weighted tokens as one over all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from wgen_tui.training_data.problems import EncodedExample, Problem, lines_of, share


def weight_problems(examples: Sequence[EncodedExample]) -> list[Problem]:
    """Which examples have answers that are left out, or tokens that do not count alike."""
    problems = []
    if left := [item for item in examples if item.earlier]:
        count = sum(item.earlier for item in left)
        answers = "1 earlier answer" if count == 1 else f"{count} earlier answers"
        what = f"train_on: last leaves {answers} of {share(left, examples)} untrained"
        problems.append(_problem("earlier_answers", left, f"{what} ({lines_of(left)})"))
    if weighted := [item for item in examples if item.used and item.weighs != item.trained]:
        tokens = sum(item.trained for item in weighted)
        weight = sum(item.weighs for item in weighted)
        what = (
            f"loss_weight: {tokens:,} trained tokens of {share(weighted, examples)} count as "
            f"{weight:,.4g} ({lines_of(weighted)})"
        )
        problems.append(_problem("weighted", weighted, what))
    return problems


def _problem(kind: str, examples: Sequence[EncodedExample], what: str) -> Problem:
    lines = tuple(item.line for item in examples)
    return Problem.model_validate({"kind": kind, "blocking": False, "lines": lines, "what": what})
