"""A row that is no chat is told what it probably is, with what to write."""

from __future__ import annotations

import re
from typing import Any

import pytest

from experiments.readers.chats import read_chat

TURN = {"role": "user", "content": "Name a bird."}


@pytest.mark.parametrize(
    ("row", "hint"),
    [
        (TURN, "It is one turn: write the turns of a chat as 'messages'"),
        ({"data": [{"messages": [TURN]}]}, "If the rows lie in 'data', write that list alone."),
        ({"meta": "x", "rows": [{}]}, "If the rows lie in 'rows'"),
        ({"instruction;output": "a;b"}, "Its columns are parted by ';'"),
        ({"prompt|completion": "a|b"}, "Its columns are parted by '|'"),
        ({"Instruction": "a", "Output": "b"}, "Keys are written small: 'instruction'."),
        ({"Messages": [TURN]}, "Keys are written small: 'messages'."),
        ({"text": "A lark sings."}, "A text is no chat"),
        ({"message": []}, "Did you mean 'messages'?"),
        ({"messages": '[{"role": "user"}]'}, "It is JSON within a text: decode it once more."),
        ({"messages": [{**TURN, "role": "model"}]}, "Did you mean 'assistant'?"),
        ({"messages": [{**TURN, "role": "Human"}]}, "Did you mean 'user'?"),
        ({"instruction": "a", "output": "b", "history": 5}, "'history' is a number, not a list"),
        ({"instruction": "a", "output": "b", "history": {"x": 1}}, "'history' is an object"),
    ],
)
def test_what_it_probably_is(row: dict[str, Any], hint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(hint)):
        read_chat(row, lambda key: None)


@pytest.mark.parametrize("row", [{"x": [1]}, {"x": []}, {"x": "y"}, {}])
def test_nothing_is_guessed_of_the_rest(row: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="has neither 'messages' nor") as caught:
        read_chat(row, lambda key: None)
    assert "If" not in str(caught.value) and "Did you mean" not in str(caught.value)
