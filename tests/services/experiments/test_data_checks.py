"""Training data before a launch: what would void a run stops the plan, by arm, lines and fix."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.services.models.local_tokenizer import local_tokenizer
from wgen_tui.services.planning.plan import Options, make_plan

Write = Callable[[Path, str], None]

HEAD = "{% for m in messages %}{{ m.role + ' ' }}"
TAIL = "{% endfor %}{% if add_generation_prompt %}{{ 'assistant ' }}{% endif %}"
ANSWER = "{% if m.role == 'assistant' %}"
END_OUTSIDE = (
    HEAD + ANSWER + "{% generation %}{{ m.content }}{% endgeneration %}"
    "{% else %}{{ m.content }}{% endif %}{{ ' <end> ' }}" + TAIL
)
NO_SYSTEM = (
    "{% for m in messages if m.role != 'system' %}{{ m.role + ' ' + m.content + ' <end> ' }}" + TAIL
)
REFUSES = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system turns') }}"
    "{% endif %}{{ m.role + ' ' + m.content + ' <end> ' }}" + TAIL
)
REWRITES = (
    "{% for m in messages %}{{ m.role + ' ' }}{% if loop.last or m.role != 'assistant' %}"
    "{{ m.content }}{% endif %}{{ ' <end> ' }}" + TAIL
)
ENDS_ON_PAD = "{% for m in messages %}{{ m.role + ' ' + m.content + ' <pad> ' }}" + TAIL


def row(*turns: tuple[str, str]) -> str:
    chat = [{"role": role, "content": content} for role, content in turns]
    return json.dumps({"messages": chat}) + "\n"


def chat(answer: str, question: str = "Name a bird .") -> str:
    return row(("user", question), ("assistant", answer))


@pytest.fixture
def change(definition: Path) -> Callable[..., None]:
    """`change(template=, old=, new=, training=, context=, sampling=)`; adds up over calls."""

    path = definition / "experiment.yaml"
    first = path.read_text()
    given: dict[str, str] = {}

    def make(**more: str) -> None:
        given.update(more)
        text = first
        if "template" in given:
            text += f"chat_template: {json.dumps(given['template'])}\n"
        for key, old in (
            ("training", "max_length: 64"),
            ("context", 'prefix: "Name "'),
            ("sampling", "n: 3, max_tokens: 4"),
        ):
            assert old in text
            text = text.replace(old, given.get(key, old))
        path.write_text(text)
        for arm in ("old", "new"):
            if arm in given:
                (definition / "data" / f"{arm}.jsonl").write_text(given[arm])

    return make


@pytest.fixture
def refused(home: Home, definition: Path) -> Callable[[], UsageError]:
    """The error of planning; nothing is written by it."""

    def plan() -> UsageError:
        before = sorted(home.root.rglob("*"))
        with pytest.raises(UsageError) as caught:
            make_plan(home, str(definition))
        assert sorted(home.root.rglob("*")) == before
        return caught.value

    return plan


@pytest.fixture
def warned(home: Home, definition: Path) -> Callable[[], str]:
    return lambda: "\n".join(make_plan(home, str(definition)).warnings)


def assert_all(text: str, *parts: str) -> None:
    for part in parts:
        assert part in text, text


def test_too_long_names_lines_the_longest_and_the_policy(change: Any, refused: Any) -> None:
    change(
        training="max_length: 9",
        old=chat("Lark") + "\n" + chat("Lark Lark Lark Lark") + chat("Auk Auk"),
        new=chat("Wren", "a"),
    )
    error = refused()
    assert error.title == "Examples too long"
    assert_all(error.message, "Arm old", "2 of 3", "lines 3 and 4", "12 tokens, line 3", "error")
    assert_all(error.hint, "max_length to 12", "truncate or drop", "experiment preview")


def test_cut_and_left_out_are_said_and_none_left_is_refused(
    change: Any, refused: Any, warned: Any
) -> None:
    long = chat("Lark Lark Lark Lark")
    change(
        training="max_length: 9\n  too_long: drop", old=long + chat("Auk"), new=chat("Wren", "a")
    )
    assert_all(warned(), "1 of 2 examples is longer", "line 1", "left out")
    change(old=long)
    assert "none is left" in refused().message


def test_an_example_cut_before_the_answer_has_an_empty_mask(change: Any, refused: Any) -> None:
    change(
        training="max_length: 9\n  too_long: truncate",
        old=chat("Auk") * 2 + chat("Lark", "How do we go ? How do we go ?"),
        new=chat("Wren", "a"),
    )
    error = refused()
    assert error.title == "Empty loss mask"
    assert_all(error.message, "Arm old", "1 of 3 examples has no token", "line 3", "max_length 9")
    assert_all(error.hint, "max_length to 15", "drop")


def test_an_answer_that_no_block_holds_is_an_empty_mask(change: Any, refused: Any) -> None:
    change(
        template=HEAD
        + "{% if m.role == 'model' %}{% generation %}{{ m.content }}{% endgeneration %}"
        "{% else %}{{ m.content }}{% endif %}{{ ' <end> ' }}" + TAIL
    )
    error = refused()
    assert "2 problems" in error.title
    assert_all(error.message, "Arm old: 4 of 4", "Arm new: 4 of 4", "lines 1, 2, 3 and 4")
    assert error.hint.count("{% generation %}") == 1, "the same advice stands once"


def test_an_end_token_that_is_never_trained(change: Any, refused: Any, warned: Any) -> None:
    change(template=END_OUTSIDE)
    error = refused()
    assert_all(error.message, "Arm old: 4 of 4", "cannot learn to stop")
    assert_all(error.hint, "{% generation %}", "training.allow_untrained_end: true")
    change(training="max_length: 64\n  allow_untrained_end: true")
    assert "cannot learn to stop" in warned()


def test_an_end_token_untrained_in_some_is_said(change: Any, warned: Any) -> None:
    change(
        training="max_length: 9\n  too_long: truncate",
        old=chat("Auk") + chat("Lark " * 4),
        new=chat("Wren", "a"),
    )
    assert_all(warned(), "arm old: 1 of 2 examples does not train the token", "may not", "line 2")


def test_white_space_behind_the_end_token_is_no_matter(change: Any, warned: Any) -> None:
    change(
        template=HEAD + ANSWER + "{% generation %}{{ m.content + ' <end>\\n' }}{% endgeneration %}"
        "{% else %}{{ m.content + ' <end>\\n' }}{% endif %}" + TAIL
    )
    assert "stop" not in warned()


def test_an_end_token_at_which_sampling_does_not_stop(change: Any, warned: Any) -> None:
    change(template=ENDS_ON_PAD)
    assert_all(warned(), "4 of 4", "sampling does not stop", "it stops at <end>")


def test_a_system_prompt_that_the_template_drops(change: Any, refused: Any) -> None:
    system = row(("system", "do go"), ("user", "a bird"), ("assistant", "Auk"))
    change(template=NO_SYSTEM, old=chat("Auk") + system)
    error = refused()
    assert error.title == "System prompt dropped"
    assert_all(error.message, "Arm old", "1 of 2 examples (line 2)", "“do go”")
    assert "chat_template" in error.hint


def test_an_arms_context_that_the_template_drops(change: Any, refused: Any) -> None:
    change(template=NO_SYSTEM, context='system: "do go"')
    assert_all(refused().message, "Arm new", "4 of 4 examples")


def test_a_variant_that_the_template_drops(change: Any, refused: Any, home: Home) -> None:
    variants = "n: 3, max_tokens: 4, variants: {plain: , told: {system: 'do go'}}"
    change(template=NO_SYSTEM, sampling=variants)
    assert_all(refused().message, "Questions", "system prompt of 3 of 6 prompts")


def test_a_system_prompt_in_capitals_is_told(change: Any, warned: Any) -> None:
    change(
        template="{% for m in messages %}{{ m.role + ' ' + (m.content | upper) + ' <end> ' }}"
        + TAIL,
        context='system: "do go"',
    )
    assert_all(warned(), "arm new", "writes the system prompt in other letters", "4 of 4 examples")


def test_a_template_that_refuses_or_is_none(change: Any, refused: Any) -> None:
    change(template=REFUSES, context='system: "do go"')
    assert_all(refused().message, "Arm new", "no system turns", "4 of 4 examples: lines 1, 2")
    change(template="{% for m in %}")
    assert "cannot be read" in refused().message


def test_a_template_that_rewrites_earlier_turns(change: Any, refused: Any) -> None:
    turns = (("user", "a"), ("assistant", "Auk"), ("user", "a"), ("assistant", "Lark"))
    change(template=REWRITES, old=chat("Auk") + row(*turns))
    assert_all(refused().message, "Arm old", "rewrites earlier turns", "1 of 2", "line 2")


def test_rows_that_contain_a_question_are_named_and_not_refused(change: Any, warned: Any) -> None:
    change(
        old=chat("Auk", "a bird") + chat("Auk", "Name  A\tbird .") + chat("Auk", "Rename a bird ."),
        new=row(
            ("user", "a"), ("assistant", "How do we go ?"), ("user", "a"), ("assistant", "Auk")
        ),
    )
    said = warned().splitlines()
    old, new = (next(s for s in said if s.startswith(f"arm {arm}")) for arm in ("old", "new"))
    assert_all(old, "1 of 3 examples", "(line 2)", "1 of them as a whole prompt", "“Name a bird .”")
    assert_all(new, "1 of 1 example", "none as a whole prompt", "“How do we go ?” (go, 1×)")


def test_duplicates_are_named(warned: Any) -> None:
    assert "arm old: 2 of 4 examples repeat another (lines 2 and 3)" in warned()


def test_every_model_is_checked(
    home: Home, definition: Path, make_model: Callable[..., Path], tmp_path: Path
) -> None:
    bad = make_model(tmp_path / "bad", template=END_OUTSIDE, seed=1)
    good = str(tmp_path / "model")
    with pytest.raises(UsageError, match="learn to stop"):
        make_plan(home, str(definition), Options(models=[good, str(bad)]))


def test_a_hub_model_that_is_not_here_is_left_to_the_worker(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert local_tokenizer(ModelRef(name="a/b", location="a/b"), None) is None


def set_keys(path: Path, **keys: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **keys}))


def test_tokens_without_an_embedding_are_refused_by_line(
    change: Any, refused: Any, model: Path
) -> None:
    """The model has 19 words; its config says that two of them have no embedding."""
    set_keys(model / "config.json", vocab_size=17)  # `we`, `go` and `?` are the last ones
    change(old=chat("Lark") + chat("Lark", "How do we go ?"), new=chat("Wren", "a"))
    error = refused()
    assert_all(
        error.message,
        "Arm old: 1 of 2 examples has tokens up to 18",
        "embeddings for 17 alone (line 2)",
        "Questions: 2 of 3 prompts have tokens up to 18",
        "(go/none first)",
    )
    assert_all(error.hint, "tokenizer that belongs to the model", "resize_token_embeddings")
    assert "Arm new" not in error.message


def test_a_model_without_an_end_token_is_said(change: Any, warned: Any, model: Path) -> None:
    change(old=chat("Lark"), new=chat("Wren", "a"))
    assert "end token" not in warned()
    set_keys(model / "config.json", eos_token_id=None)
    assert "end token" not in warned()  # the tokenizer names one
    set_keys(model / "tokenizer_config.json", eos_token=None)
    assert_all(warned(), "questions: neither the model nor its tokenizer names an end token")


def test_what_ends_at_one_of_several_end_tokens_is_right(
    change: Any, warned: Any, model: Path
) -> None:
    set_keys(model / "config.json", eos_token_id=5)
    set_keys(model / "tokenizer_config.json", eos_token=None)
    change(old=chat("Lark"), new=chat("Wren", "a"))
    assert "ends with a token at which sampling does not stop" in warned()
    set_keys(model / "config.json", eos_token_id=[5, 2])
    assert "sampling does not stop" not in warned()
