"""Training methods: the keys of each go with it alone, and what is read can be written and read."""

from __future__ import annotations

import pytest

from experiments import catalogue
from experiments.errors import DefinitionError
from experiments.schema import TrainingConfig
from tests.experiments.conftest import VALID, Write
from wgen_tui.services.experiments import definitions

STEPS = "  max_steps: 3\n"
POLY = STEPS + "  method: poly\n"


def test_poly_is_read_with_peft_s_names(write: Write) -> None:
    poly = "  poly: {r: 4, n_skills: 3, n_splits: 2, target_modules: [q_proj]}\n"
    training = catalogue.load(write(VALID.replace(STEPS, POLY + poly))).training
    assert training.method == "poly"
    assert training.poly.model_dump() == {
        "r": 4,
        "n_skills": 3,
        "n_splits": 2,
        "target_modules": ("q_proj",),
    }
    assert training.adapter == "MHR r=4, 3 skills, 2 splits"
    assert TrainingConfig.model_validate_json(training.model_dump_json()) == training.of(
        "tiny-world", "old"
    )


def test_poly_has_defaults(write: Write) -> None:
    training = catalogue.load(write(VALID.replace(STEPS, POLY))).training
    assert training.adapter == "Poly r=8, 4 skills"
    assert training.poly.target_modules == "all-linear"
    assert "lora" not in training.model_dump()
    assert training.model_dump(exclude_defaults=True) == {
        "method": "poly",
        "max_steps": 3,
        "learning_rate": 5e-3,
    }


def test_what_lora_writes_is_as_it_was(write: Write) -> None:
    training = catalogue.load(write()).training
    assert "poly" not in training.model_dump(mode="json")
    assert training.adapter == "LoRA r=8 alpha=16"
    assert TrainingConfig.model_validate_json(training.model_dump_json()) == training.of(
        "tiny-world", "old"
    )


@pytest.mark.parametrize(
    ("added", "line", "key", "message"),
    [
        ("  method: poly\n  lora: {r: 8}\n", 10, "training.lora", "Lora is given, but the method is poly"),  # noqa: E501
        ("  poly: {r: 8}\n", 9, "training.poly", "Poly is given, but the method is lora"),
        ("  method: poly\n  poly: {n_skils: 3}\n", 10, "training.poly.n_skils", "Unknown key"),
        ("  method: poly\n  poly: {n_splits: 0}\n", 10, "training.poly.n_splits", "greater than 0"),
        ("  method: pooly\n", 9, "training.method", "'pooly' is not known"),
    ],
)  # fmt: skip
def test_a_key_of_another_method_is_named(
    write: Write, added: str, line: int, key: str, message: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(write(VALID.replace(STEPS, STEPS + added)))
    found = [problem for problem in caught.value.problems if problem.key == key]
    assert found, str(caught.value)
    assert found[0].line == line
    assert message in found[0].message


def test_poly_is_trained_by_one_process(write: Write) -> None:
    text = VALID.replace(STEPS, POLY) + "accelerate: {num_processes: 2}\n"
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(write(text))
    assert caught.value.key == "accelerate.num_processes"
    assert "one process" in caught.value.message


def test_the_json_schema_knows_both() -> None:
    found = definitions.json_schema()["$defs"]
    assert found["Training"]["properties"]["method"]["enum"] == ["lora", "poly"]
    assert set(found["PolyConfig"]["properties"]) == {
        "r",
        "n_skills",
        "n_splits",
        "target_modules",
    }
