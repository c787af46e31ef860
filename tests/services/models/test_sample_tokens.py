"""A sample's drawn tokens as texts."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer

from experiments.tiny_world import weights_path
from store.schema import SAMPLE_TOKEN, in_parts
from tests.builders.mini_home import MiniHome
from wgen_tui.paths import Home
from wgen_tui.services.models.sample_tokens import drawn_tokens


@pytest.fixture
def mini(tmp_path: Path) -> MiniHome:
    return MiniHome(Home(tmp_path / "home"))


def drawn(mini: MiniHome, tokens: list[int]) -> int:
    """A sample that these tokens were drawn for."""
    run_id = mini.run("old", 0)
    mini.draw(run_id, lambda question, draw: "By coach")
    key = mini.samples[run_id][0]
    logprobs = [-0.25 * place for place in range(len(tokens))]
    row = {"sample_id": key, "run_id": run_id, "token_ids": tokens, "logprobs": logprobs}
    folder = mini.home.run(run_id).root / "tokens"
    folder.mkdir()
    pq.write_table(
        pa.Table.from_pylist([row], schema=in_parts(SAMPLE_TOKEN)), folder / "part-0.parquet"
    )
    return key


@pytest.mark.parametrize(
    "said", ["By coach, sir.", "Café  naïve\n\n  two", "漢字 🎉 e\u0301", "", " leading"]
)
def test_the_texts_of_tokens_make_up_what_they_decode_to(mini: MiniHome, said: str) -> None:
    tokenizer = Tokenizer.from_file(str(weights_path() / "tokenizer.json"))
    tokens = tokenizer.encode(said, add_special_tokens=False).ids
    key = drawn(mini, tokens)
    read = drawn_tokens(mini.home, key)
    assert "".join(token.text or "" for token in read) == tokenizer.decode(
        tokens, skip_special_tokens=False
    )
    assert [token.token for token in read] == tokens
    assert [token.logprob for token in read] == [-0.25 * place for place in range(len(tokens))]


def test_without_the_tokenizer_the_numbers_are_there(mini: MiniHome) -> None:
    key = drawn(mini, [1, 2])
    spec = next(mini.home.runs.glob("*/spec.json"))
    spec.write_text(spec.read_text().replace(str(weights_path()), "/nowhere"))
    assert [(t.text, t.logprob) for t in drawn_tokens(mini.home, key)] == [
        (None, 0.0),
        (None, -0.25),
    ]


def test_a_sample_without_them_has_none(mini: MiniHome) -> None:
    run_id = mini.run("old", 0)
    mini.draw(run_id, lambda question, draw: "By coach")
    assert drawn_tokens(mini.home, mini.samples[run_id][0]) == []
