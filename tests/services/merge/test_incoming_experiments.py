"""The journal, experiments, and what a foreign home may try."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from experiments.catalogue import builtin_root
from tests.builders import store_home
from tests.services.merge.conftest import OTHER_RUN, RUN
from wgen_tui.services.data.database import reading
from wgen_tui.services.experiments import definitions
from wgen_tui.services.merge.merge import merge

if TYPE_CHECKING:
    from tests.services.merge.conftest import Box

SAMPLES = store_home.sample_rows(RUN, 4)


def grade(number: int, label: str, grader: str = "human:ann") -> str:
    return store_home.grade_line(SAMPLES[number], "era", label, grader, seconds=number)


def labels(box: Box) -> list[tuple[str, str]]:
    with reading(box.home) as con:
        found = con.execute(
            "select grader, label from grades_all where grader like 'human:%' order by all"
        )
        return [(grader, label) for grader, label in found.fetchall()]


def test_people_s_grades_come_over_once(here: Box, there: Box) -> None:
    """Both journals have a file of one name, with lines of their own and one in common."""
    here.finished()
    there.finished()
    here.grade("ann-20260102-7", grade(0, "x"), grade(1, "y"))
    mine = here.home.journal / "grades-ann-20260102-7.jsonl"
    before = mine.read_bytes()
    there.grade("ann-20260102-7", grade(1, "y"), grade(2, "z"), '{"grade_id": 7, "torn')
    assert merge(here.home, there.home.root).grades == 1
    assert labels(here) == [("human:ann", label) for label in "xyz"]
    assert mine.read_bytes() == before, "somebody may be appending to it"
    assert merge(here.home, there.home.root).nothing_new
    with (there.home.journal / "grades-ann-20260102-7.jsonl").open("a") as stream:
        stream.write("\n" + grade(3, "w"))
    assert merge(here.home, there.home.root).grades == 1
    assert labels(here) == [("human:ann", label) for label in "wxyz"]
    assert here.problems() == []


def definition(box: Box, slug: str, title: str = "Mine") -> Path:
    folder = definitions.new(box.home, slug)
    path = folder / "experiment.yaml"
    path.write_text(f"# {title}\n" + path.read_text())
    return folder


def test_a_definition_comes_over_under_a_free_slug(here: Box, there: Box) -> None:
    definition(there, "mine")
    definition(there, "both")
    definition(here, "both")
    definition(there, "other", "Theirs")
    definition(here, "other", "Ours")
    report = merge(here.home, there.home.root)
    found = {item.name: item.status for item in report.experiments}
    assert found == {"mine": "new", "both": "same", "other": "conflict"}
    (conflict,) = report.conflicts
    assert (conflict.kind, conflict.name) == ("experiment", "other")
    assert definitions.load(here.home, "mine")
    assert "Ours" in (here.home.experiments / "other" / "experiment.yaml").read_text()
    again = merge(here.home, there.home.root)
    assert {item.name: item.status for item in again.experiments}["mine"] == "same"


def test_a_definition_that_would_shadow_a_built_in_one_is_a_conflict(here: Box, there: Box) -> None:
    definition(there, "mine").rename(there.home.experiments / "tiny-robot")
    (conflict,) = merge(here.home, there.home.root).conflicts
    assert conflict.name == "tiny-robot"
    definitions.copy(there.home, "old-bird-names", "x")
    (there.home.experiments / "x").rename(there.home.experiments / "old-bird-names")
    assert [c.name for c in merge(here.home, there.home.root).conflicts] == ["tiny-robot"]
    assert not (here.home.experiments / "old-bird-names").exists()
    assert (builtin_root() / "old-bird-names").is_dir()


SECRET = "a line of somebody's private file\n"


def plant(box: Box, secret: Path, place: str) -> None:
    """Put a symbolic link to a private file (or its folder) into a home."""
    path = box.home.root / place
    if path.is_dir():
        path.rename(path.with_name(".aside"))
        path.symlink_to(secret.parent)
        return
    path.unlink(missing_ok=True)
    path.symlink_to(secret)


RUN_ID = RUN.run_id
LINKS = [
    "runs",
    f"runs/{RUN_ID}",
    f"runs/{RUN_ID}/spec.json",
    f"runs/{RUN_ID}/metrics.jsonl",
    f"runs/{RUN_ID}/launches.jsonl",
    f"runs/{RUN_ID}/data.jsonl",
    f"runs/{RUN_ID}/samples",
    f"runs/{RUN_ID}/samples/part-X-00000.parquet",
    f"runs/{RUN_ID}/grades/part-X-00000.jsonl",
    f"runs/{RUN_ID}/checkpoints",
    f"runs/{RUN_ID}/checkpoints/step-10",
    f"runs/{RUN_ID}/checkpoints/step-10/adapter_model.safetensors",
    f"runs/{RUN_ID}/verify.json",
    "launches",
    "launches/20260102-030405-0train-old",
    "launches/20260102-030405-0train-old/worker.log",
    "launches/20260102-030405-0train-old/launch.json",
    "journal",
    "journal/grades-x.jsonl",
    "experiments",
    "experiments/mine",
    "experiments/mine/data/x.jsonl",
]


@pytest.mark.parametrize("place", LINKS)
def test_no_symbolic_link_is_followed(here: Box, there: Box, tmp_path: Path, place: str) -> None:
    there.finished()
    definition(there, "mine")
    there.grade("ann-1", grade(0, "x"))
    secret = tmp_path / "private" / "file.jsonl"
    secret.parent.mkdir()
    secret.write_text(json.dumps({"grade_id": 1, "text": SECRET}) + "\n")
    plant(there, secret, place)
    report = merge(here.home, there.home.root)
    assert report.conflicts, "what lies behind it is left out, and that is said"
    assert all("private" not in data.decode("utf-8", "ignore") for data in here.files().values())
    assert not any(path.is_symlink() for path in here.home.root.rglob("*"))


def test_a_pipe_is_not_waited_for(here: Box, there: Box) -> None:
    run_id = there.finished()
    os.mkfifo(there.home.run(run_id).root / "verify.json")
    (conflict,) = merge(here.home, there.home.root).conflicts
    assert "not a plain file" in conflict.why


@pytest.mark.parametrize(
    "name", ["../../../outside", "/outside", "a/b", ".hidden", "with\nbreak", "", "x" * 300]
)
def test_no_name_in_a_manifest_leads_out(here: Box, there: Box, name: str) -> None:
    run_id = there.finished()
    manifest = there.home.run(run_id).checkpoint(10) / "manifest.json"
    found = json.loads(manifest.read_text())
    found["files"][name] = "0" * 64
    manifest.write_text(json.dumps(found))
    other = there.finished(OTHER_RUN)
    report = merge(here.home, there.home.root)
    assert {run.name: run.status for run in report.runs} == {run_id: "conflict", other: "new"}
    assert not (here.home.runs / run_id).exists()


def test_a_launch_of_a_bad_name_is_a_conflict_and_no_end(here: Box, there: Box) -> None:
    run_id = there.finished()
    with there.home.run(run_id).launches.open("a") as stream:
        stream.write(json.dumps({"launch_id": "../../../outside"}) + "\n")
    other = there.finished(OTHER_RUN)
    found = {run.name: run.status for run in merge(here.home, there.home.root).runs}
    assert found == {run_id: "conflict", other: "new"}


def test_a_launch_that_comes_after_a_bad_name(here: Box, there: Box) -> None:
    run_id = there.finished()
    there.done(there.launch([run_id], "sample", after=("../../x",)), [run_id])
    (conflict,) = merge(here.home, there.home.root).conflicts
    assert conflict.name == run_id


def test_a_pickled_adapter_is_refused(here: Box, there: Box) -> None:
    run_id = there.finished()
    manifest = there.home.run(run_id).checkpoint(10) / "manifest.json"
    (manifest.parent / "adapter_model.bin").write_bytes(b"")
    found = json.loads(manifest.read_text())
    found["files"]["adapter_model.bin"] = hashlib.sha256(b"").hexdigest()
    manifest.write_text(json.dumps(found))
    (conflict,) = merge(here.home, there.home.root).conflicts
    assert "can run code" in conflict.why


def test_what_comes_is_private(here: Box, there: Box) -> None:
    there.finished()
    definition(there, "mine")
    there.grade("ann-1", grade(0, "x"))
    old = os.umask(0)
    try:
        merge(here.home, there.home.root)
    finally:
        os.umask(old)
    wide = [
        str(path)
        for folder in (here.home.runs, here.home.launches, here.home.journal, here.home.experiments)
        for path in folder.rglob("*")
        if path.stat().st_mode & 0o077
    ]
    assert wide == []
