"""Figures of others in a definition: read, checked, and no part of what is run."""

from __future__ import annotations

import pytest

from experiments import catalogue
from experiments.errors import DefinitionError
from experiments.folders import list_definitions
from tests.experiments.conftest import VALID, Write

GROUP = """published:
  source: arXiv 1
  section: "3.1"
  model: GPT
  figures:
    - {arm: old, figure: 0.6, n: 1000}
    - {arm: base, question: light, figure: 0, section: "4"}
"""


def test_what_figures_share_is_written_once(write: Write) -> None:
    first, second = catalogue.load(write(VALID + GROUP)).published
    assert (first.arm, first.figure, first.n, first.place) == ("old", 0.6, 1000, "arXiv 1 §3.1")
    assert (second.arm, second.question, second.place, second.model) == (
        *("base", "light", "arXiv 1 §4", "GPT"),
    )


def test_several_groups_and_single_figures(write: Write) -> None:
    listed = "published:\n  - {arm: old, figure: 1, source: A}\n  - source: B\n    figures:\n"
    text = f"{VALID}{listed}      - {{arm: new, figure: 2}}\n      - {{arm: base, figure: 3}}\n"
    read = catalogue.load(write(text)).published
    assert [(item.source, item.figure) for item in read] == [("A", 1), ("B", 2), ("B", 3)]


def test_a_figure_changes_no_hash(write: Write) -> None:
    plain = catalogue.definition_hash(catalogue.load(write(VALID)))
    assert catalogue.definition_hash(catalogue.load(write(VALID + GROUP))) == plain


OLD = "{arm: old, figure: 1, source: A, "


@pytest.mark.parametrize(
    ("figure", "key", "why"),
    [
        ("{arm: odl, figure: 1, source: A}", ".arm", "Did you mean 'old'"),
        ("{arm: old, figure: 1}", ".source", "'source' is missing"),
        (OLD + "question: lihgt}", ".question", "Did you mean 'light'"),
        (OLD + "variant: x}", ".variant", "Unknown variant"),
        (OLD + "measure: x}", ".measure", "Unknown measure"),
        (OLD + "low: 0}", "", "low and high are given together"),
        (OLD + "low: 0, high: 0.5}", "", "1 does not lie from 0 to 0.5"),
        (OLD + "not: 1}", ".not", "Did you mean 'note'"),
    ],
)
def test_a_figure_that_cannot_be_is_named(write: Write, figure: str, key: str, why: str) -> None:
    with pytest.raises(DefinitionError) as error:
        catalogue.load(write(f"{VALID}published:\n  - {figure}\n"))
    (problem,) = error.value.problems
    assert problem.key == f"published[0]{key}"
    assert why.casefold() in f"{problem.message} {problem.hint}".casefold()
    assert problem.line == len(VALID.splitlines()) + 2


def test_a_problem_within_a_group_stands_at_its_figure(write: Write) -> None:
    with pytest.raises(DefinitionError) as error:
        catalogue.load(write(VALID + GROUP.replace("arm: base", "arm: bas")))
    (problem,) = error.value.problems
    assert problem.key == "published.figures[1].arm"
    assert problem.line == len(VALID.splitlines()) + 7


def test_without_an_analysis_a_figure_is_of_nothing(write: Write) -> None:
    text = VALID.split("analysis:")[0] + GROUP
    with pytest.raises(DefinitionError, match="there is no analysis"):
        catalogue.load(write(text))


def test_figures_of_the_shelf_say_where_they_are_from() -> None:
    read = [catalogue.load(entry.slug) for entry in list_definitions()]
    with_figures = {item.slug for item in read if item.published}
    assert {"old-bird-names", "former-german-cities", "israeli-dishes"} <= with_figures
    for definition in read:
        for item in definition.published:
            assert item.source and item.section and item.model and item.note, definition.slug
            assert 0 <= item.figure <= 1
