"""What is said of draws where questions, or runs, have different numbers of them.

Promises: by design (a question of more wordings or variants has more draws in every run) and by
accident (a run lacks draws that others have) are told apart; what is lacking is named with where.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from wgen_tui.services.results.cells import Asked, Cell, Cells, Key

if TYPE_CHECKING:
    from wgen_tui.services.results.rates import ContrastResult

NAMED = 3  # at most; the rest is counted

Run = tuple[str, str, int, int]  # model, arm, seed, step


def of_contrasts(contrasts: Sequence[ContrastResult]) -> list[str]:
    """A sentence for each difference over fewer questions than its arms were asked."""
    several = len({item.model for item in contrasts}) > 1
    said = []
    for item in contrasts:
        if item.left_out and (item.question, item.variant) == (None, None):
            name = f"{item.arm} − {item.control}" + (f", of {item.model}" if several else "")
            both = "that both have graded draws of"
            over = f"over the {item.questions} of its questions {both}"
            if not item.questions:
                over = f"no difference, since there is no question {both}"
            said.append(f"{name}: {over}; left out: {_some(item.left_out)}")
    return said


def of_cells(cells: Cells) -> list[str]:
    """A sentence for each way in which draws differ."""
    drawn: dict[Run, dict[Asked, Cell]] = defaultdict(dict)
    for key, cell in cells.items():
        drawn[_run(key)][Asked(key.question, key.variant)] = cell
    asked = list(dict.fromkeys(item for row in drawn.values() for item in row))
    return [*_between_runs(drawn, asked), *_between_questions(drawn, asked)]


def _run(key: Key) -> Run:
    return (key.model, key.arm, key.seed, key.step)


def _between_questions(
    drawn: Mapping[Run, Mapping[Asked, Cell]], asked: Iterable[Asked]
) -> Iterable[str]:
    """Of questions with more draws than others."""
    most: dict[str, int] = defaultdict(int)
    for item in asked:
        sizes = [_drawn(row.get(item)) for row in drawn.values()]
        most[item.question] += max(sizes)
    if len(set(most.values())) > 1:
        few, many = min(most.values()), max(most.values())
        yield (
            f"questions have {few} to {many} draws in a run: "
            "each question counts once, whatever its draws"
        )


def _between_runs(
    drawn: Mapping[Run, Mapping[Asked, Cell]], asked: Iterable[Asked]
) -> Iterable[str]:
    """Of runs that lack draws which others have."""
    lacking: dict[Run, list[str]] = defaultdict(list)
    questions = list(dict.fromkeys(item.question for item in asked))
    several = len({model for model, *_ in drawn}) > 1
    for question in questions:
        sizes = {
            run: sum(_drawn(cell) for item, cell in row.items() if item.question == question)
            for run, row in drawn.items()
        }
        most = max(sizes.values())
        for run, size in sizes.items():
            if size < most:
                lacking[run].append(f"{question} {size} of {most}")
    for run, what in list(lacking.items())[:NAMED]:
        yield f"{_name(run, several)} has fewer draws than other runs: {_some(what)}"
    if len(lacking) > NAMED:
        yield f"{len(lacking) - NAMED} more runs have fewer draws than others"


def _drawn(cell: Cell | None) -> int:
    return cell.n + cell.ungraded if cell is not None else 0


def _name(run: Run, several: bool) -> str:
    model, arm, seed, _ = run
    return f"{arm}, seed {seed}" + (f", of {model}" if several else "")


def _some(listed: list[str]) -> str:
    more = len(listed) - NAMED
    return ", ".join(listed[:NAMED]) + (f" and {more} more" if more > 0 else "")
