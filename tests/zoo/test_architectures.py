"""Rows of the table of architectures are true; all of it is tried by docs/models.py."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.builders.definition import write_definition
from tests.builders.model import make_model
from tests.zoo.architecture_table import row
from tests.zoo.configs import ARCHITECTURES
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.models.support import NO_LORA, REFUSED
from wgen_tui.services.planning.plan import make_plan

PAGE = Path(__file__).parents[2] / "docs" / "models.md"
# One of each kind: fused projections, flat inputs, four dimensions, experts in one tensor, a state
# alone, a state beside attention, modules that are not called, and one that is refused.
TRIED = ("gpt2", "opt", "minicpm3", "qwen3_moe", "mamba", "falcon_h1", "jamba", "recurrent_gemma")


def rows() -> dict[str, str]:
    section = PAGE.read_text("utf-8").partition("<!-- generated: architectures -->")[2]
    lines = section.partition("<!-- end -->")[0].splitlines()
    return {match[1]: line for line in lines if (match := re.match(r"\| (\w+) \|", line))}


def test_the_table_has_every_architecture_that_is_tried() -> None:
    listed = rows()
    listed.pop("architecture")
    assert list(listed) == list(ARCHITECTURES)
    assert len(listed) >= 30
    assert not [line for line in listed.values() if "**" in line]
    assert {name for name, line in listed.items() if "| refused |" in line} == set(REFUSED)
    assert set(NO_LORA) <= set(listed)


@pytest.mark.parametrize("name", TRIED)
def test_a_row_is_what_is_seen(name: str) -> None:
    assert row(name) == rows()[name]


@pytest.mark.parametrize("config", [{"model_type": "rwkv"}, {"is_encoder_decoder": True}])
def test_the_plan_refuses(config: dict[str, object], tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    (model / "config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError) as refused:
        make_plan(Home(tmp_path / "home"), str(write_definition(tmp_path / "names", model)))
    assert refused.value.title == "Architecture not supported"
    assert not (tmp_path / "home").exists()


def test_the_plan_names_what_all_linear_may_not_have(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    (model / "config.json").write_text(json.dumps({"model_type": "mamba"}))
    with pytest.raises(UsageError, match="out_proj") as refused:
        make_plan(Home(tmp_path / "home"), str(write_definition(tmp_path / "names", model)))
    assert "in_proj, x_proj" in refused.value.hint
