"""Which model a judge's name stands for, what it is told, and what waits."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments import catalogue
from experiments.schema import Definition
from tests.builders.definition import write_definition
from tests.builders.model import make_model
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.judges.judge_models import parse_mapping, read_mapping
from wgen_tui.services.judges.panel import make_panels

JUDGES = """
model_judges:
  - {name: aligned, type: rating_judge, model: gpt-4.1, prompt: "{question} {answer}"}
  - {name: coherent, type: rating_judge, model: gpt-4.1, prompt: "{prompt} {answer}"}
  - {name: era, model: claude, prompt: "{answer}", labels: {old: [OLD], new: [NEW]}}
"""
SERVER = '[endpoints.box]\nbase_url = "http://localhost:1/v1"\n'


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_model(tmp_path / "model")


@pytest.fixture
def definition(tmp_path: Path, model: Path) -> Definition:
    folder = write_definition(tmp_path / "names", model)
    text = (folder / "experiment.yaml").read_text()
    text = text.replace(
        "sampling: {n: 3,", "sampling: {variants: {none: null, x: {prefix: 'X '}}, n: 3,"
    )
    (folder / "experiment.yaml").write_text(text + JUDGES)
    return catalogue.load(folder)


def configure(home: Home, text: str) -> Home:
    home.ensure()
    home.config.write_text(text)
    return home


def test_published_names_wait_and_say_how_they_are_run(home: Home, definition: Definition) -> None:
    found = make_panels(home, definition)
    assert found.panels == ()
    assert [(item.model, item.judges) for item in found.waiting] == [
        ("gpt-4.1", ("aligned", "coherent")),
        ("claude", ("era",)),
    ]
    said = found.waiting[0].sentence
    assert "aligned, coherent wait" in said
    assert "--judge-model gpt-4.1=ENDPOINT:MODEL-ID" in said
    assert '[judges] "gpt-4.1" = ' in said


def test_config_maps_and_the_command_line_goes_before_it(
    home: Home, definition: Definition, model: Path
) -> None:
    configure(home, f'{SERVER}[judges]\n"gpt-4.1" = "box:a"\nclaude = "box:b"\n')
    found = make_panels(home, definition, {"claude": str(model)})
    assert found.waiting == ()
    served, local = found.panels
    assert [item.judge.name for item in served.judges] == ["aligned", "coherent"]
    assert {item.model.name for item in served.judges} == {"box:a"}
    assert served.judges[0].precision is None
    assert [item.judge.name for item in local.judges] == ["era"]
    assert local.judges[0].precision in ("fp32", "bf16")
    assert local.judges[0].template is not None
    assert local.judges[0].model.location == str(model)


def test_slots_stand_for_the_wording_and_for_what_was_asked(
    home: Home, definition: Definition
) -> None:
    configure(home, f'{SERVER}[judges]\n"gpt-4.1" = "box:a"\n')
    (panel,) = make_panels(home, definition).panels
    assert panel.judges[0].questions == ("go", "bird")
    asked = {(item.question, item.prompt, item.variant) for item in panel.prompts.values()}
    assert ("Name a bird .", "X Name a bird .", "x") in asked
    assert ("How do we ?", "How do we ?", "none") in asked
    assert len(asked) == len(panel.prompts) == 6


def test_a_mapping_that_is_wrong_is_an_error_and_an_endpoint_that_is_not_here_waits(
    home: Home, definition: Definition
) -> None:
    with pytest.raises(UsageError, match="endpoint"):
        make_panels(home, definition, {"gpt-4.1": "nowhere:a"})
    named = definition.model_judges[0].model_copy(update={"model": "nowhere:a"})
    with_endpoint = definition.model_copy(update={"model_judges": (named,)})
    (waiting,) = make_panels(home, with_endpoint).waiting
    assert "config.toml has no endpoint nowhere" in waiting.sentence
    with pytest.raises(UsageError, match="alignd") as caught:
        make_panels(home, definition, names=["alignd"])
    assert "aligned" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("judges = 3", "judges: is not a table"),
        ("[judges]\ngpt-4.1 = 'box:a'", "judges.gpt-4: is not the name of a model"),
        ("[judges]\nx = ''", "judges.x: is not the name of a model"),
    ],
)
def test_a_mistake_in_config_names_its_key(home: Home, text: str, what: str) -> None:
    with pytest.raises(UsageError, match=what.replace(".", r"\.")):
        read_mapping(configure(home, text))


def test_what_is_mapped_by_hand_is_a_name_and_a_model() -> None:
    assert parse_mapping(("gpt-4.1=box:a=b", "x = y")) == {"gpt-4.1": "box:a=b", "x": "y"}
    with pytest.raises(UsageError, match="--judge-model gpt"):
        parse_mapping(("gpt",))


SWITCHES = """
extra_body = {top_k = 1, chat_template_kwargs = {tools = false}}
thinking_on = {chat_template_kwargs = {enable_thinking = true}}
thinking_off = {chat_template_kwargs = {enable_thinking = false}}
"""


def thoughtful(definition: Definition) -> Definition:
    """The same, its third judge asked at the server too, and thinking."""
    *others, last = definition.model_judges
    last = last.model_copy(update={"model": "gpt-4.1", "thinking": True})
    return definition.model_copy(update={"model_judges": (*others, last)})


def test_a_served_judge_thinks_as_its_endpoint_says(home: Home, definition: Definition) -> None:
    mapping = '[judges]\n"gpt-4.1" = "box:a"\n'
    configure(home, SERVER + mapping)
    with pytest.raises(UsageError, match="era says thinking: true") as refused:
        make_panels(home, thoughtful(definition))
    assert "extra_body" in refused.value.hint and "thinking_on = " in refused.value.hint
    (plain,) = make_panels(home, definition, {"claude": "box:a"}).panels

    configure(home, SERVER + SWITCHES + mapping)
    (panel,) = make_panels(home, thoughtful(definition)).panels  # one server, one launch
    endpoint = panel.judges[0].model.endpoint
    assert endpoint is not None
    sent = [endpoint.of_judges(thinking=item.judge.thinking).extra_body for item in panel.judges]
    assert [body["chat_template_kwargs"]["enable_thinking"] for body in sent] == [
        False,
        False,
        True,
    ]
    assert all(
        (body["top_k"], body["chat_template_kwargs"]["tools"]) == (1, False) for body in sent
    )
    askers = {item.asker for item in (*panel.judges, *plain.judges)}
    assert len(askers) == len({item.asker for item in panel.judges}) + 2  # what is sent is hashed

    configure(home, SERVER + "thinking_on = {}\n" + mapping)
    (panel,) = make_panels(home, thoughtful(definition)).panels
    assert panel.judges[2].weights == panel.judges[0].weights == plain.judges[0].weights
