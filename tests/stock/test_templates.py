"""Every chat template that TRL ships: what is trained is what should be, or it is refused."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.stock.masks import StockTemplate, chat_of, outcomes, truth_of
from tests.stock.tokens import CASES, ENDS, stock_templates
from wgen_tui.training_data.mask import TemplateRefusal
from wgen_tui.workers.encoding import encode

PAGE = Path(__file__).resolve().parents[2] / "docs" / "models.py"


def test_each_template_is_here() -> None:
    assert set(stock_templates()) == set(ENDS), "tests/stock/tokens.py has a line for each"


@pytest.mark.parametrize("name", ENDS)
def test_what_is_trained_is_the_answer_as_sampling_draws_it(name: str) -> None:
    """By hand; and nothing that TRL's training variant leaves out (`StockTemplate._beside`)."""
    for case, made in outcomes(name).items():
        if reason := ENDS[name].refused.get(case):
            assert reason in made.refused
        else:
            assert not made.refused, case
            assert made.trained == truth_of(name, case), case


@pytest.mark.parametrize("name", ENDS)
def test_the_worker_and_transformers_agree(name: str, tmp_path: Path) -> None:
    template = StockTemplate(name, tmp_path)
    for case in CASES:
        chat = chat_of(case)
        try:
            ours = template.local.encode(chat)
        except TemplateRefusal as refused:
            with pytest.raises(TemplateRefusal) as theirs:
                encode(template.stock, chat)
            assert theirs.value.args == refused.args
            continue
        assert encode(template.stock, chat) == ours
        if template.variant is not None:
            theirs_of_variant, ours_of_variant = template.variants_mask(chat)
            assert ours_of_variant == theirs_of_variant


def test_most_train_as_they_should() -> None:
    whole = [name for name, ends in ENDS.items() if set(ends.refused) != set(CASES)]
    assert len(whole) >= 37
    assert {name for name in ENDS if name not in whole} == {
        "glm4moe",  # ends no turn: the next one's first token does
        "idefics3",  # these take content in parts alone
        "llava_next",
        "smolvlm",
    }


def test_the_page_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("models_page", PAGE)
    assert spec is not None
    assert spec.loader is not None
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    assert page.main(["--check"]) == 0, "python docs/models.py"
