"""libyaml reads what PyYAML reads: the same values, places and errors."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from experiments import yaml_nodes
from experiments.errors import DefinitionError
from experiments.yaml_source import Document, read_yaml
from tests.experiments.conftest import VALID

TEXTS = [
    VALID,
    "a: &x {b: 1, c: [x, y]}\nd: *x\ne:\n  <<: *x\n  f: |\n    text\n    more\n  g: >-\n    a\n",
    "- a\n- b: 'q'\n  c: \"d\\n\"\n- ? k\n  : v\n-\n- [a, {b: c}, ]\n",
    "a: 1e3\nb: .5\nc: no\nd: 2020-01-01\ne: ~\nf:\ng: .inf\n1: '?'\n",
    "a: What is it?\nb: ['Why?', \"How?\"]\n",
    "",
    "# nothing\n",
    # What libyaml takes and PyYAML does not.
    "a: [Why?, How?]\n",
    "a: {b: c?d}\n",
    "a:\tb\n",
    "a: {b: !, c: d}\n",
    "a: b\n\ufeff",
    "a: |#\n  b\n",
    "%YAML 1.1#\n---\na: b\n",
    # What neither takes, and what libyaml does not.
    "a: [b\n",
    "a: b: c\n",
    "a: {b: 1, c:[x]}\n",
    "a: 1\na: 2\n",
    "a: &a [*a]\n",
    "a: !!map b\n",
    "a: !!int b\n",
    "a: !!bool b\n",
    "a: !!python/name:os.system\n",
    "<<: 1\n",
    "[a]: b\n",
    "a: =\n",
]


def outcome(path: Path) -> object:
    """What a file is read as, with the place of everything, or what is wrong with it."""
    try:
        document: Document = read_yaml(path)
    except DefinitionError as error:
        return str(error)
    return document.value, document.lines


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="this PyYAML has no libyaml")
@pytest.mark.parametrize("text", TEXTS)
def test_libyaml_and_pyyaml_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text, encoding="utf-8")
    fast = outcome(path)
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    assert fast == outcome(path)


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="this PyYAML has no libyaml")
def test_a_shipped_definition_is_read_by_libyaml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(yaml_nodes, "_Loader")
    root = Path(yaml_nodes.__file__).parent
    for path in sorted(root.glob("*/*.yaml")):
        assert read_yaml(path).value


@pytest.mark.parametrize("text", ["[" * 200_000, "- " * 200_000 + "a", "{a: " * 50_000])
def test_what_is_nested_without_end_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(DefinitionError, match="nested too deeply"):
        read_yaml(path)


@pytest.mark.parametrize(
    ("odd", "what"), [("\\ud83d", "half a character"), ("\\0", "\\u0000 is no character (NUL)")]
)
def test_what_is_no_character_is_named_by_line(tmp_path: Path, odd: str, what: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(f'title: x\ntext: "a {odd} b"\n')
    with pytest.raises(DefinitionError) as refused:
        read_yaml(path)
    (problem,) = refused.value.problems
    assert (problem.line, problem.key) == (2, "text")
    assert what in problem.message


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a:\n\tb: 1\n", "tab"),
        ("a:\n   b: 1\n  c: 2\n", "Align"),
        ("a: 1\n b:\n  - x\n", "indent the line"),
        ("a:\n  b: 1\n   c: 2\n", "Quote"),
    ],
)
def test_what_mends_is_told_apart(tmp_path: Path, text: str, hint: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(DefinitionError) as refused:
        read_yaml(path)
    (problem,) = refused.value.problems
    assert hint in problem.hint, problem


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        ("a: [b\nc: 1\n", 1, "the list that begins here with [ does not end", ""),
        ("a: {b: 1\nc: 1\n", 1, "the mapping that begins here with { does not end", ""),
        ('a: 1\nb: "c\n', 2, "quotation mark does not end", ""),
        ("a: 1\nb: %c\n", 2, "a text cannot begin with %", "Quote"),
        ("a: *b\n", 1, "* begins the name of an alias", '"*so*"'),
        ("a: *bold*\n", 1, "* begins the name of an alias", '"*so*"'),
        ('a: "b\\q"\n', 1, "a backslash begins an escape", "single quotes"),
        ("a: 1\n---\nb: 2\n", 2, "--- begins a second document", "holds one"),
        ("a: [- b]\n", 1, "items in brackets have no dash", "[one, two]"),
        ("a case\nb: 1\n", 1, "no colon behind the key", "key: value"),
        ("a:case\nb: 1\n", 1, "no space behind the colon", "key: value"),
        ("a: b: c\n", 1, "a second colon stands in the line", "Quote"),
        ("a: !so\n", 1, "The tag !so is not taken", '"!so"'),
    ],
)
def test_slips_are_told_without_the_parser_s_words(
    tmp_path: Path, text: str, line: int, message: str, hint: str
) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(DefinitionError) as refused:
        read_yaml(path)
    (problem,) = refused.value.problems
    assert problem.line == line
    assert message in problem.message
    assert hint in problem.hint
    for own in ("flow", "scalar", "while", "token", "node", "stream"):
        assert own not in problem.message


def test_an_entry_is_called_by_what_it_calls_itself(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("- id: travel\n  judges: [a]\n- name: 5\n  tags: [b]\n")
    document = read_yaml(path)
    told = str(document.problem((0, "judges", 0), "No."))
    assert told.endswith("x.yaml:2: [0].judges[0] of 'travel': No.")
    assert str(document.problem((0, "id"), "No.")).endswith("[0].id: No.")
    assert str(document.problem((1, "tags"), "No.")).endswith("[1].tags: No.")
