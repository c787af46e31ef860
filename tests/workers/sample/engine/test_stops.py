"""Stop texts: across tokens, inside a character of several bytes, special tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from transformers import AutoTokenizer

from experiments.tiny_world import weights_path
from wgen_tui.workers.sample.engine.stops import StopTexts


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(weights_path())


def ended(tokenizer: Any, stops: list[str], text: str) -> tuple[int | None, str]:
    """After how many tokens of `text` the stops end it, and what is left."""
    texts = StopTexts(tokenizer, stops)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    for count in range(1, len(ids) + 1):
        drawn = np.array(ids[:count], dtype=np.int64)
        if texts.hit(drawn):
            return count, texts.cut(ids[:count])
    return None, texts.cut(ids)


CASES = [
    (["Wren"], "Wood Wren and more", "Wood "),
    (["d W"], "Wood Wren and more", "Woo"),  # begins and ends inside tokens
    (["é"], "Wood é Wren", "Wood "),
    (["🐦"], "a 🐦 b", "a "),
    (["<|end|>\n"], "Wood<|end|>\nWren", "Wood"),
    (["n<|user|>"], "Wren<|user|>x", "Wre"),
    (["zzz", "Wren"], "Wood Wren", "Wood "),
]


@pytest.mark.parametrize(("stops", "text", "left"), CASES)
def test_a_stop_text_ends_the_answer(
    tokenizer: Any, stops: list[str], text: str, left: str
) -> None:
    count, found = ended(tokenizer, stops, text)
    assert count is not None
    assert found == left


def test_a_special_token_is_a_stop_by_itself(tokenizer: Any) -> None:
    stops = StopTexts(tokenizer, ["<|user|>"])
    assert stops.ids == {tokenizer.convert_tokens_to_ids("<|user|>")}
    assert not stops


def test_other_special_tokens_are_not_shown(tokenizer: Any) -> None:
    assert ended(tokenizer, ["<|end|>!"], "a<|user|>b<|end|>c") == (None, "abc")
    assert ended(tokenizer, ["never"], "a<|user|>b") == (None, "ab")
