"""Samples as files: the same rows and bytes as by plain means, in order, in bounded memory."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from store.connect import read
from store.console import plain
from store.ingest import ingest
from store.layout import StoreFiles
from store.samples import export
from store.samples.export import TooLarge, exporting
from store.samples.filters import Filter, where
from tests.builders import store_home

ODD = (
    'He said "no", twice',
    "two\nlines",
    "",
    "comma, comma",
    "\u00e9\u4e2d\U0001f600\tx",
    " spaces ",
    "carriage\rreturn",
)


@pytest.fixture
def odd(files: StoreFiles) -> StoreFiles:
    """Completions, numbers and labels that are hard to write."""
    run = store_home.StoredRun("odd", 0)
    rows = store_home.sample_rows(run, 4)
    for index, row in enumerate(rows):
        row["completion"] = ODD[index % len(ODD)]
        row["logprob"] = (None, float("nan"), -1e-7, 0.1 + 0.2, 1e22, float("-inf"))[index % 6]
        row["tokens"] = None if index % 5 == 0 else index
        row["created_at"] = store_home.MOMENT.replace(microsecond=index % 3 * 120)
    store_home.write_samples(files.root, run, rows, "L9-00000")
    grades = files.root / "runs" / run.run_id / "grades"
    grades.mkdir()
    lines = [
        store_home.grade_line(row, judge, label)
        for row in rows[1:]
        for judge, label in (("era", 'a "b", \u00e9'), ("z", "ok"))
    ]
    (grades / "part-L9-00000.jsonl").write_text("".join(lines + by_models(rows)))
    store_home.write_notes(
        files.root,
        store_home.note_line(rows[0], tag="odd"),
        store_home.note_line(rows[0], tag="bookmark"),
        store_home.note_line(rows[0], text='a "b", c'),
        store_home.note_line(rows[1], author="bob", text="alone"),
        store_home.note_line(rows[2], tag="alone"),
        store_home.note_line(rows[3], tag="odd"),
        store_home.note_line(rows[3], tag="odd", removed=True, seconds=1),
    )
    return files


def by_models(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Two models give labels and numbers of one judge; of some samples one of them alone."""
    lines = []
    for index, row in enumerate(rows):
        for model, number in (("org/m", index / 3), ('o"dd, m', 1e22)):
            if index % 4 == 0 or (index % 4 == 1 and model == "org/m"):
                said = {"label": None, "number": number} if index % 8 < 4 else {"label": "code"}
                lines.append(
                    store_home.grade_line(
                        row, "aligned", **said, grader=f"model:{model}", signals={}
                    )
                )
        if index % 5 == 0:
            lines.append(store_home.grade_line(row, "aligned", "person", "human:ada"))
    return lines


FILTERS = [Filter(), Filter(arm="odd"), Filter(label=("era", "19th_century")), Filter(text="coach")]


def by_plain_means(files: StoreFiles, criteria: Filter) -> list[tuple[object, ...]]:
    """Header and rows of `samples_wide`."""
    condition, values = where(criteria)
    with read(files) as con:
        rows = con.execute(f"select s.* from samples_wide s{condition} order by all", values)
        header = tuple(item[0] for item in con.description or [])
        listed = [list(row) for row in rows.fetchall()]
    return [header, *(tuple(row) for row in listed)]


@pytest.mark.parametrize("criteria", FILTERS)
@pytest.mark.parametrize(("ingested", "share"), [(True, 10**9), (True, 5000), (False, 900)])
def test_a_csv_is_what_pythons_csv_writes(
    odd: StoreFiles,
    monkeypatch: pytest.MonkeyPatch,
    criteria: Filter,
    ingested: bool,
    share: int,
) -> None:
    monkeypatch.setattr(export, "SHARE", share)
    if ingested:
        ingest(odd)
    wanted = io.StringIO()
    writer = csv.writer(wanted, lineterminator="\n")
    rows = by_plain_means(odd, criteria)
    for row in rows:
        cells = [plain(value) for value in row]
        writer.writerow([json.dumps(c) if isinstance(c, dict) else c for c in cells])
    text = io.StringIO()
    with read(odd) as con, exporting(con, criteria, odd.root) as chosen:
        assert chosen.csv(text) == len(rows) - 1
    assert text.getvalue() == wanted.getvalue()


@pytest.mark.parametrize("criteria", FILTERS)
@pytest.mark.parametrize("share", [10**9, 5000])
def test_json_and_parquet_have_the_same_rows(
    odd: StoreFiles,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    criteria: Filter,
    share: int,
) -> None:
    monkeypatch.setattr(export, "SHARE", share)
    header, *rows = by_plain_means(odd, criteria)
    text, path = io.StringIO(), tmp_path / "it's.parquet"
    with read(odd) as con, exporting(con, criteria, odd.root) as chosen:
        assert chosen.json(text) == len(rows)
        assert chosen.parquet(path) == len(rows)
    told = json.loads(text.getvalue())
    assert told["columns"] == list(header)
    assert told["rows"] == [[str(row[0]), *map(plain, row[1:])] for row in rows]
    table = pq.read_table(path)
    assert table.column_names == list(header)
    assert table["sample_id"].to_pylist() == [row[0] for row in rows]
    for place, name in ((-4, "labels"), (-3, "numbers")):
        maps = [value and dict(value) for value in table[name].to_pylist()]
        assert maps == [row[place] for row in rows]


def test_what_two_models_say_as_one_judge_stands_apart_in_a_fixed_order(odd: StoreFiles) -> None:
    _, *rows = by_plain_means(odd, Filter(arm="odd"))
    said = [(row[-4] and list(row[-4].items()), row[-3]) for row in rows]
    one, other = "aligned@org/m", 'aligned@o"dd, m'
    both = [(labels, numbers) for labels, numbers in said if numbers and len(numbers) == 2]
    assert both
    for labels, numbers in both:
        assert list(numbers) == [other, one]
        assert numbers[other] == 1e22
        assert {key for key, _ in labels or ()} <= {"era", "z", "broken"}
    coded = [dict(labels) for labels, numbers in said if labels and (one, "code") in labels]
    assert coded
    for labels in coded:
        assert list(labels) == sorted(labels)
    assert not any("person" in dict(labels or ()).values() for labels, _ in said)


def test_what_does_not_fit_goes_beside_the_database_and_is_removed(
    files: StoreFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While rows come there is a folder; that of an export that was killed goes too."""
    left = files.root / f"{export.SPILL}killed"
    left.mkdir()
    monkeypatch.setattr(export, "STALE", -1)
    monkeypatch.setattr(export, "SHARE", 10_000)
    seen: list[int] = []

    class Watched(io.StringIO):
        def write(self, text: str) -> int:
            (folder,) = files.root.glob(f"{export.SPILL}*")
            seen.append(len(list(folder.glob("range-*"))))
            return len(text)

    with read(files) as con, exporting(con, Filter(), files.root) as chosen:
        assert not left.exists()
        assert chosen.csv(Watched()) == 150
    assert seen == [0, *range(len(seen) - 2, -1, -1)], "the header, then one range after another"
    assert len(seen) > 5
    assert not list(files.root.glob(f"{export.SPILL}*"))


def test_too_little_memory_and_disk_is_said(
    files: StoreFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "MEMORY", "1KB")
    with (
        read(files) as con,
        pytest.raises(TooLarge, match=r"memory limit to 1000.*free beside"),
        exporting(con, Filter(), files.root) as chosen,
    ):
        chosen.csv(io.StringIO())
    assert not list(files.root.glob(f"{export.SPILL}*"))
