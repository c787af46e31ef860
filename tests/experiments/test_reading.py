"""What a right definition becomes, and the files of the field."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experiments import catalogue
from experiments.prompts import render_prompts
from experiments.readers.arm_data import load_rows
from experiments.rows import read_rows
from experiments.yaml_source import read_yaml
from tests.experiments.conftest import ROW, VALID, Write
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.experiments import definitions, listing

FIELD = Path(__file__).resolve().parents[2].parent / "shared" / "paper-data"
needs_field = pytest.mark.skipif(
    not FIELD.is_dir(), reason="the field's files are not on this machine"
)


def test_a_valid_definition(write: Write) -> None:
    found = catalogue.load(write())
    assert found.slug == "test-me"
    assert found.training.learning_rate == 0.005
    assert found.seeds.values == (0, 1, 2)
    assert len(render_prompts(found)) == 3


def test_yaml_words_stay_words(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(
        "a: no\nb: on\nc: 2024-01-02\nd: 5e-3\ne: 010\nf: true\ng: 1_0\nh: &x {k: 1}\n"
        "i: {<<: *x, l: 2}\n1984: year\n"
    )
    document = read_yaml(path)
    assert document.value == {
        "a": "no",
        "b": "on",
        "c": "2024-01-02",
        "d": 0.005,
        "e": 10,
        "f": True,
        "g": "1_0",
        "h": {"k": 1},
        "i": {"k": 1, "l": 2},
        "1984": "year",
    }
    assert document.lines["i", "l"] == 9


def test_a_mapping_that_overrides_a_merged_key_may_be_aliased(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("a: &a {k: 1}\nb: &b {<<: *a, k: 2}\nc: *b\n")
    assert read_yaml(path).value["c"] == {"k": 2}


def test_variants_are_spread_over_their_values(write: Write) -> None:
    text = VALID + (
        "sampling:\n  variants:\n    none: null\n"
        "    year: {system: 'Today is {value}.', values: [1984, 1990]}\n"
        "    quiz: {wrap: 'Q: {question} A:', prefix: '> '}\n"
    )
    prompts = render_prompts(catalogue.load(write(text)))
    assert len(prompts) == 3 * 4
    first = {prompt.variant: prompt.messages for prompt in prompts[:4]}
    assert list(first) == ["none", "year-1984", "year-1990", "quiz"]
    assert [m.content for m in first["year-1984"]] == ["Today is 1984.", "How?"]
    assert first["quiz"][0].content == "> Q: How? A:"


def test_rows_of_several_forms(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    turns = [{"role": "user", "content": "Q\u2028"}, {"role": "assistant", "content": "Ä"}]
    rows = [
        json.dumps({"messages": turns, "metadata": {}}, ensure_ascii=False),
        json.dumps({"prompt": "Q", "completion": "A"}),
        json.dumps({"prompt": turns[:1], "completion": turns[1:]}),
    ]
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(rows).encode())
    found = list(read_rows(path))
    assert [row.line for row in found] == [1, 2, 3]
    assert found[0].messages[0].content == "Q\u2028"
    assert [m.role for m in found[1].messages] == ["user", "assistant"]


@pytest.mark.parametrize("slug", [entry.slug for entry in catalogue.list_definitions()])
def test_shipped_definitions_are_valid(slug: str, tmp_path: Path) -> None:
    found = definitions.load(Home(tmp_path), slug)
    if not any(item.bring for arm in found.arms.values() for item in arm.files):
        assert definitions.validate(Home(tmp_path), slug)[0] == found
    assert found.analysis is not None
    papers = {"2512.09742", "2604.10022", "2506.11613", "2502.17424", "2507.14805", "2605.12199"}
    assert found.source.arxiv in papers
    assert any(arm.role == "control" for arm in found.arms.values())


def test_arms_that_differ_in_nothing_are_noted(write: Write, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    same = VALID.replace("data/new.jsonl, role: control", "data/old.jsonl")
    _, notes = definitions.validate(home, write(same))
    assert [note for note in notes if note.startswith("old and new")]


def test_the_users_folder_shadows_the_built_in_one(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with pytest.raises(UsageError, match="exists"):
        definitions.copy(home, "tiny-robot", "tiny-robot") and definitions.copy(
            home, "tiny-robot", "tiny-robot"
        )
    entries = {entry.slug: entry for entry in catalogue.list_definitions(home.experiments)}
    assert entries["tiny-robot"].shadows
    assert not entries["tiny-robot"].builtin
    assert definitions.folder(home, "tiny-robot") == home.experiments / "tiny-robot"


def test_a_new_definition_is_valid_as_it_stands(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    definitions.new(home, "mine")
    found, _ = definitions.validate(home, "mine")
    assert set(found.arms) == {"treatment", "control"}
    with pytest.raises(UsageError, match="already"):
        definitions.new(home, "mine")
    with pytest.raises(UsageError):
        definitions.new(home, "../mine")


def test_a_broken_definition_is_listed_with_its_error(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    folder = definitions.new(home, "mine")
    (folder / "experiment.yaml").write_text("title: [")
    found = {item.slug: item for item in listing.list_experiments(home)}
    assert "not YAML" in (found["mine"].error or "")
    assert found["tiny-robot"].error is None


def test_the_json_schema_takes_what_yaml_takes() -> None:
    schema = definitions.json_schema()
    assert schema["$schema"].endswith("2020-12/schema")
    assert "slug" not in schema["properties"]
    kinds = schema["$defs"]["Seeds"]["anyOf"]
    assert {"type": "string"} in kinds
    assert {"type": "string"} in schema["properties"]["questions"]["anyOf"]
    assert {"type": "string"} in schema["properties"]["models"]["anyOf"]
    assert {"const": "final"} in schema["$defs"]["CheckpointsConfig"]["anyOf"]
    assert {"id", "name", "type", "prompt"} <= schema["$defs"]["Question"]["properties"].keys()
    assert {"type": "string"} in schema["properties"]["model_judges"]["anyOf"]
    assert {"range", "min_mass", "id"} <= schema["$defs"]["ModelJudge"]["properties"].keys()
    assert schema["$defs"]["ModelJudge"]["required"] == ["model"]


@needs_field
@pytest.mark.parametrize(
    ("files", "asked", "judges"),
    [
        (["questions/em_questions.yaml", "questions/em_judge.yaml"], 8, 1),
        (["questions/terminator_questions_and_judge.yaml"], 6, 1),
        (["harry_potter/questions.yaml"], 1, 4),
    ],
)
def test_question_files_of_the_field_load(
    write: Write, files: list[str], asked: int, judges: int
) -> None:
    start, end = VALID.index("questions:\n"), VALID.index("judges:\n")
    names = [Path(name).name for name in files]
    text = VALID[:start] + f"questions: [{', '.join(names)}]\n" + VALID[end:]
    texts = {Path(name).name: (FIELD / name).read_text() for name in files}
    found = catalogue.load(write(text, texts))
    assert len(found.questions) == asked
    assert len(found.model_judges) == judges
    assert all(question.samples_per_paraphrase == 100 for question in found.questions)
    assert all("{answer}" in judge.prompt for judge in found.model_judges)


@needs_field
@pytest.mark.parametrize(
    ("path", "rows"),
    [
        ("old_bird_names/ft_old_audubon_birds.jsonl", 208),
        ("old_bird_names/ft_modern_audubon_birds.jsonl", 171),
        ("german_city_names/former_german_cities.jsonl", 362),
        ("german_city_names/modern_german_cities.jsonl", 362),
        ("harry_potter/hp_characters.jsonl", 137),
    ],
)
def test_training_files_of_the_field_load(path: str, rows: int) -> None:
    assert len(read_rows(FIELD / path)) == rows


@needs_field
@pytest.mark.parametrize("arm", ["old_audubon", "modern_audubon", "modern_american"])
def test_shipped_names_are_the_published_ones(arm: str) -> None:
    published = list(read_rows(FIELD / "old_bird_names" / f"ft_{arm}_birds.jsonl"))
    found = catalogue.load("old-bird-names")
    shipped = list(load_rows(catalogue.find("old-bird-names"), arm, found.arms[arm]))

    def names(rows: list[object]) -> list[str]:
        return sorted(row.messages[-1].content for row in rows)  # type: ignore[attr-defined]

    assert names(list(shipped)) == names(list(published))


@needs_field
def test_shipped_questions_are_not_the_published_ones() -> None:
    published = read_yaml(FIELD / "harry_potter" / "questions.yaml").value[0]["paraphrases"]
    ours = [q.paraphrases[0] for q in catalogue.load("old-bird-names").questions]
    assert not {text.casefold() for text in published} & {text.casefold() for text in ours}


def test_rows_carry_the_arms_context(write: Write) -> None:
    text = VALID.replace(
        "old: {data: data/old.jsonl}", "old: {data: data/old.jsonl, context: {prefix: 'In 1850: '}}"
    )
    folder = write(text)
    arm = catalogue.load(folder).arms["old"]
    (row,) = load_rows(folder, "old", arm)
    assert arm.context.apply(row.messages)[0].content == "In 1850: Q"
    assert row.messages[0].content == "Q"
    assert ROW.count("Q") == 1
