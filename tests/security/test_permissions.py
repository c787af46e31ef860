"""A home is its owner's alone, whatever the umask."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wgen_tui.paths import Home
from wgen_tui.protocol.record import write_durably
from wgen_tui.services.doctor import Finding, examine
from wgen_tui.services.experiments import definitions
from wgen_tui.services.grading.session import journal_of
from wgen_tui.services.planning.commit import commit
from wgen_tui.services.planning.plan import Options, make_plan
from wgen_tui.services.runs import process

PROGRAM = Path(sys.executable).with_name("wgen-tui")


def run_open(home: Home, *words: object, code: int = 0) -> str:
    """The program as somebody runs it whose umask keeps nothing from anybody."""
    done = subprocess.run(
        [str(PROGRAM), "--home", str(home.root), *map(str, words)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        umask=0,
    )
    assert done.returncode == code, done.stderr
    return done.stdout


def wide(root: Path) -> list[str]:
    """What others may read, write or enter."""
    return [
        f"{path.relative_to(root)} {path.stat().st_mode & 0o777:o}"
        for path in sorted([root, *root.rglob("*")])
        if not path.is_symlink() and path.stat().st_mode & 0o077
    ]


@pytest.mark.slow
def test_a_whole_small_job_under_umask_000(home: Home, definition: Path, tmp_path: Path) -> None:
    run_open(home, "run", "start", definition, "--arms", "old", "--seeds", "0")
    run_open(home, "experiment", "new", "mine")
    run_open(home, "experiment", "copy", "tiny-robot", "copied")
    run_open(home, "store", "rebuild")
    other = Home(tmp_path / "other")
    run_open(other, "store", "merge", home.root)
    kinds = {path.suffix for path in home.root.rglob("*") if path.is_file()}
    assert {".parquet", ".jsonl", ".safetensors", ".log", ".duckdb", ".yaml", ".json"} <= kinds
    assert wide(home.root) == []
    assert len(list(other.root.rglob("*"))) > 50
    assert wide(other.root) == []


def test_what_is_written_without_the_program_is_private_as_well(tmp_path: Path) -> None:
    """The modes stand where files are made, not in the umask alone."""
    old = os.umask(0)
    try:
        home = Home(tmp_path / "home").ensure()
        write_durably(home.root / "file", b"text")
        definitions.new(home, "mine")
        definitions.copy(home, "tiny-robot", "copied")
        journal_of(home, "human:ann").append()
    finally:
        os.umask(old)
    assert len(list(home.root.rglob("*"))) > 12
    assert wide(home.root) == []


def privacy(home: Home) -> Finding:
    (found,) = [finding for finding in examine(home) if finding.name == "privacy"]
    return found


def test_the_doctor_names_an_open_home_and_what_closes_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "my home").ensure()
    assert privacy(home).verdict == "ok"
    (home.runs / "x").touch(mode=0o644)
    (home.runs / "x").chmod(0o644)
    found = privacy(home)
    assert (found.verdict, found.value.split()[0]) == ("note", "1")
    home.root.chmod(0o755)
    found = privacy(home)
    assert found.verdict == "problem"
    subprocess.run(["sh", "-c", found.hint], check=True)
    assert privacy(home).verdict == "ok"
    assert wide(home.root) == []


def test_a_worker_started_by_hand_keeps_to_it(home: Home, definition: Path) -> None:
    """As another scheduler starts one: no program of ours before it."""
    sample, _ = commit(home, make_plan(home, str(definition), Options(arms=["base"])))
    words = ["--home", str(home.root), "--launch", sample.launch_id]
    done = subprocess.run(
        [sys.executable, "-m", "wgen_tui.workers.sample", *words],
        cwd=home.launch(sample.launch_id).root,
        env=process.environment(sample),
        capture_output=True,
        text=True,
        check=False,
        umask=0,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(home.run(sample.run_ids[0]).samples.iterdir())
    assert wide(home.root) == []
