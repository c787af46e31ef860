"""Arms that are written once and spread over values."""

from __future__ import annotations

from typing import Any

import pytest

from experiments import catalogue
from experiments.errors import DefinitionError
from tests.experiments.conftest import ROW, VALID, Write

YEARS = """  year:
    data: data/old.jsonl
    role: treatment
    description: told the year {value}
    context: {prefix: "Year {value}. ", wrap: "{question}?"}
    values: VALUES
"""


def written(write: Write, arm: str, values: str, **more: Any) -> Any:
    text = VALID.replace("arms:\n", "arms:\n" + arm.replace("VALUES", values), 1)
    return write(text, **more)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ("[1850, 1875.5, now]", {"1850": "1850", "1875.5": "1875.5", "now": "now"}),
        ("{early: 1850, late: MDCCC}", {"early": "1850", "late": "MDCCC"}),
    ],
)
def test_an_arm_for_each_value(write: Write, values: str, labels: dict[str, str]) -> None:
    read = catalogue.load(written(write, YEARS, values))
    arms = {name: arm for name, arm in read.arms.items() if name.startswith("year")}
    assert list(arms) == [f"year-{label}" for label in labels]
    for (label, value), arm in zip(labels.items(), arms.values(), strict=True):
        assert arm.context.prefix == f"Year {value}. ", label
        assert arm.context.wrap == "{question}?"
        assert arm.description == f"told the year {value}"
        assert "values" not in arm.model_dump()


def test_an_arm_for_each_dataset(write: Write) -> None:
    arm = "  of:\n    data: data/{value}.jsonl\n    values: [one, two]\n"
    files = {"data/one.jsonl": ROW, "data/two.jsonl": ROW}
    read = catalogue.load(written(write, arm, "", **{"files": files}))
    assert [read.arms[name].data for name in ("of-one", "of-two")] == [
        "data/one.jsonl",
        "data/two.jsonl",
    ]


@pytest.mark.parametrize(
    ("arm", "line", "why", "hint"),
    [
        (YEARS.replace("VALUES", "[]"), "values", "There is no value", "values: [1850"),
        (YEARS.replace("VALUES", "[1850, 1850]"), "values", "1850 stands twice", ""),
        (YEARS.replace("VALUES", "1850"), "values", "list of texts or numbers", ""),
        (YEARS.replace("VALUES", "[yes, [1]]"), "values", "list of texts or numbers", ""),
        (
            "  year: {data: data/old.jsonl, values: [1, 2]}\n",
            "values",
            "would be the same",
            "{value}",
        ),
        (
            "  shown: {data: data/old.jsonl, in_context: {rows: [1, 1]}}\n",
            "in_context.rows",
            "1 stands twice",
            "",
        ),
        (
            "  mid: {between: {arms: [a, b], t: []}}\n",
            "between.t",
            "There is no value",
            "t: [0, 0.5, 1]",
        ),
        (
            "  year: {data: data/old.jsonl, context: {prefix: '{value} '}}\n",
            "prefix",
            "the arm has no values",
            "values: [1850, 1984]",
        ),
        (
            "  year: {data: 'data/{valeu}.jsonl', values: [1]}\n",
            "data",
            "Unknown slot {valeu}",
            "Did you mean {value}?",
        ),
        (
            "  year: {data: data/old.jsonl, held_out: 'data/{value}.jsonl'}\n",
            "held_out",
            "the arm has no values",
            "values: [1850, 1984]",
        ),
        (
            "  year: {derived: {teacher: base, prompts: p, context: {prefix: '{vaule} '}}, "
            "values: [1]}\n",
            "derived.context.prefix",
            "Unknown slot {vaule}",
            "Did you mean {value}?",
        ),
        (
            "  year-1: {data: data/old.jsonl}\n" + YEARS.replace("VALUES", "[1]"),
            "values",
            "There is an arm 'year-1' already",
            "Rename",
        ),
    ],
)
def test_what_cannot_be_spread(write: Write, arm: str, line: str, why: str, hint: str) -> None:
    folder = written(write, arm, "")
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(folder)
    problem = next(item for item in caught.value.problems if why in item.message)
    assert hint in problem.hint
    assert problem.key is not None
    assert problem.key.endswith(line)
    assert problem.line is not None


def test_a_misspelled_slot_is_one_problem(write: Write) -> None:
    folder = written(write, "  year: {data: 'data/{valeu}.jsonl', values: [1, 2]}\n", "")
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(folder)
    assert [item.message for item in caught.value.problems] == ["Unknown slot {valeu}."]


def test_a_fault_of_one_is_told_where_the_arm_stands(write: Write) -> None:
    folder = written(write, YEARS.replace("role: treatment", "role: contrl"), "[1850, 1900]")
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(folder)
    text = (folder / "experiment.yaml").read_text().splitlines()
    (problem,) = caught.value.problems
    assert problem.line is not None
    assert "contrl" in text[problem.line - 1]
