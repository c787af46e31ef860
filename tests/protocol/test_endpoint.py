"""A key that a server echoes, whole, in part or in base64, is in no text for people."""

from __future__ import annotations

import base64

import pytest

from wgen_tui.protocol.endpoint import without_key

KEY = "sk-aviary-9fK2xQ7LmZ0pWvT4"


@pytest.mark.parametrize(
    "echoed",
    [
        KEY,
        KEY[:14],
        KEY[-10:],
        KEY[5:20],
        base64.b64encode(KEY.encode()).decode(),
        base64.b64encode(f":{KEY}".encode()).decode(),
        base64.b64encode(f"me:{KEY}".encode()).decode(),
        base64.urlsafe_b64encode(f"Bearer {KEY}".encode()).decode(),
        base64.b64encode(KEY.encode()).decode()[:20],
    ],
)
def test_no_part_of_a_key_is_left(echoed: str) -> None:
    said = without_key(f"wrong key {echoed}, again: {echoed}!", KEY)
    assert said.startswith("wrong key ")
    assert said.count("***") >= 2
    left = {said[at : at + 8] for at in range(len(said) - 7)}
    hidden = {KEY[at : at + 8] for at in range(len(KEY) - 7)}
    assert not left & hidden
    for text in (KEY, f":{KEY}", f"::{KEY}"):
        coded = base64.b64encode(text.encode()).decode()[3:-4]
        assert not {said[at : at + 12] for at in range(len(said) - 11)} & {
            coded[at : at + 12] for at in range(len(coded) - 11)
        }


def test_other_words_stay_and_a_long_answer_is_cut() -> None:
    assert without_key("Rate limit reached for wren-1 in 20 s", KEY) == (
        "Rate limit reached for wren-1 in 20 s"
    )
    assert len(without_key("x" * 5_000_000, KEY)) == 300
