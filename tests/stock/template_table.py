"""The table of stock chat templates in docs/models.md."""

from __future__ import annotations

from collections.abc import Iterator

from tests.stock.masks import Beside, Outcome, outcomes, truth_of
from tests.stock.tokens import CASES, stock_templates
from wgen_tui.training_data.mask import marks_itself

CELLS: dict[Beside, str] = {
    "equal": "equal",
    "white space": "+ space",
    "prompt": "+ prompt",
    "other text": "other text",
    "none": "by hand",
}


def lines() -> Iterator[str]:
    """The table, and its sum."""
    names = list(stock_templates())
    trained = [name for name in names if any(not made.refused for made in outcomes(name).values())]
    right = [name for name in trained if all(map(is_right, [name] * len(CASES), CASES))]
    yield f"{len(names)} templates: {len(trained)} train, {len(right)} of them with the masks that"
    yield "they should have in every case that is not refused."
    yield ""
    yield f"| template | answers told | {' | '.join(CASES)} | said |"
    yield "|---" * (len(CASES) + 3) + "|"
    for name in names:
        made = outcomes(name)
        cells = " | ".join(_cell(name, case, made[case]) for case in CASES)
        yield f"| {name} | {_told(name)} | {cells} | {_said(made)} |"


def is_right(name: str, case: str) -> bool:
    """Whether a case is refused, or trains what it should."""
    made = outcomes(name)[case]
    return bool(made.refused) or made.trained == truth_of(name, case)


def _cell(name: str, case: str, made: Outcome) -> str:
    if made.refused:
        return "refused"
    return CELLS[made.beside] if is_right(name, case) else "**wrong**"


def _told(name: str) -> str:
    if marks_itself(stock_templates()[name][0]):
        return "by the template"
    by_words = [case for case, made in outcomes(name).items() if made.by_words]
    if not by_words:
        return "by growth"
    return "by words" if len(by_words) == len(CASES) else f"by words in: {', '.join(by_words)}"


def _said(made: dict[str, Outcome]) -> str:
    cases: dict[str, list[str]] = {}
    for case, outcome in made.items():
        blocking = [problem for problem in outcome.problems if problem.blocking]
        for problem in blocking[:1] or outcome.problems:
            whole = problem.blocking or problem.kind == "dropped_text"
            what = problem.what.partition(" (")[0] if whole else problem.title.lower()
            what = what.partition(" of 1 of 1")[0].replace("1 of 1 example", "an example")
            what = what.replace("</think>", "`</think>`")
            cases.setdefault(what, []).append(case)
    return "; ".join(
        f"{what}: {'all' if len(some) == len(CASES) else ', '.join(some)}"
        for what, some in cases.items()
    )
