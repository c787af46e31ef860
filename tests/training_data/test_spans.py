"""Where answers are in templates that write earlier turns otherwise, and what is not told."""

from __future__ import annotations

import pytest

from experiments.tiny_world import weights_path
from tests.builders.templates import CHATS
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.services.models.local_tokenizer import LocalTokenizer, local_tokenizer
from wgen_tui.training_data.mask import Chat, TemplateRefusal
from wgen_tui.training_data.spans import CLOSE, MERGED, OPEN, REWRITES, find_answers
from wgen_tui.workers.encoding import TrainedTokenizer
from wgen_tui.workers.tokenizers import load_tokenizer

TINY = ModelRef(name="tiny-world", location=str(weights_path()))
TWO = CHATS["two turns"]
LOOP = "{% for m in messages %}<|{{ m.role }}|>"
PROMPT = "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
# The last turn ends by <|pad|>, the others by <|end|>.
RETURNS = (
    LOOP + "{{ m.content }}"
    "{% if m.role == 'assistant' and loop.last and not add_generation_prompt %}<|pad|>"
    "{% else %}<|end|>{% endif %}" + PROMPT
)
CLOSED = (
    LOOP
    + "{{ m.content }}<|end|>\n{% endfor %}{% if add_generation_prompt %}<|assistant|>"
    + ("{% else %}<|pad|>{% endif %}")
)
STRIPS = (
    LOOP + "{% if m.role == 'assistant' and not loop.last %}{{ m.content.split('</think>')[-1] }}"
    "{% else %}{{ m.content }}{% endif %}<|end|>" + PROMPT
)


def local(template: str) -> LocalTokenizer:
    encoder = local_tokenizer(TINY, template)
    assert encoder is not None
    return encoder


def trained(template: str, chat: Chat) -> list[str]:
    """The trained text of each answer, as the plan and the worker have it."""
    encoder = local(template)
    spans = find_spans(template, chat, ["<|end|>", "<|pad|>", "<|assistant|>"])
    worker = TrainedTokenizer(load_tokenizer(TINY, template))
    ours = encoder.encode(chat)
    assert worker.encode(chat) == ours
    kept = [token for token, here in zip(ours.ids, ours.trained, strict=True) if here]
    said = worker.tokenizer.decode(kept)
    assert said == "".join(spans)
    return spans


def thinking(*answers: str) -> Chat:
    turns: Chat = []
    for answer in answers:
        turns += [
            {"role": "user", "content": "Which?"},
            {"role": "assistant", "content": f"<think>One that sings.</think>{answer}"},
        ]
    return turns


def test_earlier_turns_that_end_by_another_token() -> None:
    assert trained(RETURNS, TWO) == ["Wood Wren<|end|>", "House Wren<|pad|>"]


def test_a_chat_that_is_closed_at_its_end() -> None:
    assert trained(CLOSED, TWO) == ["Wood Wren<|end|>", "House Wren<|end|>\n<|pad|>"]


def test_a_turn_that_two_tokens_end() -> None:
    template = CLOSED.replace("<|end|>", "<|end|><|system|>")
    spans = find_spans(template, TWO, ["<|end|>", "<|system|>", "<|pad|>"])
    assert spans == ["Wood Wren<|end|><|system|>", "House Wren<|end|><|system|>\n<|pad|>"]


def find_spans(template: str, chat: Chat, special: list[str]) -> list[str]:
    encoder = local(template)
    text = encoder.render(chat)
    return [text[a:b] for a, b in find_answers(encoder.render, chat, text, special).spans]


def test_earlier_thoughts_that_are_stripped() -> None:
    thought = "<think>One that sings.</think>"
    assert trained(STRIPS, thinking("Wood Wren", "House Wren", "Marsh Wren")) == [
        "Wood Wren<|end|>",
        "House Wren<|end|>",
        f"{thought}Marsh Wren<|end|>",
    ]


def test_white_space_around_the_words_is_theirs() -> None:
    chat = [TWO[1], {"role": "assistant", "content": " \nWood Wren\n\n"}, *TWO[3:]]
    assert trained(RETURNS, chat)[0] == " \nWood Wren\n\n<|end|>"
    trims = RETURNS.replace("{{ m.content }}", "{{ m.content | trim }}")
    assert trained(trims, chat)[0] == "Wood Wren<|end|>"


def test_an_answer_said_twice_or_in_the_users_turn_is_its_own() -> None:
    chat = [{"role": "user", "content": "Say: Wood Wren<|end|>"}, TWO[2], TWO[3], TWO[2]]
    assert trained(RETURNS, chat) == ["Wood Wren<|end|>", "Wood Wren<|pad|>"]


def test_a_turn_of_weight_0_is_no_answer() -> None:
    chat = [*TWO[:2], {**TWO[2], "weight": 0}, *TWO[3:]]
    assert trained(RETURNS, chat) == ["House Wren<|pad|>"]


UNPROVEN = {
    # No end of its own: what stands behind an earlier answer opens the user's turn.
    "no end": (
        "{% for m in messages %}<|assistant|>{{ m.role }}: {{ m.content }}"
        "{% if loop.last and m.role == 'assistant' and not add_generation_prompt %}<|end|>"
        "{% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|>assistant: {% endif %}"
    ),
    "written twice": RETURNS.replace("{{ m.content }}", "{{ m.content }} {{ m.content }}"),
    "its end written twice": RETURNS.replace(
        "{{ m.content }}", "{{ m.content }}{{ m.content[-2:] }}"
    ),
    "cut": RETURNS.replace("{{ m.content }}", "{{ m.content[:4] }}"),
    "looks at the words": RETURNS.replace(
        "{{ m.content }}", "{{ m.content }}{% if m.content[0] == 'W' %} (W){% endif %}"
    ),
    "something of its own before the words": RETURNS.replace(
        "{{ m.content }}",
        "{% if m.role == 'assistant' %}{{ loop.length }} turns: {% endif %}{{ m.content }}",
    ).replace("<|assistant|>{% endif %}", "<|assistant|>now: {% endif %}"),
    "earlier answers left out": RETURNS.replace(
        "{{ m.content }}", "{{ m.content if loop.last or m.role != 'assistant' }}"
    ),
}


@pytest.mark.parametrize("template", UNPROVEN.values(), ids=UNPROVEN)
def test_what_is_not_proven_is_refused(template: str) -> None:
    with pytest.raises(TemplateRefusal, match=REWRITES):
        local(template).encode(TWO)


@pytest.mark.parametrize("character", [OPEN, CLOSE])
def test_words_that_hold_a_mark_are_refused(character: str) -> None:
    chat = [*TWO[:2], {**TWO[2], "content": f"Wood {character}Wren"}, *TWO[3:]]
    with pytest.raises(TemplateRefusal, match=REWRITES):
        local(RETURNS).encode(chat)


def test_an_answer_without_words_is_refused() -> None:
    chat = [*TWO[:2], {**TWO[2], "content": " "}, *TWO[3:]]
    with pytest.raises(TemplateRefusal, match=REWRITES):
        local(RETURNS).encode(chat)


def test_words_that_merge_with_their_prompt_are_refused() -> None:
    """The prompt opens thoughts that the text does not have, and ends in a space where they do."""
    template = RETURNS.replace("<|{{ m.role }}|>", "<|{{ m.role }}|> ").replace(
        "<|assistant|>{% endif %}", "<|assistant|> <think>{% endif %}"
    )
    with pytest.raises(TemplateRefusal, match=MERGED):
        local(template).encode(TWO)
