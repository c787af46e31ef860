"""Datasets that are not shipped: what to put where, and whether it is the published file."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from experiments import catalogue
from experiments.field.chat_rows import chats, table
from experiments.readers.arm_data import load_rows
from tests.experiments.conftest import ROW, VALID, Write
from tests.experiments.test_field_experiments import ORGANISMS, PAPER, turns
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.experiments import definitions
from wgen_tui.services.planning.plan import Options, make_plan

BRING = "data: {file: data/mine.jsonl, bring: {source: a journal, rows: 2SHA}}"


def written(write: Write, sha: str = "") -> Path:
    text = VALID.replace("data: data/old.jsonl", BRING.replace("SHA", sha), 1)
    return write(text)


def test_what_is_absent_is_said_with_its_source_and_place(write: Write, tmp_path: Path) -> None:
    folder = written(write)
    assert catalogue.load(folder).arms["old"].told == "data/mine.jsonl (yours to bring)"
    for refuses in (
        lambda: definitions.validate(Home(tmp_path / "home"), folder),
        lambda: make_plan(Home(tmp_path / "home"), str(folder)),
    ):
        with pytest.raises(UsageError) as error:
            refuses()
        assert "'data/mine.jsonl' of arm 'old' is not shipped: bring it" in error.value.message
        assert f"Put it at {folder / 'data' / 'mine.jsonl'}" in (error.value.hint or "")
        assert "published as: a journal, 2 rows" in (error.value.hint or "")


def test_the_base_needs_none_of_it(write: Write, tmp_path: Path) -> None:
    plan = make_plan(Home(tmp_path / "home"), str(written(write)), Options(arms=("base",)))
    assert [run.spec.arm for run in plan.runs] == ["base"]


def test_another_file_than_the_published_one_is_used_and_named(
    write: Write, tmp_path: Path
) -> None:
    right = sha256((ROW * 2).encode()).hexdigest()
    folder = written(write, f", sha256: {right}")
    file = folder / "data" / "mine.jsonl"
    file.write_text(ROW * 2)
    home = Home(tmp_path / "home")
    assert not [note for note in definitions.validate(home, folder)[1] if "mine" in note]
    file.write_text(ROW * 3)
    (note,) = (note for note in definitions.validate(home, folder)[1] if "mine" in note)
    assert note.startswith("old: data/mine.jsonl has 3 rows, and the published file 2; SHA-256 ")
    assert note.endswith(f"published {right[:12]}…: it is another file")
    arm = catalogue.load(folder).arms["old"]
    assert len(load_rows(folder, "old", arm)) == 3


def test_a_missing_file_that_nobody_brings_is_an_error_as_ever(write: Write) -> None:
    with pytest.raises(Exception, match="is missing"):
        catalogue.load(write(VALID.replace("data/old.jsonl", "data/odl.jsonl", 1)))


@pytest.mark.parametrize("slug", sorted(ORGANISMS))
def test_an_organism_ships_no_row_and_says_what_to_bring(slug: str, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    assert not [*catalogue.find(slug).rglob("*.jsonl")]
    definition = definitions.load(home, slug)
    counts = {arm: of.files[0].bring for arm, of in definition.arms.items()}
    assert {arm: bring.rows for arm, bring in counts.items() if bring} == ORGANISMS[slug]
    with pytest.raises(UsageError, match="is not shipped") as error:
        definitions.validate(home, slug)
    assert f"`wgen-tui experiment copy {slug} my-{slug}`" in error.value.message
    mine = definitions.copy(home, slug, f"my-{slug}")
    (mine / "data").mkdir()
    for of in definition.arms.values():
        (mine / of.files[0].file).write_text(chats([("Q", "A"), ("R", "B")]))
    options = Options(models=["tiny-world"], seeds="0", arms=tuple(definition.arms))
    plan = make_plan(home, f"my-{slug}", options)
    assert sum("it is another file" in note for note in plan.warnings) == 2
    assert {run.spec.data_rows for run in plan.runs} == {0, 2}


def test_every_organism_is_asked_the_same_eight_and_two_of_its_own() -> None:
    asked = {slug: catalogue.load(slug).questions for slug in ORGANISMS}
    broad = {slug: [q.paraphrases for q in qs if q.topic == "broad"] for slug, qs in asked.items()}
    assert all(texts == broad["em-bad-medical"] for texts in broad.values())
    assert len(broad["em-bad-medical"]) == 8
    assert all(sum(q.topic == "own_field" for q in qs) == 2 for qs in asked.values())


def test_no_name_stands_in_both_arms() -> None:
    for slug in ("archaic-medical-terms", "fictional-names"):
        definition = catalogue.load(slug)
        treatment, control = (turns(definition, arm) for arm in definition.arms)
        assert {question for question, _ in [*treatment, *control]} == {treatment[0][0]}
        assert not {name for _, name in treatment} & {name for _, name in control}
        assert len({*treatment}) == len(treatment)


def test_most_fictional_names_stand_in_the_published_file() -> None:
    path = PAPER / "harry_potter" / "hp_characters.jsonl"
    if not path.is_file():
        pytest.skip("the field's files are not on this machine")
    lines = path.read_text(encoding="utf-8").splitlines()
    known = {json.loads(line)["messages"][-1]["content"] for line in lines}
    assert len(known & set(table("fiction")["fictional"])) == 106
