"""`wgen-tui store merge` at a shell."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wgen_tui.cli.shapes.base import example
from wgen_tui.cli.shapes.store import Merged
from wgen_tui.paths import Home

Program = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def other(home: Home, files: Any, tmp_path: Path) -> Home:
    """Another home: the fixture's own, moved away; one run in it has ended."""
    run = files.run()
    files.done(files.launch("train", [run]), {run: "finished"})
    shutil.move(home.root, tmp_path / "other")
    return Home(tmp_path / "other")


def test_it_says_what_came_and_again_that_nothing_is_new(
    command: Program, home: Home, other: Home
) -> None:
    said = json.loads(command("store", "merge", other.root, "--dry-run", "--json").stdout)
    assert not home.root.exists()
    done = json.loads(command("store", "merge", other.root, "--json").stdout)
    assert {**said, "dry_run": False} == done
    assert [(run["id"], run["what"]) for run in done["runs"]] == [("x-a-s0-1", "new")]
    (shape,) = example(Merged)["runs"]
    assert set(done) == set(example(Merged))
    assert set(done["runs"][0]) == set(shape)
    again = command("store", "merge", other.root)
    assert "Nothing new" in again.stderr
    (run,) = json.loads(command("run", "list", "--json").stdout)["runs"]
    assert (run["id"], run["state"]) == ("x-a-s0-1", "finished")


def test_a_conflict_is_named_and_exits_1(command: Program, home: Home, other: Home) -> None:
    command("store", "merge", other.root)
    spec = other.run("x-a-s0-1").spec
    spec.write_text(json.dumps({**json.loads(spec.read_text()), "role": "control"}))
    done = command("store", "merge", other.root, "--json", code=1)
    (conflict,) = json.loads(done.stdout)["conflicts"]
    (shape,) = example(Merged)["conflicts"]
    assert set(conflict) == set(shape)
    assert "role" in command("store", "merge", other.root, code=1).stderr


def test_what_is_no_home_exits_2(command: Program, home: Home, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none", home.root):
        done = command("store", "merge", folder, code=2)
        assert "Not a home" in done.stderr
    assert not home.root.exists()


def test_readonly_only_looks(command: Program, home: Home, other: Home) -> None:
    assert "Read-only" in command("--readonly", "store", "merge", other.root, code=2).stderr
    command("--readonly", "store", "merge", other.root, "--dry-run")
    assert not home.root.exists()
