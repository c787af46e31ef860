"""Small part files become few: every reader sees the same rows, wherever a kill may come."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from store.ingest import ingest
from store.layout import StoreFiles
from store.verify import rebuild, verify
from tests.builders import store_home
from tests.drill.check import dump
from tests.drill.store_kills import rows_of
from wgen_tui.paths import Home
from wgen_tui.run_files import compaction, inventory, parts
from wgen_tui.run_files.part_names import each_part
from wgen_tui.services.data import compaction as service
from wgen_tui.services.supervisor.loop import serve

RUN = store_home.RUNS[1]
LAUNCH = "20260101-000000-abcd"


@pytest.fixture
def many(tmp_path: Path) -> Home:
    """A home in which one launch wrote forty parts of a few samples and ten of grades."""
    root = store_home.write_home(tmp_path / "home")
    folder = root / "runs" / RUN.run_id
    rows = [row for row in store_home.sample_rows(RUN, 60) if row["draw"] >= 20]
    for number in range(40):
        some = rows[3 * number : 3 * number + 3]
        store_home.write_samples(root, RUN, some, f"{LAUNCH}-{number:05d}")
    for number in range(10):
        line = store_home.grade_line(rows[number], "era", "modern")
        (folder / "grades" / f"part-{LAUNCH}-{number:05d}.jsonl").write_text(line)
    home = Home(root)
    home.ensure()
    return home


def compact(home: Home, may_continue: Callable[[], bool] = lambda: True) -> int:
    return service.compact(home, may_continue, nullcontext)


def names(home: Home, folder: str) -> list[str]:
    return sorted(
        path.name for path in (home.root / "runs" / RUN.run_id / folder).glob(f"part-{LAUNCH}*")
    )


def test_many_small_parts_become_one_and_the_rows_stay(many: Home) -> None:
    files = StoreFiles.of(many.root)
    ingest(files)
    before, there = rows_of(files), inventory.samples(many.run(RUN.run_id))
    assert compact(many) == 48
    assert names(many, "samples") == [f"part-{LAUNCH}-00000to00039.parquet"]
    assert names(many, "grades") == [f"part-{LAUNCH}-00000to00009.jsonl"]
    assert rows_of(files) == before
    assert inventory.samples(many.run(RUN.run_id)) == there
    report = ingest(files)
    assert report is not None and not report.parts
    assert verify(files) == []
    tables = dump(files.database)
    rebuild(files)
    assert dump(files.database) == tables
    assert compact(many) == 0


@pytest.mark.parametrize("killed", ["before the database knows", "before the parts go"])
def test_what_a_kill_left_reads_the_same_and_is_ended_the_next_time(
    many: Home, killed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = StoreFiles.of(many.root)
    ingest(files)
    before = rows_of(files)
    with monkeypatch.context() as context:
        if killed == "before the database knows":
            context.setattr("store.standing_in.open_for_writing", _killed)
        else:
            context.setattr(compaction, "remove_parts", _killed)
        with pytest.raises(KeyboardInterrupt):
            compact(many)
    assert len(names(many, "samples")) == 41
    assert rows_of(files) == before
    assert verify(files) == []  # takes in what waits, too
    assert compact(many) == 50  # the parts: their wholes were there
    assert len(names(many, "samples")) == 1
    assert rows_of(files) == before
    assert verify(files) == []


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_parts_that_are_not_in_the_database_stay(many: Home) -> None:
    ingest(StoreFiles.of(many.root))
    late = next(row for row in store_home.sample_rows(RUN, 90) if row["draw"] == 89)
    store_home.write_samples(many.root, RUN, [late], f"{LAUNCH}-00040")
    assert compact(many) == 9  # the grades
    assert f"part-{LAUNCH}-00040.parquet" in names(many, "samples")
    assert verify(StoreFiles.of(many.root)) == []


def test_a_damaged_part_stays_and_is_named(many: Home) -> None:
    files = StoreFiles.of(many.root)
    ingest(files)
    torn = many.root / "runs" / RUN.run_id / "samples" / f"part-{LAUNCH}-00007.parquet"
    torn.write_bytes(torn.read_bytes()[:-100])
    assert compact(many) == 9  # the grades
    assert len(names(many, "samples")) == 40
    assert any(torn.name in str(problem) for problem in verify(files))


def test_a_name_is_never_given_twice(many: Home) -> None:
    """The database takes it for what it knows."""
    ingest(StoreFiles.of(many.root))
    compact(many)
    folder = many.run(RUN.run_id).samples
    path = parts.write_samples(folder, LAUNCH, store_home.sample_rows(RUN, 1)[:1])
    assert path.name == f"part-{LAUNCH}-00040.parquet"


def test_who_reads_a_folder_meanwhile_misses_no_row(many: Home) -> None:
    ingest(StoreFiles.of(many.root))
    folder = many.run(RUN.run_id).samples
    met = set()
    for path in each_part(folder, "part-*.parquet"):
        if path.name.endswith("-00005.parquet"):
            compact(many)
        met |= {row[0] for row in inventory.read_part(path, ["sample_id"])}
    assert met == inventory.read_ids(folder, "sample_id")


def test_the_supervisor_does_it_when_nothing_is_left_to_do(
    many: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wgen_tui.services.supervisor.loop.IDLE_FOR", 0.0)
    files = StoreFiles.of(many.root)
    ingest(files)
    before = rows_of(files)
    serve(many)
    assert len(names(many, "samples")) == 1
    assert rows_of(files) == before
