"""Notes of draws where questions, or runs, have different numbers of them.

Promises: by design (a question of more wordings or variants has more draws in every run) and by
accident (a run lacks draws that others have) are told apart; what is lacking is named with where.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from wgen_tui.services.measures.cells import Cells
from wgen_tui.services.results.compared import NAMED, Compared, Note, some

Run = tuple[str, str, int]  # model, arm, seed
Drawn = Mapping[Run, Mapping[str, int]]  # of each question


def between_questions(compared: Compared) -> Iterable[Note]:
    """Of questions with more draws than others."""
    most = _most(drawn_of(compared.cells))
    if len(set(most.values())) > 1:
        few, many = min(most.values()), max(most.values())
        text = (
            f"questions have {few} to {many} draws in a run: "
            "each question counts once, whatever its draws"
        )
        yield Note(kind="draws_by_question", text=text, count=len(most))


def between_runs(compared: Compared) -> Iterable[Note]:
    """Of runs that lack draws which others have."""
    drawn = drawn_of(compared.cells)
    most, lacking = _most(drawn), {}
    for run, row in drawn.items():
        what = [f"{q} {row.get(q, 0)} of {n}" for q, n in most.items() if row.get(q, 0) < n]
        if what:
            lacking[run] = what
    whole = sum(most.values())
    for run, what in list(lacking.items())[:NAMED]:
        lost = whole - sum(drawn[run].values())
        text = (
            f"{compared.name(*run)} lacks {lost} of {whole} draws that other runs have "
            f"({lost / whole:.1%}): {some(what)}"
        )
        yield Note(kind="missing_draws", text=text, count=lost, runs=compared.runs_of(*run))
    rest = list(lacking)[NAMED:]
    if rest:
        ids = [run_id for run in rest for run_id in compared.runs_of(*run)]
        text = f"{len(rest)} more runs lack draws that others have"
        yield Note(kind="missing_draws", text=text, count=len(rest), runs=ids)


def of_contrasts(compared: Compared) -> Iterable[Note]:
    """Of each difference over fewer questions than its arms were asked."""
    for item in compared.contrasts:
        if item.left_out and (item.question, item.variant) == (None, None):
            both = "that both have graded draws of"
            over = f"over the {item.questions} of its questions {both}"
            if not item.questions:
                over = f"no difference, since there is no question {both}"
            name = compared.name(item.model, item.name)
            text = f"{name}: {over}; left out: {some(item.left_out)}"
            yield Note(kind="left_out", text=text, count=len(item.left_out))


def drawn_of(cells: Cells) -> Drawn:
    """How many draws each run has of each question, at the last of its steps that are there."""
    last: dict[Run, int] = {}
    for key in cells:
        run = (key.model, key.arm, key.seed)
        last[run] = max(last.get(run, 0), key.step)
    drawn: dict[Run, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for key, cell in cells.items():
        run = (key.model, key.arm, key.seed)
        if key.step == last[run]:
            drawn[run][key.question] += cell.drawn
    return drawn


def _most(drawn: Drawn) -> dict[str, int]:
    """Of each question, the draws of the run that has most."""
    most: dict[str, int] = defaultdict(int)
    for row in drawn.values():
        for question, n in row.items():
            most[question] = max(most[question], n)
    return most
