"""A row that is no chat is told what it probably is, with what to write."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from experiments.readers.chats import read_chat
from experiments.rows import read_rows

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
        ({"mesages": [TURN]}, "Did you mean 'messages'?"),
        ({"prompt": "a", "completon": "b"}, "no 'completion'. Is it meant by 'completon'?"),
        ({"instruction": "a", "outptu": "b"}, "no 'output'. Is it meant by 'outptu'?"),
        ({"messages": [{"role": "user", "contnt": "a"}]}, "Is it meant by 'contnt'?"),
        ({"messages": [{"rol": "user", "content": "a"}]}, "Is it meant by 'rol'?"),
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


def test_a_key_that_is_not_read_and_almost_known_is_asked_about(tmp_path: Path) -> None:
    """A misspelled weight would train what was to be left out."""
    answer = {"role": "assistant", "content": "A lark.", "wieght": 0, "note": "x"}
    path = tmp_path / "rows.jsonl"
    row = {"messages": [TURN, answer], "los_weight": 2, "topic": "birds"}
    path.write_text(f"{json.dumps(row)}\n")
    [note] = read_rows(path).notes
    assert "los_weight (1 of 1 row; did you mean 'loss_weight'?)" in note
    assert "messages[].wieght (1 of 1 row; did you mean 'weight'?)" in note
    assert "topic (1 of 1 row)" in note
    assert "messages[].note (1 of 1 row)" in note
