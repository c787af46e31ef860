"""Facets of kept counts are what a plain GROUP BY over the views gives, whatever has happened."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest

from store.connect import read
from store.ingest import ingest
from store.layout import StoreFiles
from store.samples.facets import FACETS, Facets, facets
from store.samples.filters import BY_JUDGES, Filter, where
from store.verify import rebuild, verify
from tests.builders import store_home

RUNS = store_home.RUNS[:4]
DRAWS = 6  # of a question, in the end
GRADERS = ("rule:era", "rule:broken", "model:m", "model:m (repeat 1)", "human:ada", "human:bo")
LABELS = ("old", "modern", None)
FILTERS = (
    Filter(),
    Filter(arm="old"),
    Filter(arm=("old", "base"), seed=0, question=store_home.QUESTIONS[:2]),
    Filter(run_id=RUNS[1].run_id, step=10),
    Filter(label=("era", "old")),
    Filter(label=(("era", "old"), ("era", "modern"), ("broken", "old")), variant="none"),
    Filter(graded_by="human:ada", arm="old"),
    Filter(graded_by="rule:era", label=("broken", "modern")),
    Filter(question="no such question"),
)


def plainly(con: duckdb.DuckDBPyConnection, criteria: Filter) -> dict[str, list[Any]]:
    """The same, counted by reading every sample and every verdict."""
    condition, values = where(criteria)
    every = f"from samples s{condition}"
    rows = con.execute(f"select {', '.join(FACETS)} {every}", values).fetchall()
    told: dict[str, list[Any]] = {
        f"{name}s": sorted(Counter(row[place] for row in rows).items())
        for place, name in enumerate(FACETS)
    }
    told["labels"] = con.execute(
        f"select judge, label, count(*) from grades join (select sample_id, run_id {every}) "
        f"using (sample_id, run_id) where label is not null and {BY_JUDGES} "
        "group by all order by all",
        values,
    ).fetchall()
    return told


def told(found: Facets) -> dict[str, list[Any]]:
    return {name: getattr(found, name) for name in (*(f"{name}s" for name in FACETS), "labels")}


def check(files: StoreFiles, *filters: Filter) -> None:
    with read(files) as con:
        for criteria in filters:
            assert told(facets(con, criteria)) == plainly(con, criteria), criteria


class Story:
    """A home to which anything happens that may."""

    def __init__(self, root: Path, seed: int) -> None:
        self.files = StoreFiles.of(store_home.write_home(root, 1, RUNS))
        self.rng = random.Random(seed)
        self.rows = {run: store_home.sample_rows(run, DRAWS) for run in RUNS}
        self.given: list[dict[str, int]] = []
        self.parts = 0

    def draw(self) -> None:
        run = self.rng.choice(list(self.rows))
        some = self.rng.sample(self.rows[run], self.rng.randrange(1, 8))  # some there already
        self.parts += 1
        store_home.write_samples(self.files.root, run, some, f"R-{self.parts:05d}")

    def grade(self) -> None:
        lines = []
        for _ in range(self.rng.randrange(1, 12)):
            sample = self.rng.choice(self.rows[self.rng.choice(list(self.rows))])
            undone = self.rng.choice(self.given) if self.given and self.rng.random() < 0.3 else None
            grader = self.rng.choice(GRADERS)
            key = len(self.given) + 1
            at = undone or {name: sample[name] for name in ("sample_id", "run_id")}
            lines.append(
                store_home.grade_line(
                    at,
                    self.rng.choice(("era", "broken")),
                    None if undone else self.rng.choice(LABELS),
                    grader,
                    seconds=self.rng.randrange(6),
                    retracts=undone and undone["grade_id"],
                    grade_id=key,
                )
            )
            self.given.append({**at, "grade_id": key})
        with (self.files.journal / "grades-ada-1.jsonl").open("a") as journal:
            journal.write("".join(lines))

    def take_in(self) -> None:
        ingest(self.files)

    def make_again(self) -> None:
        rebuild(self.files)

    def forget(self) -> None:
        if len(self.rows) > 2:
            run = self.rng.choice(list(self.rows))
            del self.rows[run]
            (self.files.runs / run.run_id).rename(self.files.root / run.run_id)

    def go_on(self) -> None:
        chances = {"draw": 4, "grade": 6, "take_in": 4, "make_again": 1, "forget": 1}
        (what,) = self.rng.choices(list(chances), list(chances.values()))
        getattr(self, what)()


@pytest.mark.parametrize("seed", range(3))
def test_facets_are_what_a_group_by_gives(tmp_path: Path, seed: int) -> None:
    story = Story(tmp_path / "home", seed)
    for _ in range(12):
        story.go_on()
        check(story.files, *story.rng.sample(FILTERS, 4))
    ingest(story.files)
    check(story.files, *FILTERS)
    # Verdicts in the journal of a run that is gone are another matter.
    assert [problem for problem in verify(story.files) if problem.where == "sample_count"] == []


def test_verify_tells_of_counts_that_are_wrong(files: StoreFiles) -> None:
    ingest(files)
    with duckdb.connect(str(files.database)) as con:
        con.execute("update sample_count set n = n + 1 where rowid = 0")
    (problem,) = verify(files)
    assert (problem.what, problem.where) == ("different", "sample_count")
