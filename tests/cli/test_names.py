"""A wrong name on the command line: exit 2 and the nearest right one."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import pytest

Program = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize(
    "words",
    [
        ("results", "tiny-old-bird-name"),
        ("run", "list", "--experiment", "tiny-old-bird-name"),
        ("run", "watch", "--experiment", "tiny-old-bird-name"),
        ("run", "cancel", "--experiment", "tiny-old-bird-name"),
    ],
    ids=" ".join,
)
def test_the_nearest_experiment_is_named(command: Program, words: tuple[str, ...]) -> None:
    done = command(*words, code=2)
    assert "Did you mean tiny-old-bird-names?" in done.stderr
    assert not done.stdout


def test_a_state_there_is_not(command: Program) -> None:
    assert "running" in command("run", "list", "--state", "runing", code=2).stderr


def test_a_filter_that_nothing_passes_is_not_an_empty_home(command: Program, files: Any) -> None:
    files.run()
    assert "No run matches" in command("run", "list", "--state", "failed").stderr
    assert "filters" in command("sample", "list", "--arm", "none").stderr
    assert "makes some" in command("sample", "list").stderr


def test_results_of_an_experiment_without_samples(command: Program) -> None:
    done = command("results", "tiny-robot", code=2)
    assert "no samples" in done.stderr
    assert "wgen-tui run start tiny-robot" in done.stderr


def test_no_statement(command: Program) -> None:
    assert "There is no statement to run" in command("sql", "", code=2).stderr


def test_a_mistake_in_sql_is_shown_at_its_place(command: Program) -> None:
    said = command("sql", "select arm\nfrom sampels", code=2).stderr
    assert "LINE 2: from sampels\n             ^^^^^^^\nDid you mean samples?" in said


def test_one_row_is_one_row(command: Program) -> None:
    assert "1 row, " in command("sql", "select 1").stderr
    assert "2 rows, " in command("sql", "values (1), (2)").stderr
    assert "the first 1 row, " in command("sql", "values (1), (2)", "--limit", "1").stderr


def test_the_list_goes_shelf_by_shelf(command: Program) -> None:
    command("experiment", "new", "a-first-one")
    rows = [line.split()[:2] for line in command("experiment", "list").stdout.splitlines()[1:]]
    shelves = [shelf for _, shelf in rows]
    assert shelves == sorted(shelves)
    assert set(shelves) == {"field", "miniature", "yours"}
    assert rows[-1] == ["a-first-one", "yours"]
    assert rows[shelves.index("miniature")][0] == "tiny-old-bird-names", "of the demo"


def test_a_saved_query_is_run_by_its_name(command: Program) -> None:
    assert "0 rows, " in command("sql", "--saved", "answers by length").stderr
    wrong = command("sql", "--saved", "answers by lenght", code=2).stderr
    assert "Did you mean answers by length?" in wrong
    assert "slowest launches" in command("sql", "--saved", "nothing", code=2).stderr
    assert "or --saved NAME" in command("sql", "select 1", "--saved", "x", code=2).stderr
