"""Long examples are counted, with the policy named, before anything is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

from experiments.schema import Message, TrainingConfig
from wgen_tui.errors import UsageError
from wgen_tui.protocol import ModelRef
from wgen_tui.services.lengths import check_lengths, token_counter

TEMPLATE = """
{%- for m in messages %}
    {%- if m.role == 'system' %}{{ raise_exception('no system turns here') }}{% endif %}
{{ ' ' + m.role }} {{ m.content }} {{ eos_token }}
{%- endfor %}"""


@pytest.fixture
def model(tmp_path: Path) -> ModelRef:
    tokenizer = Tokenizer(WordLevel({"?": 0}, unk_token="?"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    config = {"eos_token": {"content": "<end>"}, "chat_template": TEMPLATE}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    return ModelRef(name="words", location=str(tmp_path))


def chat(words: int) -> tuple[Message, ...]:
    """An example of `words` + 5 tokens under TEMPLATE."""
    return (
        Message(role="user", content="one"),
        Message(role="assistant", content=" ".join(["word"] * words)),
    )


def training(limit: int, policy: Literal["error", "truncate", "drop"]) -> TrainingConfig:
    return TrainingConfig(max_steps=1, max_length=limit, too_long=policy)


def test_counts_as_the_template_renders(model: ModelRef) -> None:
    count = token_counter(model, None)
    assert count is not None
    assert count(chat(4)) == 9
    own = token_counter(model, "{% for m in messages %}{{ m.content }} {% endfor %}")
    assert own is not None
    assert own(chat(4)) == 5


def test_the_mark_of_trained_tokens_changes_no_count(model: ModelRef) -> None:
    plain = token_counter(model, "{% for m in messages %}{{ m.content }} {% endfor %}")
    marked = token_counter(
        model,
        "{% for m in messages %}{% generation %}{{ m.content }} {% endgeneration %}{% endfor %}",
    )
    assert plain is not None
    assert marked is not None
    assert plain(chat(7)) == marked(chat(7)) == 8


def test_a_template_that_is_none_says_so(model: ModelRef) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        check_lengths(model, "{% for m in %}", "old", [chat(1)], training(20, "error"))


def test_error_names_how_many_which_and_the_policy(model: ModelRef) -> None:
    examples = [chat(4), chat(30), chat(20)]
    with pytest.raises(UsageError) as caught:
        check_lengths(model, None, "old", examples, training(20, "error"))
    for part in ("2 of 3", "arm old", "max_length 20", "35 tokens, example 2", "too_long: error"):
        assert part in caught.value.message
    assert "35" in caught.value.hint
    assert check_lengths(model, None, "old", examples, training(35, "error")) == []


def test_truncate_and_drop_warn(model: ModelRef) -> None:
    examples = [chat(4), chat(30)]
    (cut,) = check_lengths(model, None, "old", examples, training(20, "truncate"))
    assert "1 of 2" in cut
    assert "cut" in cut
    (left_out,) = check_lengths(model, None, "old", examples, training(20, "drop"))
    assert "left out" in left_out
    with pytest.raises(UsageError, match="none is left"):
        check_lengths(model, None, "old", examples, training(5, "drop"))


def test_a_template_that_refuses_is_the_users_to_mend(model: ModelRef) -> None:
    bad = (Message(role="system", content="x"), *chat(1))
    with pytest.raises(UsageError, match="no system turns here"):
        check_lengths(model, None, "old", [bad], training(20, "error"))


def test_a_hub_model_is_left_to_the_worker() -> None:
    assert token_counter(ModelRef(name="a/b", location="a/b"), None) is None
