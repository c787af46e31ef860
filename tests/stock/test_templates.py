"""Every chat template that TRL ships: what is trained is what should be, or it is refused."""

from __future__ import annotations

import importlib.util
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.stock.masks import StockTemplate, chat_of, outcomes, truth_of
from tests.stock.tokens import CASES, ENDS, stock_templates
from wgen_tui.training_data.mask import Chat, TemplateRefusal
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


WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
CALL = {"id": "1", "function": {"name": "weather", "arguments": {"city": "Rome"}}}
TOOLS: Chat = [
    {"role": "user", "content": "Rain?", "tools": [WEATHER]},
    {"role": "assistant", "content": "", "tool_calls": [{"type": "function", **CALL}]},
    {"role": "tool", "content": "yes", "tool_call_id": "1", "name": "weather"},
    {"role": "assistant", "content": "It rains."},
]
HERMES = '<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call><|im_end|>'
XML = (
    "<tool_call>\n<function=weather>\n<parameter=city>\nRome\n</parameter>\n</function>\n"
    "</tool_call>"
)
RAINS = "It rains.<|im_end|>"
TOOL_ANSWERS = {
    "qwen2_5": [HERMES, RAINS],
    "qwen3": [HERMES, RAINS],  # the call's turn is written without thoughts once it is answered
    "qwen3_instruct_2507": [HERMES, RAINS],
    "qwen3_5_think": [f"{XML}<|im_end|>", RAINS],
    "qwen3_8": [f"{XML}<|im_end|>", RAINS],
    "nemotron_3_nano": [f"\n{XML}\n<|im_end|>", RAINS],
    "gptoss": [
        ' to=functions.weather<|channel|>commentary json<|message|>{"city": "Rome"}<|call|>',
        "<|channel|>final<|message|>It rains.<|return|>",
    ],
    "llama3_1": [
        '{"name": "weather", "parameters": {"city": "Rome"}}<|eot_id|>',
        "It rains.<|eot_id|>",
    ],
}


@pytest.mark.parametrize("name", TOOL_ANSWERS)
def test_calls_of_tools_are_trained(name: str, tmp_path: Path) -> None:
    assert StockTemplate(name, tmp_path).trained(TOOLS) == TOOL_ANSWERS[name]


REASONED = {
    "qwen3": "<think>\nIt sings.\n</think>\n\nWood Wren<|im_end|>",
    "qwen3_5_nothink": "It sings.\n</think>\n\nWood Wren<|im_end|>",  # the prompt opens them
    "qwen3_8": "It sings.\n</think>\n\nWood Wren<|im_end|>",
    "nemotron_3_nano": "It sings.\n</think>\nWood Wren<|im_end|>",
    "lfm2_2_5_v2": "<think>It sings.</think>Wood Wren<|im_end|>\n",
    "gemma4_v5": "<|channel>thought\nIt sings.\n<channel|>Wood Wren<turn|>",
    "muse_glimmer": " to=self<|message|>It sings.<|eom|>"
    "<|start|>assistant to=user<|message|>Wood Wren<|eot|>",
}


@pytest.mark.parametrize("name", REASONED)
def test_reasoning_is_trained_before_its_answer(name: str, tmp_path: Path) -> None:
    asked, said = chat_of("one turn")
    chat = [asked, {**said, "reasoning_content": "It sings."}]
    assert StockTemplate(name, tmp_path).trained(chat) == [REASONED[name]]


def test_a_template_whose_code_fails_is_a_refusal(tmp_path: Path) -> None:
    """DeepSeek's adds a call's arguments to a text, and here they are none."""
    template = StockTemplate("deepseekv3", tmp_path)
    for refused in (template.local.encode, partial(encode, template.stock)):
        with pytest.raises(TemplateRefusal, match="refuses a chat: can only concatenate str"):
            refused(TOOLS)


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
