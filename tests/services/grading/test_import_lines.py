"""Verdicts in files of other tools come in under their true grader's name."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.builders.mini_home import MiniHome
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.data.database import reading
from wgen_tui.services.grading.grade_files import import_grades

GRADER = "model:gpt-4.1"


@pytest.fixture
def mini(tmp_path: Path) -> MiniHome:
    made = MiniHome(Home(tmp_path / "home"))
    made.definition("mini")
    made.draw(made.run("old", 0), lambda question, draw: f"a coach {draw}")
    return made


def ids(mini: MiniHome) -> list[int]:
    (listed,) = mini.samples.values()
    return list(listed)


def kept(mini: MiniHome) -> list[tuple[Any, ...]]:
    sql = "select judge, label, number from grades where grader = ? order by all"
    with reading(mini.home) as con:
        return con.execute(sql, [GRADER]).fetchall()


def log(path: Path, *samples: Any, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as made:
        made.writestr("header.json", "{}")
        for number, sample in enumerate(samples):
            made.writestr(f"samples/{number}_epoch_1.json", json.dumps(sample))
    return path


def sample(sample_id: Any, **scores: Any) -> dict[str, Any]:
    told = {name: {"value": value, "explanation": "so"} for name, value in scores.items()}
    return {"id": str(sample_id), "epoch": 1, "scores": told}


def test_a_table_with_a_column_for_each_judge(mini: MiniHome, tmp_path: Path) -> None:
    """As llmcomp's, whose refusals are blank."""
    first, second = ids(mini)[:2]
    path = tmp_path / "judged.csv"
    with path.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["sample_id", "question", "aligned", "style", "aligned_question"])
        rows.writerow([first, "q,\n", "85.25", "OLD", "x"])
        rows.writerow([second, "q", "", "NEW", "x"])
    columns = ["aligned", "style"]
    assert import_grades(mini.home, "mini", path, GRADER, columns) == 3
    assert import_grades(mini.home, "mini", path, GRADER, columns) == 0
    assert kept(mini) == [("aligned", None, 85.25), ("style", "NEW", None), ("style", "OLD", None)]


def test_scores_of_a_log_of_inspect(mini: MiniHome, tmp_path: Path) -> None:
    first, second = ids(mini)[:2]
    samples = [
        sample(first, match="C", rubric={"harm": 3, "tone": "kind"}),
        sample(second, match="I", rubric={"harm": None, "tone": True}),
        {"id": str(first), "scores": None},
    ]
    assert import_grades(mini.home, "mini", log(tmp_path / "x.eval", *samples), GRADER) == 5
    assert kept(mini) == [
        ("match", "C", None),
        ("match", "I", None),
        ("rubric.harm", None, 3.0),
        ("rubric.tone", "kind", None),
        ("rubric.tone", "true", None),
    ]
    as_json = tmp_path / "x.json"
    as_json.write_text(json.dumps({"eval": {}, "samples": samples}))
    assert import_grades(mini.home, "mini", as_json, GRADER) == 0


def test_some_scores_alone(mini: MiniHome, tmp_path: Path) -> None:
    path = log(tmp_path / "x.eval", sample(ids(mini)[0], match="C", other=0.5))
    assert import_grades(mini.home, "mini", path, GRADER, ["other"]) == 1
    assert kept(mini) == [("other", None, 0.5)]


def test_texts_with_odd_line_ends_stay_one_line(mini: MiniHome, tmp_path: Path) -> None:
    first = ids(mini)[0]
    row = {"sample_id": first, "judge": "j", "label": "a\u2028b\x85", "grader": GRADER}
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(row, ensure_ascii=False) + "\n")
    assert import_grades(mini.home, "mini", path) == 1
    assert kept(mini) == [("j", "a\u2028b\x85", None)]


@pytest.mark.parametrize(
    ("samples", "columns", "why"),
    [
        ([sample("what", match="C")], [], "line 1: the sample_id is 'what'"),
        ([sample(7, match="C")], [], "line 1: no sample 7"),
        ([sample(7, match=float("inf"))], [], "not finite"),
        ([[]], [], "it is no sample of a log of Inspect"),
        ([], [], "without samples/"),
    ],
)
def test_a_log_that_is_wrong(
    mini: MiniHome, tmp_path: Path, samples: list[Any], columns: list[str], why: str
) -> None:
    with pytest.raises(UsageError) as caught:
        import_grades(mini.home, "mini", log(tmp_path / "x.eval", *samples), GRADER, columns)
    assert why in caught.value.message
    assert kept(mini) == []


def test_a_column_that_is_not_there_is_named(mini: MiniHome, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"sample_id,aligned\n{ids(mini)[0]},3\n")
    with pytest.raises(UsageError, match="no column 'aligend'") as caught:
        import_grades(mini.home, "mini", path, GRADER, ["aligend"])
    assert "aligned" in caught.value.message


def test_a_damaged_log(mini: MiniHome, tmp_path: Path) -> None:
    path = log(tmp_path / "x.eval", sample(1, a="C"), compression=zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b'"epoch"', b'"epoch '))
    with pytest.raises(UsageError, match="damaged"):
        import_grades(mini.home, "mini", path, GRADER)
