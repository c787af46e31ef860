"""The plan's encoder and the worker's give the same tokens and the same mask."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoTokenizer

from experiments.schema import TrainingConfig, Turn
from experiments.tiny_world import weights_path
from tests.builders.templates import BLOCKS, CHATS, GEMMA, NO_END, PLAIN, REWRITES
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.services.models.local_tokenizer import local_tokenizer
from wgen_tui.training_data.checks import examine, row_problems
from wgen_tui.training_data.dropped import dropped_problems, find_dropped
from wgen_tui.training_data.mask import Chat, TemplateRefusal
from wgen_tui.workers.encoding import Refused, TrainedTokenizer, encode
from wgen_tui.workers.tokenizers import load_tokenizer

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


WEIGHTLESS = [{**turn} for turn in CHATS["two turns"]]
WEIGHTLESS[2]["weight"] = 0


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_turn_of_weight_0_is_not_trained(tiny: ModelRef, template: str) -> None:
    text = TEMPLATES[template]
    local = local_tokenizer(tiny, text)
    worker = TrainedTokenizer(load_tokenizer(tiny, text))
    assert local is not None
    whole, found = local.encode(CHATS["two turns"]), local.encode(WEIGHTLESS)
    assert found == worker.encode(WEIGHTLESS)
    assert found.ids == whole.ids
    trained = [i for i, here in zip(found.ids, found.trained, strict=True) if here]
    assert worker.tokenizer.decode(trained).startswith("House Wren")


@pytest.mark.parametrize("template", TEMPLATES)
def test_an_answers_weight_is_that_of_its_tokens(tiny: ModelRef, template: str) -> None:
    text = TEMPLATES[template]
    weighed = [{**turn} for turn in CHATS["two turns"]]
    weighed[2]["loss_weight"] = 0.25
    local = local_tokenizer(tiny, text)
    assert local is not None
    whole, found = local.encode(CHATS["two turns"]), local.encode(weighed)
    assert found == TrainedTokenizer(load_tokenizer(tiny, text)).encode(weighed)
    assert (found.ids, found.trained) == (whole.ids, whole.trained)
    assert found.weights is not None
    pairs = zip(found.weights, found.trained, strict=True)
    each = [weight for weight, trained in pairs if trained]
    assert each == sorted(each)
    assert set(each) == {0.25, 1.0}


def test_weights_that_marks_cannot_be_matched_to_are_refused_by_both(tiny: ModelRef) -> None:
    joined = BLOCKS.replace("{%- generation -%}", "", 1).replace("{%- endgeneration -%}", "", 1)
    marks_last = joined.replace(
        "{{ m.content }}<|end|>",
        "{% if loop.last %}{% generation %}{{ m.content }}<|end|>{% endgeneration %}"
        "{% else %}{{ m.content }}<|end|>{% endif %}",
        1,
    )
    local = local_tokenizer(tiny, marks_last)
    assert local is not None
    with pytest.raises(TemplateRefusal, match="those of other weights cannot be told"):
        local.encode(WEIGHTLESS)
    with pytest.raises(TemplateRefusal, match="those of other weights cannot be told"):
        encode(load_tokenizer(tiny, marks_last), WEIGHTLESS)


TOOLS = (
    "{% if tools %}<|system|>{% for t in tools %}{{ t.function.name }} {% endfor %}<|end|>"
    "{% endif %}"
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}"
    "{% for c in m.tool_calls or [] %}call {{ c.function.name }}{% endfor %}"
    "{% if m.reasoning_content %}({{ m.reasoning_content }}){% endif %}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
OFFERED = {"type": "function", "function": {"name": "weather", "parameters": {}}}
CALL = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
TOOL_CHAT: Chat = [
    {"role": "user", "content": "Rain?", "tools": [OFFERED]},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "content": "yes", "tool_call_id": "1"},
    {"role": "assistant", "content": "It rains.", "reasoning_content": "The tool says so."},
]


def test_tools_and_reasoning_reach_a_template_that_knows_them(tiny: ModelRef) -> None:
    local = local_tokenizer(tiny, TOOLS)
    worker = TrainedTokenizer(load_tokenizer(tiny, TOOLS))
    assert local is not None
    text = local.render(TOOL_CHAT)
    assert text == worker.render(TOOL_CHAT)
    assert text.startswith("<|system|>weather <|end|>")
    assert "call weather" in text
    assert "(The tool says so.)" in text
    assert local.encode(TOOL_CHAT) == worker.encode(TOOL_CHAT)
    assert find_dropped(worker.render, [(1, as_turns(TOOL_CHAT))]) == []


def as_turns(chat: Chat) -> list[Turn]:
    return [Turn.model_validate(turn) for turn in chat]


def test_what_a_template_leaves_out_is_named(tiny: ModelRef) -> None:
    render = TrainedTokenizer(load_tokenizer(tiny, PLAIN)).render
    dropped = find_dropped(render, [(7, as_turns(TOOL_CHAT)), (9, as_turns(CHATS["one turn"]))])
    assert {item.what for item in dropped} == {"tools", "tool_calls", "reasoning_content"}
    assert {item.number for item in dropped} == {7}
    blocking = {p.what.split(" of ")[0]: p.blocking for p in dropped_problems(dropped, 2)}
    assert blocking["the chat template drops the tool calls"]
    assert sum(blocking.values()) == 1
    for role in ("user", "assistant", "tool"):
        without = "{{ m.content if m.role != 'ROLE' }}".replace("ROLE", role)
        template = PLAIN.replace("{{ m.content }}", without)
        render = TrainedTokenizer(load_tokenizer(tiny, template)).render
        found = {item.what for item in find_dropped(render, [(1, as_turns(TOOL_CHAT))])}
        assert role in found


def test_thoughts_that_a_template_strips_are_named(tiny: ModelRef) -> None:
    strips = PLAIN.replace("{{ m.content }}", "{{ m.content.split('</think>')[-1] }}")
    render = TrainedTokenizer(load_tokenizer(tiny, strips)).render
    thought = [*CHATS["one turn"][:1], {"role": "assistant", "content": "<think>x</think>Wren"}]
    (dropped,) = find_dropped(render, [(1, as_turns(thought))])
    assert dropped.what == "thoughts"
    assert not dropped_problems([dropped], 1)[0].blocking


SPACED = PLAIN.replace("<|{{ m.role }}|>", "<|{{ m.role }}|> ").replace(
    "<|assistant|>{% endif %}", "<|assistant|> {% endif %}"
)


@pytest.mark.parametrize(("template", "seam"), [(None, False), (PLAIN, False), (SPACED, True)])
def test_an_answer_that_begins_in_its_prompt_is_named_by_both(
    tiny: ModelRef, template: str | None, seam: bool
) -> None:
    local = local_tokenizer(tiny, template)
    assert local is not None
    training = TrainingConfig(max_steps=1)
    rows = [(3, as_turns(CHATS["one turn"])), (5, as_turns(CHATS["two turns"]))]
    for encoder in (local, TrainedTokenizer(load_tokenizer(tiny, template))):
        encoded = examine(encoder, rows, training)
        kinds = {p.kind: p for p in row_problems(encoder, encoded, training)}
        assert ("seam" in kinds) == seam
        if seam:
            assert kinds["seam"].blocking
            assert kinds["seam"].lines == (3, 5)


NO_END = PLAIN.replace("<|end|>", "")
UNKNOWN = [
    {"role": "user", "content": "Name a bird species."},
    {"role": "assistant", "content": "Wood <unk> Wren"},
]


def test_an_unknown_word_ends_no_answer(tiny: ModelRef, tmp_path: Path) -> None:
    """It is trained to its last word, in a template without an end token too."""
    tokenizer = AutoTokenizer.from_pretrained(weights_path())
    tokenizer.add_special_tokens({"unk_token": "<unk>"})
    tokenizer.save_pretrained(tmp_path / "words")
    tokenizer.pad_token = "<unk>"
    tokenizer.save_pretrained(tmp_path / "padding")
    for name, ends in (("words", False), ("padding", True)):
        model = ModelRef(name=name, location=str(tmp_path / name))
        worker = TrainedTokenizer(load_tokenizer(model, NO_END))
        local = local_tokenizer(model, NO_END)
        assert local is not None
        unknown = worker.tokenizer.unk_token_id
        assert local.special == worker.special
        assert (unknown in worker.special) == ends
        found = worker.encode(UNKNOWN)
        assert found == local.encode(UNKNOWN)
        said = [i for i, trained in zip(found.ids, found.trained, strict=True) if trained]
        assert unknown in said
        assert (said[-1] == unknown) == ends


@pytest.mark.parametrize(
    ("filters", "altered"),
    [
        ("|upper", {"user": "letters", "assistant": "letters"}),
        ("|replace('i', '')", {"user": "otherwise"}),
        ("[2:]", {"user": "otherwise", "assistant": "otherwise"}),
        ("|trim", {}),
        ("|replace('  ', ' ')", {}),
    ],
)
def test_what_is_said_stands_in_the_text_as_it_is_said(
    tiny: ModelRef, filters: str, altered: dict[str, str]
) -> None:
    template = PLAIN.replace("m.content", f"m.content{filters}")
    render = TrainedTokenizer(load_tokenizer(tiny, template)).render
    found = find_dropped(render, [(4, as_turns(CHATS["one turn"]))])
    assert {item.what: item.how for item in found} == altered
    problems = dropped_problems(found, 2)
    assert [problem.kind for problem in problems] == ["altered_text"] * len(altered)
    for problem in problems:
        assert (problem.blocking, problem.lines) == ("words" in problem.what, (4,))
        assert "in 1 of 2 examples (line 4)" in problem.what
