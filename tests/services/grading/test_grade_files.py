"""People's grades in and out: all of a file or none, and twice is once."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from store import grades as stored
from store.ingest import ingest
from store.layout import StoreFiles
from tests.builders import store_home
from tests.builders.definition import write_definition
from tests.builders.model import make_model
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.data.database import reading
from wgen_tui.services.grading.grade_export import export_grades
from wgen_tui.services.grading.grade_files import import_grades

RUN = store_home.StoredRun("old", 0)
MODEL_JUDGES = """
model_judges:
  - {name: content, type: rating_judge, model: m, prompt: "{answer}"}
  - {name: tone, model: m, prompt: "{answer}", labels: {warm: [W], cold: [C]}}
"""
RUBRIC = "\nrubrics: [{name: feel, labels: {warm: w, cold: c}}]\n"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with one run of an experiment that has a rubric."""
    home = Home(store_home.write_home(tmp_path / "home", n=2, runs=[RUN]))
    folder = write_definition(
        home.root / "experiments" / store_home.EXPERIMENT, make_model(tmp_path / "model")
    )
    with (folder / "experiment.yaml").open("a") as stream:
        stream.write(RUBRIC)
    return home.ensure()


def write(path: Path, *rows: tuple[int, str]) -> Path:
    lines = [f"{sample_id},{label},ada\n" for sample_id, label in rows]
    path.write_text("sample_id,label,grader\n" + "".join(lines))
    return path


def as_text(home: Home, experiment: str, **options: Any) -> str:
    """What an export writes."""
    stream = io.StringIO()
    export_grades(home, experiment, stream, **options)
    return stream.getvalue()


def test_what_is_imported_is_exported_and_twice_is_once(home: Home, tmp_path: Path) -> None:
    first, second = (row["sample_id"] for row in store_home.sample_rows(RUN, 2)[:2])
    given = write(tmp_path / "given.csv", (first, "warm"), (second, "cold"))
    assert import_grades(home, store_home.EXPERIMENT, given) == 2
    assert import_grades(home, store_home.EXPERIMENT, given) == 0
    exported = json.loads(as_text(home, store_home.EXPERIMENT, form="json"))
    assert {(row["sample_id"], row["label"], row["grader"]) for row in exported["grades"]} == {
        (str(first), "warm", "human:ada"),
        (str(second), "cold", "human:ada"),
    }
    assert list(exported) == ["schema", "experiment", "grades"]


def test_an_experiment_that_is_not_there_has_no_grades_to_export(home: Home) -> None:
    with pytest.raises(UsageError, match="Did you mean"):
        as_text(home, f"{store_home.EXPERIMENT}x")
    assert as_text(home, store_home.EXPERIMENT).count("\n") == 1


def test_a_rubric_that_is_not_there_is_named_before_anything_is_written(home: Home) -> None:
    stream = io.StringIO()
    for form in ("csv", "json"):
        with pytest.raises(UsageError, match="There is no rubric or judge 'feell'") as caught:
            export_grades(home, store_home.EXPERIMENT, stream, "feell", form)  # type: ignore[arg-type]
        assert "Did you mean feel?" in caught.value.hint
    assert not stream.getvalue()
    definition = next(home.experiments.rglob("experiment.yaml"))
    before = definition.read_text()
    definition.write_text("title: [")
    with pytest.raises(UsageError) as caught:
        export_grades(home, store_home.EXPERIMENT, stream, "feel")
    assert "The definition cannot be read" in caught.value.hint
    definition.write_text(before)
    assert export_grades(home, store_home.EXPERIMENT, stream, "feel") == 0


@pytest.mark.parametrize("form", ["csv", "json"])
def test_an_export_that_is_read_in_parts_is_the_same_file(
    home: Home, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    whole = as_text(home, store_home.EXPERIMENT, form=form, graders="all")
    table = csv.DictReader(io.StringIO(whole))
    rows = json.loads(whole)["grades"] if form == "json" else list(table)
    ids = [int(row["sample_id"]) for row in rows]
    assert ids == sorted(ids) and len(set(ids)) > 5
    if form == "json":
        assert whole == json.dumps(json.loads(whole), indent=2, ensure_ascii=False) + "\n"
    monkeypatch.setattr(stored, "BATCH", 2)
    for samples in (1, 2, 3, len(set(ids)), len(set(ids)) + 1):
        monkeypatch.setattr(stored, "AT_ONCE", samples)
        assert as_text(home, store_home.EXPERIMENT, form=form, graders="all") == whole


def test_one_bad_line_keeps_all_out(home: Home, tmp_path: Path) -> None:
    known = store_home.sample_rows(RUN, 2)[0]["sample_id"]
    given = write(tmp_path / "given.csv", (known, "warm"), (known, "tepid"), (1, "warm"))
    with pytest.raises(UsageError, match=r"line 3: no label 'tepid'[\s\S]*line 4: no sample 1"):
        import_grades(home, store_home.EXPERIMENT, given)
    assert not list(home.journal.glob("*"))
    assert json.loads(as_text(home, store_home.EXPERIMENT, form="json"))["grades"] == []


def test_numbers_come_in_and_out_beside_labels_and_alone(home: Home, tmp_path: Path) -> None:
    first, second = (row["sample_id"] for row in store_home.sample_rows(RUN, 2)[:2])
    given = tmp_path / "given.csv"
    given.write_text(
        f"sample_id,label,number,grader\n{first},warm,0.5,ada\n{second},,3,ada\n", encoding="utf-8"
    )
    assert import_grades(home, store_home.EXPERIMENT, given) == 2
    assert import_grades(home, store_home.EXPERIMENT, given) == 0
    assert ingest(StoreFiles.of(home.root)) is not None
    table = as_text(home, store_home.EXPERIMENT)
    rows = {int(row["sample_id"]): row for row in csv.DictReader(io.StringIO(table))}
    assert (rows[first]["label"], float(rows[first]["number"])) == ("warm", 0.5)
    assert (rows[second]["label"], float(rows[second]["number"])) == ("", 3.0)
    (tmp_path / "again.csv").write_text(table, encoding="utf-8")
    assert import_grades(home, store_home.EXPERIMENT, tmp_path / "again.csv") == 0
    with reading(home) as con:
        wide = con.execute("select label, number from grades where grader = 'human:ada'")
        assert set(wide.fetchall()) == {("warm", 0.5), (None, 3.0)}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sample_id,judge\n{},era\n", "neither a label nor a number"),
        ("sample_id,number\n{},\n", "neither a label nor a number"),
        ("sample_id,number\nabc,1\n", "sample_id is 'abc'"),
        ("id,number\n{},1\n", "there is no sample_id"),
        ("sample_id,number\n{},much\n", "number is 'much'"),
        ('{{"grades": [7]}}', "it has no keys"),
    ],
)
def test_a_line_that_is_no_grade_is_named_without_pythons_words(
    home: Home, tmp_path: Path, text: str, says: str
) -> None:
    given = tmp_path / "given.csv"
    given.write_text(text.format(store_home.sample_rows(RUN, 2)[0]["sample_id"]), encoding="utf-8")
    with pytest.raises(UsageError, match=r"line [12]: ") as caught:
        import_grades(home, store_home.EXPERIMENT, given)
    assert says in caught.value.message
    assert "Error" not in caught.value.message


def test_numbers_need_no_column_of_labels(home: Home, tmp_path: Path) -> None:
    given = tmp_path / "given.csv"
    known = store_home.sample_rows(RUN, 2)[0]["sample_id"]
    given.write_text(f"sample_id,number,grader\n{known},42.5,ada\n", encoding="utf-8")
    assert import_grades(home, store_home.EXPERIMENT, given) == 1


@pytest.mark.parametrize("number", ["nan", "inf", "much"])
def test_what_is_no_number_keeps_all_out(home: Home, tmp_path: Path, number: str) -> None:
    known = store_home.sample_rows(RUN, 2)[0]["sample_id"]
    given = tmp_path / "given.csv"
    given.write_text(f"sample_id,label,number\n{known},warm,{number}\n", encoding="utf-8")
    with pytest.raises(UsageError, match="line 2"):
        import_grades(home, store_home.EXPERIMENT, given)
    assert not list(home.journal.glob("*"))


def test_verdicts_made_elsewhere_stand_under_their_grader(home: Home, tmp_path: Path) -> None:
    first, second = (row["sample_id"] for row in store_home.sample_rows(RUN, 2)[:2])
    given = tmp_path / "given.jsonl"
    lines = [
        {"sample_id": first, "judge": "content", "grader": "model:gpt-4.1", "number": 73},
        {"sample_id": str(second), "judge": "era", "grader": "inspect:gpt-4.1", "label": "OLD"},
    ]
    given.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert import_grades(home, store_home.EXPERIMENT, given) == 2
    assert import_grades(home, store_home.EXPERIMENT, given) == 0
    exported = json.loads(as_text(home, store_home.EXPERIMENT, form="json", graders="all"))
    elsewhere = [row for row in exported["grades"] if not row["grader"].startswith("rule:")]
    assert {(row["judge"], row["grader"], row["label"], row["number"]) for row in elsewhere} == {
        ("content", "model:gpt-4.1", None, 73.0),
        ("era", "inspect:gpt-4.1", "OLD", None),
    }
    assert as_text(home, store_home.EXPERIMENT).count("\n") == 1  # people's: none


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("content,model:m,,101", "101 is not between 0 and 100"),
        ("tone,model:m,sad,", r"tone gives no label 'sad' \(there are: warm, cold\)"),
        (",model:m,,5", "needs the name of its judge"),
        ("era,rule:era,old,", "rules are run here"),
        ("stars,ada,,8", "8 is not between 1 and 7"),
    ],
)
def test_a_verdict_is_one_that_its_judge_can_give(
    home: Home, tmp_path: Path, line: str, why: str
) -> None:
    known = store_home.sample_rows(RUN, 2)[0]["sample_id"]
    definition = home.root / "experiments" / store_home.EXPERIMENT / "experiment.yaml"
    scaled = "\nrubrics: [{name: feel, labels: {warm: w}}, {name: stars, scale: [1, 7]}]\n"
    definition.write_text(definition.read_text().replace(RUBRIC, scaled) + MODEL_JUDGES)
    given = tmp_path / "given.csv"
    given.write_text(f"sample_id,judge,grader,label,number\n{known},{line}\n")
    with pytest.raises(UsageError, match=why):
        import_grades(home, store_home.EXPERIMENT, given)


def test_without_a_rubric_only_people_cannot_grade(home: Home, tmp_path: Path) -> None:
    known = store_home.sample_rows(RUN, 2)[0]["sample_id"]
    definition = home.root / "experiments" / store_home.EXPERIMENT / "experiment.yaml"
    definition.write_text(definition.read_text().replace(RUBRIC, ""))
    with pytest.raises(UsageError, match="has no rubric"):
        import_grades(home, store_home.EXPERIMENT, write(tmp_path / "a.csv", (known, "warm")))
    given = tmp_path / "b.csv"
    given.write_text(f"sample_id,judge,grader,label,number\n{known},content,model:judge,,73\n")
    assert import_grades(home, store_home.EXPERIMENT, given) == 1
