"""The plan's encoder and the worker's give the same tokens and the same mask."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoTokenizer

from experiments.tiny_world import weights_path
from tests.builders.templates import BLOCKS, CHATS, GEMMA, NO_END, PLAIN, REWRITES
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.services.models.local_tokenizer import local_tokenizer
from wgen_tui.training_data.mask import TemplateRefusal
from wgen_tui.workers.encoding import Refused, TrainedTokenizer, encode
from wgen_tui.workers.models import load_tokenizer

TEMPLATES = {"its own": None, "plain": PLAIN, "blocks": BLOCKS, "no end": NO_END, "gemma": GEMMA}


@pytest.fixture(scope="module")
def tiny() -> ModelRef:
    return ModelRef(name="tiny-world", location=str(weights_path()))


@pytest.mark.parametrize("chat", CHATS)
@pytest.mark.parametrize("template", TEMPLATES)
def test_plan_and_worker_agree(tiny: ModelRef, template: str, chat: str) -> None:
    text = TEMPLATES[template]
    local = local_tokenizer(tiny, text)
    worker = TrainedTokenizer(load_tokenizer(tiny, text), stops=(1,))
    assert local is not None
    for prompt in (False, True):
        assert local.render(CHATS[chat], prompt=prompt) == worker.render(CHATS[chat], prompt=prompt)
    ours, theirs = local.encode(CHATS[chat]), worker.encode(CHATS[chat])
    assert ours == theirs
    assert any(ours.trained)
    assert local.special == worker.special
    assert local.stops == worker.stops
    assert [local.is_space(i) for i in set(ours.ids)] == [worker.is_space(i) for i in set(ours.ids)]


def test_what_is_trained_is_what_the_assistant_says(tiny: ModelRef) -> None:
    tokenizer = load_tokenizer(tiny, None)
    for template in (None, PLAIN):
        if template is not None:
            tokenizer.chat_template = template
        found = encode(tokenizer, CHATS["two turns"])
        said = [i for i, trained in zip(found.ids, found.trained, strict=True) if trained]
        assert tokenizer.decode(said) == "Wood Wren<|end|>House Wren<|end|>"


def test_a_template_that_rewrites_is_refused_by_both(tiny: ModelRef) -> None:
    local = local_tokenizer(tiny, REWRITES)
    assert local is not None
    with pytest.raises(TemplateRefusal) as ours:
        local.encode(CHATS["two turns"])
    with pytest.raises(Refused) as theirs:
        encode(load_tokenizer(tiny, REWRITES), CHATS["two turns"])
    assert ours.value.args == theirs.value.args
    assert "{% generation %}" in theirs.value.hint


def test_an_end_token_without_a_name_ends_the_trained_part(tiny: ModelRef, tmp_path: Path) -> None:
    """Gemma's <end_of_turn> is special, yet no named token; the newline behind it is not drawn."""
    tokenizer = AutoTokenizer.from_pretrained(weights_path())
    tokenizer.add_tokens(["<turn>"], special_tokens=True)
    tokenizer.save_pretrained(tmp_path)
    model = ModelRef(name="turns", location=str(tmp_path))
    template = GEMMA.replace("<|end|>", "<turn>")
    for encoder in (
        local_tokenizer(model, template),
        TrainedTokenizer(load_tokenizer(model, template)),
    ):
        assert encoder is not None
        found = encoder.encode(CHATS["one turn"])
        last = max(i for i, trained in enumerate(found.trained) if trained)
        assert found.ids[last] == tokenizer.convert_tokens_to_ids("<turn>")
        assert last < len(found.ids) - 1


def test_truncation_written_into_a_tokenizer_changes_nothing(
    tiny: ModelRef, tmp_path: Path
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(weights_path())
    tokenizer.backend_tokenizer.enable_truncation(3)
    tokenizer.backend_tokenizer.enable_padding(length=64)
    tokenizer.save_pretrained(tmp_path)
    local = local_tokenizer(ModelRef(name="cut", location=str(tmp_path)), PLAIN)
    whole = local_tokenizer(tiny, PLAIN)
    assert local is not None
    assert whole is not None
    assert local.encode(CHATS["two turns"]) == whole.encode(CHATS["two turns"])
