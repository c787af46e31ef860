"""`validate` sees what a model makes of the data: templates that drop, merge, strip or refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders.definition import write_definition
from tests.builders.model import make_model
from tests.builders.templates import PLAIN
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.experiments import definitions, token_notes

Validate = Callable[..., list[str]]
SPACED = PLAIN.replace("<|{{ m.role }}|>", "<|{{ m.role }}|> ").replace(
    "<|assistant|>{% endif %}", "<|assistant|> {% endif %}"
)
NEWLINE = SPACED.replace("|> ", "|>\n")
STRIPS = PLAIN.replace(
    "{{ m.content }}",
    "{% if m.role == 'assistant' and not loop.last %}{{ m.content.split('</think>')[-1] }}"
    "{% else %}{{ m.content }}{% endif %}",
)
REFUSES = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
ALTERNATES = (
    "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}{% endfor %}"
)
KNOWS = (
    "{% for m in messages if m.role not in ['user', 'assistant'] %}"
    "{{ raise_exception('no ' + m.role) }}{% endfor %}"
)


def chat(*said: str) -> str:
    turns = [
        {"role": ("user", "assistant")[number % 2], "content": text}
        for number, text in enumerate(said)
    ]
    return json.dumps({"messages": turns}) + "\n"


def told() -> str:
    """A row with a system prompt."""
    row = json.loads(chat("Which?", "Auk"))["messages"]
    return json.dumps({"messages": [{"role": "system", "content": "Be brief."}, *row]}) + "\n"


def without(role: str) -> str:
    return PLAIN.replace(
        "{% for m in messages %}", f"{{% for m in messages if m.role != '{role}' %}}"
    )


@pytest.fixture
def validate(home: Home) -> Validate:
    """`validate(template=, rows=, variant=)` of a definition of tiny-world; its notes."""
    folder = definitions.new(home, "mine")
    path = folder / "experiment.yaml"
    text = path.read_text()

    def make(
        template: str | None = None, rows: str = "", variant: str = "", model: str = "tiny-world"
    ) -> list[str]:
        more = f"chat_template: {json.dumps(template)}\n" if template else ""
        kept = text.replace("[tiny-world] ", f"[{model}] ")
        if variant:
            kept = kept.replace("  n: 20", f"  variants: {{told: {variant}}}\n  n: 20")
        path.write_text(kept + more)
        (folder / "data" / "old.jsonl").write_text(chat("Name a bird.", "Wood Wren") + rows)
        return definitions.validate(home, "mine")[1]

    return make


def refusal(validate: Validate, **given: str) -> str:
    with pytest.raises(UsageError) as refused:
        validate(**given)
    return refused.value.message


def test_what_is_right_has_no_note(validate: Validate) -> None:
    assert validate() == []
    assert validate(template=PLAIN) == []


@pytest.mark.parametrize("role", ["user", "assistant"])
def test_what_a_template_drops_is_refused_by_line(validate: Validate, role: str) -> None:
    message = refusal(validate, template=without(role), rows=chat("Another?", "House Wren"))
    assert f"Arm treatment: the chat template drops what the {role} says of 2 of 2" in message
    assert "(lines 1 and 2)" in message


def test_a_system_prompt_that_is_dropped_is_refused_by_line(validate: Validate) -> None:
    assert "drops the system prompt of 1 of 2 examples (line 2)" in refusal(
        validate, template=without("system"), rows=told()
    )
    assert "Questions: the chat template drops the system prompt" in refusal(
        validate, template=without("system"), variant='{system: "Be brief."}'
    )


def test_an_answer_that_merges_with_its_prompt_is_refused_by_line(validate: Validate) -> None:
    """A word merges with the space before it; a newline does not, nor a word with a newline."""
    message = refusal(validate, template=SPACED, rows=chat("Which?", "\nAuk"))
    assert "Arm treatment: the answer of 1 of 2 examples begins in a token" in message
    assert "(line 1)" in message
    assert validate(template=NEWLINE) == []


def test_thoughts_that_are_stripped_are_a_note(validate: Validate) -> None:
    rows = chat("Which?", "<think>It sings.</think>Auk", "Why?", "It sings.")
    (note,) = validate(template=STRIPS, rows=rows)
    assert "arm treatment: the chat template drops the thoughts before </think> of 1 of 2" in note
    assert "(line 2): “<think>It sings.” is nowhere in the text" in note


def test_a_prompt_that_opens_thoughts_is_a_note(validate: Validate) -> None:
    template = PLAIN.replace("<|assistant|>{% endif %}", "<|assistant|><think>\n{% endif %}")
    notes = validate(template=template)
    assert len(notes) == 2  # an arm each
    assert "1 of 1 example is trained behind another prompt than sampling gives it" in notes[0]
    assert "goes on with “<think>”" in notes[0]


@pytest.mark.parametrize(
    ("template", "why"),
    [(REFUSES, "no system"), (ALTERNATES, "roles must alternate"), (KNOWS, "no system")],
)
def test_a_variant_that_a_template_refuses_is_named(
    validate: Validate, template: str, why: str
) -> None:
    assert validate(template=template + PLAIN) == []
    message = refusal(validate, template=template + PLAIN, variant='{system: "Be brief."}')
    assert f"Questions: the chat template refuses a chat: {why}" in message
    assert "travel/told first" in message


def test_the_first_rows_of_many_are_tried(
    validate: Validate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_notes, "ROWS", 2)
    rows = "".join(chat(f"Which {number}?", "Auk") for number in range(3))
    (note,) = validate(rows=rows)
    assert "arm treatment: the tokenizer of tiny-world was tried on the first 2 of 4" in note
    (note,) = validate(rows=chat("Which?", "Auk " * 200_000) + rows)
    assert "the first 1 of 5 examples" in note
    said = validate(template=without("system"), rows=told() + rows)
    assert any("drops the system prompt of 1 of 2 examples (line 2)" in note for note in said)


def test_a_model_that_is_not_here_is_not_asked(validate: Validate) -> None:
    assert validate(template=without("user"), model="some-org/not-here") == []


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("/no/such/folder", "no model folder /no/such/folder"),
        ("nowhere:model", "no endpoint 'nowhere'"),
        ("a b", "'a b' is neither a folder nor a hub id"),
        (
            "tiny-wrold",
            "no model tiny-wrold; run start would refuse it. Did you mean tiny-world",
        ),
    ],
)
def test_a_model_that_cannot_be_is_a_note(validate: Validate, model: str, why: str) -> None:
    (note,) = validate(template=without("user"), model=model)
    assert why in note
    assert "; run start would refuse it. " in note


def test_a_template_that_writes_megabytes_is_refused_at_once(validate: Validate) -> None:
    row = chat("Which?", "Auk")
    within = PLAIN.replace("{% for", "{{ 'a ' * 1000 }}{% for", 1)
    validate(within, rows=row)
    flood = PLAIN.replace(
        "{% for", "{% for i in range(99999) %}{{ 'a ' * 99 }}{% endfor %}{% for", 1
    )
    with pytest.raises(UsageError, match=r"more than 100,000 characters beyond 8 times") as error:
        validate(flood, rows=row * 50)
    assert "chat_template" in (error.value.hint or error.value.message)


def test_a_module_that_the_model_lacks_is_named_where_it_stands(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").ensure()
    folder = write_definition(home.experiments / "names", make_model(tmp_path / "model"))
    path = folder / "experiment.yaml"
    entry = "  for: [{arms: [new], lora: {target_modules: [q_prj]}}]\n"
    path.write_text(path.read_text().replace("  max_length: 64\n", f"  max_length: 64\n{entry}"))
    with pytest.raises(UsageError) as error:
        definitions.validate(home, "names")
    said = f"{error.value.message} {error.value.hint}"
    assert "training.for[0].lora.target_modules" in said
    assert "q_prj → q_proj" in said
