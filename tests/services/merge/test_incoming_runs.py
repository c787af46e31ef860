"""Runs come over once, whole, and nothing that is here changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from experiments.tiny_world import weights_path
from tests.builders import store_home
from tests.services.merge.conftest import OTHER_RUN, RUN
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.run_files.inventory import samples
from wgen_tui.run_files.manifests import final_checkpoint
from wgen_tui.services.data.database import reading
from wgen_tui.services.merge.merge import merge
from wgen_tui.services.merge.merge_report import MergeReport
from wgen_tui.services.runs import runs

if TYPE_CHECKING:
    from tests.services.merge.conftest import Box


def what(report: MergeReport) -> dict[str, str]:
    return {run.name: run.status for run in report.runs}


def count(box: Box, view: str) -> int:
    with reading(box.home) as con:
        return int(con.execute(f"select count(*) from {view}").fetchall()[0][0])


def test_a_run_comes_over_with_all_it_has(here: Box, there: Box) -> None:
    run_id = there.finished()
    report = merge(here.home, there.home.root)
    (item,) = report.runs
    assert (item.name, item.status, item.checkpoints, item.samples) == (run_id, "new", (10,), 12)
    assert not report.conflicts
    theirs, ours = there.files(), here.files()
    same = [name for name in theirs if name.startswith(f"runs/{run_id}/")]
    assert len(same) > 8
    spec = f"runs/{run_id}/spec.json"
    assert {name: ours[name] for name in same if name != spec} == {
        name: theirs[name] for name in same if name != spec
    }
    made = runs.read_spec(here.home, run_id)
    assert made is not None
    assert made.model.location == str(weights_path()), "the embedded model lies elsewhere here"
    assert final_checkpoint(here.home.run(run_id)) is not None
    assert runs.get_run(here.home, run_id).state == "finished"
    assert here.problems() == []
    assert (count(here, "samples"), count(here, "grades")) == (12, 24)


def test_again_is_nothing_new_and_changes_no_byte(here: Box, there: Box) -> None:
    there.finished()
    there.grade(
        "ann-1", store_home.grade_line(store_home.sample_rows(RUN, 1)[0], "era", "x", "human:ann")
    )
    assert not merge(here.home, there.home.root).nothing_new
    before, theirs = here.files(), there.files()
    report = merge(here.home, there.home.root)
    assert report.nothing_new
    assert set(what(report).values()) == {"same"}
    assert here.files() == before
    assert there.files() == theirs
    assert merge(there.home, here.home.root).nothing_new, "and nothing to bring back"


def test_a_dry_run_says_what_would_come_and_writes_nothing(here: Box, there: Box) -> None:
    there.finished()
    before = sorted(str(path) for path in here.home.root.rglob("*"))
    said = merge(here.home, there.home.root, dry_run=True)
    assert sorted(str(path) for path in here.home.root.rglob("*")) == before
    done = merge(here.home, there.home.root)
    assert (said.runs, said.launches, said.grades) == (done.runs, done.launches, done.grades)


def test_a_dry_run_makes_no_home(there: Box, tmp_path: Path) -> None:
    there.finished()
    assert what(merge(Home(tmp_path / "none"), there.home.root, dry_run=True))
    assert not (tmp_path / "none").exists()


def test_samples_of_both_boxes_are_united(here: Box, there: Box) -> None:
    """Here draws 0 to 3, there 2 to 5, in parts of the same name."""
    run_id = here.finished(n=4)
    there.finished(n=4)
    for path in there.home.run(run_id).samples.iterdir():
        path.unlink()
    rows = {(r["question"], r["draw"]): r for r in store_home.sample_rows(RUN, 6)}
    ours = {(r["question"], r["draw"]): r for r in store_home.sample_rows(RUN, 4)}
    wanted = [{**rows[key], **ours.get(key, {})} for key in rows if key[1] >= 2]
    there.samples(RUN, wanted, "L1-00000")
    report = merge(here.home, there.home.root)
    (item,) = report.runs
    assert (item.status, item.samples) == ("updated", 6)
    assert len(samples(here.home.run(run_id))) == 18
    assert count(here, "samples") == 18
    names = {path.name for path in here.home.run(run_id).samples.iterdir()}
    assert len(names) == 3
    assert {"part-L1-00000.parquet", "part-L1-00001.parquet"} < names
    assert here.problems() == []
    assert merge(here.home, there.home.root).nothing_new


def test_ingested_rows_stay_what_the_files_hold(here: Box, there: Box) -> None:
    """The same draw, made at another moment there, whose part sorts before ours."""
    run_id = here.finished()
    assert here.problems() == []
    there.finished()
    for path in there.home.run(run_id).samples.iterdir():
        path.unlink()
    later = [{**row, "launch_id": "A"} for row in store_home.sample_rows(RUN, 4)]
    there.samples(RUN, later, "A-00000")
    assert merge(here.home, there.home.root).nothing_new
    assert here.problems() == []


def test_grades_and_metrics_of_both_are_united(here: Box, there: Box) -> None:
    run_id = here.finished()
    there.finished()
    assert here.problems() == []
    sample = store_home.sample_rows(RUN, 1)[0]
    more = store_home.grade_line(sample, "lark", "yes")
    part = there.home.run(run_id).grades / "part-L1-00000.jsonl"
    part.write_text(part.read_text() + more)
    with there.home.run(run_id).metrics.open("a") as stream:
        stream.write(store_home.metric_line(4))
    assert what(merge(here.home, there.home.root)) == {run_id: "updated"}
    assert [row.step for row in runs.metrics(here.home, run_id)] == [1, 2, 3, 4]
    assert (count(here, "grades"), count(here, "metrics")) == (25, 4)
    assert here.problems() == []
    assert merge(here.home, there.home.root).nothing_new


def test_a_later_checkpoint_comes_over(here: Box, there: Box) -> None:
    run_id = here.run()
    here.checkpoint(run_id, 5, b"five", final=False)
    there.run()
    there.checkpoint(run_id, 5, b"five", final=False)
    there.checkpoint(run_id, 10, b"ten")
    half = here.home.run(run_id).checkpoint(10)
    half.mkdir()
    (half / "adapter_model.safetensors").write_bytes(b"te")  # a kill left it without its manifest
    (item,) = merge(here.home, there.home.root).runs
    assert (item.status, item.checkpoints) == ("updated", (10,))
    final = final_checkpoint(here.home.run(run_id))
    assert final is not None
    assert (half / "adapter_model.safetensors").read_bytes() == b"ten"


def test_other_weights_of_one_step_are_a_conflict_with_both_hashes(here: Box, there: Box) -> None:
    run_id = here.finished(weights=b"ours")
    there.finished(n=6, weights=b"theirs")
    other = there.finished(OTHER_RUN)
    before = {name: data for name, data in here.files().items() if run_id in name}
    report = merge(here.home, there.home.root)
    (conflict,) = report.conflicts
    assert (conflict.kind, conflict.name, conflict.step) == ("run", run_id, 10)
    hashes = [
        final.files["adapter_model.safetensors"]
        for box in (here, there)
        if (final := final_checkpoint(box.home.run(run_id))) is not None
    ]
    assert [conflict.ours, conflict.theirs] == hashes
    assert hashes[0] != hashes[1]
    assert {name: data for name, data in here.files().items() if run_id in name} == before
    assert what(report) == {run_id: "conflict", other: "new"}


def test_another_probe_or_configuration_is_no_conflict(here: Box, there: Box) -> None:
    run_id = here.finished()
    there.finished()
    manifest = there.home.run(run_id).checkpoint(10) / "manifest.json"
    found = json.loads(manifest.read_text())
    found["files"] |= {"adapter_config.json": "0" * 64, "probe.safetensors": "1" * 64}
    manifest.write_text(json.dumps(found))
    assert not merge(here.home, there.home.root).conflicts


@pytest.mark.parametrize("where", ["here", "there"])
def test_a_checkpoint_of_another_version_is_a_conflict(here: Box, there: Box, where: str) -> None:
    run_id = here.run()
    there.finished()
    box = here if where == "here" else there
    if where == "here":
        here.checkpoint(run_id, 5, b"five", final=False)
    manifest = box.home.run(run_id).checkpoint(5 if where == "here" else 10) / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "schema_version": 2}))
    (conflict,) = merge(here.home, there.home.root).conflicts
    assert conflict.why.startswith(f"{manifest} was made by a newer version (schema 2; ")
    assert not here.home.run(run_id).checkpoint(10).exists()


@pytest.mark.parametrize(
    ("key", "value"), [("role", "control"), ("data_sha256", "f" * 64), ("arm", "older")]
)
def test_another_spec_is_a_conflict(here: Box, there: Box, key: str, value: str) -> None:
    run_id = here.finished()
    there.finished(n=6)
    spec = there.home.run(run_id).spec
    spec.write_text(json.dumps({**json.loads(spec.read_text()), key: value}))
    before = here.files()
    (conflict,) = merge(here.home, there.home.root).conflicts
    assert key in conflict.why
    assert here.files() == before


def test_another_commit_of_the_base_model_is_a_conflict(here: Box, there: Box) -> None:
    run_id = here.finished()
    there.finished(n=6)
    spec = there.home.run(run_id).spec
    text = json.loads(spec.read_text())
    text["model"]["commit"] = "2" * 40
    spec.write_text(json.dumps(text))
    (conflict,) = merge(here.home, there.home.root).conflicts
    assert f"commits differ: none kept here, {'2' * 40} there" in conflict.why


def test_when_and_where_it_was_made_is_no_difference(here: Box, there: Box) -> None:
    run_id = here.finished()
    there.finished()
    spec = there.home.run(run_id).spec
    found = json.loads(spec.read_text())
    found |= {"created_at": "2026-05-05T05:05:05Z", "versions": {"torch": "9"}}
    found["model"]["location"] = "/elsewhere"
    spec.write_text(json.dumps(found))
    report = merge(here.home, there.home.root)
    assert report.nothing_new
    assert not report.conflicts


def test_two_texts_of_one_sample_are_a_conflict(here: Box, there: Box) -> None:
    run_id = here.finished()
    there.finished()
    for path in there.home.run(run_id).samples.iterdir():
        path.unlink()
    there.samples(RUN, store_home.sample_rows(RUN, 6, text="Something else."), "L1-00000")
    before = here.files()
    (conflict,) = merge(here.home, there.home.root).conflicts
    assert "12 samples" in conflict.why
    assert here.files() == before


@pytest.mark.parametrize("what_is", ["checkpoint", "data", "samples", "grades"])
def test_what_is_damaged_there_is_named_and_nothing_of_its_run_taken(
    here: Box, there: Box, what_is: str
) -> None:
    run_id = there.finished()
    paths = there.home.run(run_id)
    if what_is == "checkpoint":
        (paths.checkpoint(10) / "adapter_model.safetensors").write_bytes(b"half")
    elif what_is == "data":
        paths.data.write_text("other\n")
        spec = json.loads(paths.spec.read_text())
        paths.spec.write_text(json.dumps({**spec, "data_sha256": "0" * 64}))
    else:
        part = next(iter((paths.root / what_is).iterdir()))
        part.write_bytes(part.read_bytes()[:-20])
    report = merge(here.home, there.home.root)
    (conflict,) = report.conflicts
    assert "damaged" in conflict.why
    assert runs.run_names(here.home) == []
    assert [path.name for path in here.home.runs.iterdir()] == []


def test_code_of_a_model_is_not_trusted_by_merging(here: Box, there: Box) -> None:
    run_id = there.finished()
    spec = there.home.run(run_id).spec
    found = json.loads(spec.read_text())
    found["model"]["trust_remote_code"] = True
    spec.write_text(json.dumps(found))
    merge(here.home, there.home.root)
    made = runs.read_spec(here.home, run_id)
    assert made is not None
    assert made.model.trust_remote_code is False
    assert merge(here.home, there.home.root).nothing_new


def test_what_is_no_home_is_refused(here: Box, there: Box, tmp_path: Path) -> None:
    for folder, title in (
        (tmp_path / "none", "Not a home"),
        (tmp_path, "Not a home"),
        (here.home.root, "The same home"),
    ):
        with pytest.raises(UsageError) as raised:
            merge(here.home, folder)
        assert raised.value.title == title
    (tmp_path / "link").symlink_to(here.home.root)
    with pytest.raises(UsageError, match="this home itself"):
        merge(here.home, tmp_path / "link")
    there.home.marker.write_text('{"format": 999}\n')
    with pytest.raises(UsageError, match="newer version"):
        merge(here.home, there.home.root)
