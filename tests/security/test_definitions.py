"""Definitions are data: reading one runs nothing, and nothing in one leads out of its folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wgen_tui.cli import main
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.experiments import definitions
from wgen_tui.services.models.local_tokenizer import compile_template
from wgen_tui.services.planning.plan import make_plan

TAGS = [
    "!!python/object/apply:os.system ['touch MARK']",
    "!!python/object:pathlib.Path {}",
    "!!python/name:os.system",
    "!!python/module:os",
    "!!python/object/new:subprocess.Popen [['touch', 'MARK']]",
    "!!python/tuple [a, b]",
    "!Include other.yaml",
]


@pytest.mark.parametrize("tag", TAGS)
def test_a_tag_that_makes_objects_is_refused_with_its_place(
    home: Home, definition: Path, tmp_path: Path, tag: str
) -> None:
    mark = tmp_path / "code was run"
    path = definition / "experiment.yaml"
    text = path.read_text().rstrip("\n")
    path.write_text(f"{text}\nhypothesis: {tag.replace('MARK', str(mark))}\n")
    line = path.read_text().count("\n")
    with pytest.raises(UsageError) as raised:
        definitions.load(home, str(definition))
    assert f"{path}:{line}" in raised.value.message
    assert f"The tag {tag.split()[0]} is not taken" in raised.value.message
    assert not mark.exists()


def test_a_tag_in_a_file_of_questions(home: Home, definition: Path) -> None:
    (definition / "more.yaml").write_text("- !!python/name:os.system\n")
    path = definition / "experiment.yaml"
    text = path.read_text()
    start, end = text.index("questions:"), text.index("judges:")
    path.write_text(f"{text[:start]}questions: more.yaml\n{text[end:]}")
    with pytest.raises(UsageError, match=r"more\.yaml:1: .*The tag"):
        definitions.load(home, str(definition))


OUTSIDE = ["../outside.jsonl", "data/../../outside.jsonl", "/etc/passwd", "../../../etc/passwd"]


@pytest.mark.parametrize("where", [*OUTSIDE, "data/link.jsonl", "linked/outside.jsonl", "a\\0b"])
def test_data_outside_of_the_folder_is_refused(
    home: Home, definition: Path, tmp_path: Path, where: str
) -> None:
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "secret"}]
    outside = tmp_path / "outside.jsonl"
    outside.write_text(json.dumps({"messages": turns}) + "\n")
    (definition / "data" / "link.jsonl").symlink_to(outside)
    (definition / "linked").symlink_to(tmp_path)
    path = definition / "experiment.yaml"
    path.write_text(path.read_text().replace("data/old.jsonl", f'"{where}"'))
    with pytest.raises(UsageError, match=r"outside the definition's folder|no character"):
        make_plan(home, str(definition))
    assert not home.root.exists()


@pytest.mark.parametrize("section", ["questions", "judges", "rubrics"])
@pytest.mark.parametrize("where", ["../outside.yaml", "/etc/passwd", "link.yaml"])
def test_a_section_outside_of_the_folder_is_refused(
    home: Home, definition: Path, tmp_path: Path, section: str, where: str
) -> None:
    (tmp_path / "outside.yaml").write_text("- {name: a, paraphrases: [b]}\n")
    (definition / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    path = definition / "experiment.yaml"
    text = path.read_text()
    if section == "questions":
        text = text[: text.index("questions:")] + text[text.index("judges:") :]
    if section == "judges":
        text = text[: text.index("judges:")]
    path.write_text(f"{text}{section}: {where}\n")
    with pytest.raises(UsageError, match="outside the definition's folder"):
        definitions.load(home, str(definition))


def test_a_folder_that_is_a_link_is_the_user_s_own(home: Home, definition: Path) -> None:
    """A checkout elsewhere may be linked into the home; what it holds must still lie in it."""
    home.ensure()
    (home.experiments / "linked").symlink_to(definition)
    assert definitions.load(home, "linked").slug == "linked"


def test_a_copy_does_not_bring_what_a_link_leads_to(
    home: Home, definition: Path, tmp_path: Path
) -> None:
    """Else a copy would hold, and train on, what the original may not read."""
    secret = tmp_path / "id_ed25519"
    secret.write_text("PRIVATE KEY")
    (definition / "data" / "extra.jsonl").symlink_to(secret)
    made = definitions.copy(home, str(definition), "mine")
    found = [
        path.read_bytes() for path in made.rglob("*") if not path.is_symlink() and path.is_file()
    ]
    assert not any(b"PRIVATE KEY" in content for content in found)
    path = made / "experiment.yaml"
    path.write_text(path.read_text().replace("data/old.jsonl", "data/extra.jsonl"))
    with pytest.raises(UsageError, match="outside the definition's folder"):
        definitions.load(home, "mine")


NAMES = [
    "../out",
    "/etc",
    "a/b",
    "a\\nb",
    "a\\0b",
    "..",
    "",
    "-x",
    "a b",
    "ａ",
    "а",
    "x\\u202e",
    "a\\n",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["arm", "question", "judge"])
def test_names_are_plain(home: Home, definition: Path, kind: str, name: str) -> None:
    """Full-width and Cyrillic letters, control and direction characters too."""
    path = definition / "experiment.yaml"
    text = path.read_text()
    old = {"arm": "  old:", "question": "name: go,", "judge": "name: lark,"}[kind]
    new = {"arm": f'  "{name}":', "question": f'name: "{name}",', "judge": f'name: "{name}",'}[kind]
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(UsageError, match="name"):
        definitions.load(home, str(definition))


@pytest.mark.parametrize("name", ["a\nb", "a\n", "ａ", "а", "x\u202e", "-x", "a b", ".x"])
def test_a_folder_s_name_is_a_slug_or_refused(home: Home, definition: Path, name: str) -> None:
    folder = definition.rename(definition.with_name(name))
    with pytest.raises(UsageError, match="cannot be a slug"):
        definitions.load(home, folder)


def test_an_arm_too_long_for_a_run_s_name(home: Home, definition: Path) -> None:
    path = definition / "experiment.yaml"
    path.write_text(path.read_text().replace("  old:", f"  {'x' * 300}:"))
    with pytest.raises(UsageError, match=r"at most 200|cannot be"):
        make_plan(home, str(definition))
    assert not home.root.exists()


ESCAPES = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ cycler.__init__.__globals__.os.popen('touch MARK').read() }}",
    "{{ messages.__class__.__base__.__subclasses__() }}",
    "{{ raise_exception.__globals__['json'] }}",
    "{% set x = messages.append({'role': 'user', 'content': 'x'}) %}",
    "{{ messages[0].update({'content': 'other'}) }}",
    "{{ lipsum.__globals__['os'].system('touch MARK') }}",
]


@pytest.mark.parametrize("template", ESCAPES)
def test_a_chat_template_cannot_get_out(tmp_path: Path, template: str) -> None:
    mark = tmp_path / "code was run"
    chat = [{"role": "user", "content": "Hi"}]
    try:
        text = compile_template(template.replace("MARK", str(mark))).render(messages=chat)
    except Exception as error:
        assert type(error).__name__ in ("SecurityError", "UndefinedError", "UsageError")
    else:
        assert text.strip() in ("", "None"), "an undefined is empty"
    assert chat == [{"role": "user", "content": "Hi"}]
    assert not mark.exists()


def test_transformers_does_it_in_a_sandbox_too(model: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.chat_template = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
    with pytest.raises(Exception, match=r"unsafe|undefined|has no attribute"):
        tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False)


def test_a_template_in_a_definition_reaches_no_code(
    home: Home, definition: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mark = tmp_path / "code was run"
    path = definition / "experiment.yaml"
    bad = ESCAPES[1].replace("MARK", str(mark)).replace('"', "'")
    path.write_text(path.read_text() + f'chat_template: "{bad}"\n')
    code = main(["--home", str(home.root), "experiment", "preview", str(definition)])
    assert code != 0
    assert "Traceback" not in capsys.readouterr().err
    assert not mark.exists()
