"""docs/field.md: every definition that stands there is valid, short, and runs a step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from experiments import catalogue
from tests.builders.field_page import (
    designs,
    quick_arms,
    quick_judges,
    stated_lines,
    write_page_design,
)
from tests.builders.judge_model import make_judge_model
from tests.builders.stages import run_all
from wgen_tui.paths import Home
from wgen_tui.services.experiments import definitions
from wgen_tui.services.results.results import compute

DESIGNS = designs()
WRITTEN = {name: text for name, text in DESIGNS.items() if text is not None}
MOST = 60


def slug_of(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name).strip("-")


def test_eighteen_of_nineteen_designs_are_written() -> None:
    assert len(DESIGNS) == 19
    assert set(DESIGNS) - set(WRITTEN) == {"6 features of a sparse autoencoder"}


def test_the_table_says_how_long_each_is_and_none_is_longer_than_sixty_lines() -> None:
    lines = [None if text is None else len(text.splitlines()) for text in DESIGNS.values()]
    assert stated_lines() == lines
    assert max(filter(None, lines)) <= MOST


@pytest.mark.parametrize("name", list(WRITTEN))
def test_a_design_of_the_page_is_valid(name: str, tmp_path: Path) -> None:
    folder = write_page_design(tmp_path / slug_of(name), WRITTEN[name])
    definition, _ = definitions.validate(Home(tmp_path / "home"), folder)
    assert definition.analysis is not None
    assert definition.analysis.contrasts
    assert catalogue.definition_hash(definition)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page") / "model"
    return make_judge_model(folder, digits=True, also=["A", "B", "C", "D"])


@pytest.mark.slow
@pytest.mark.parametrize("name", list(WRITTEN))
def test_a_design_of_the_page_trains_a_step_and_has_results(
    name: str, tmp_path: Path, model: Path
) -> None:
    home = Home(tmp_path / "home").ensure()
    step = {
        "max_steps": 1,
        "num_train_epochs": None,
        "per_device_train_batch_size": 1,
        "gradient_accumulation_steps": 1,
        "quantization": "none",
        "checkpoints": "final",
    }
    few = {"n": 1, "max_tokens": 3, "during_training": None}
    slug = slug_of(name)
    models = [str(model)]
    # Of thirteen arms two say as much; all are validated by the test above.
    fewer = {"modes": ["prepend"], "texts": {"identity": "Name a bird ."}}
    changed: dict[str, Any] = {}
    if "\ncontexts:" in WRITTEN[name]:
        changed["contexts"] = fewer
    if judges := yaml.safe_load(WRITTEN[name]).get("model_judges"):
        changed["model_judges"] = quick_judges(judges)
    folder = write_page_design(
        home.experiments / slug,
        WRITTEN[name],
        models=models,
        arms=quick_arms(WRITTEN[name]),
        training=step,
        sampling=few,
        **changed,
    )
    definition = catalogue.load(folder)
    run_all(
        home, slug, dict.fromkeys({judge.model for judge in definition.model_judges}, models[0])
    )
    results = compute(home, slug)
    assert results.rates or results.accuracy
    arms = {rate.arm for rate in results.rates}
    assert {*definition.arms} <= arms, "every arm has a rate"
    assert results.contrasts
