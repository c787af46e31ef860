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
def test_the_nearest_experiment_is_named(program: Program, words: tuple[str, ...]) -> None:
    done = program(*words, code=2)
    assert "Did you mean tiny-old-bird-names?" in done.stderr
    assert not done.stdout


def test_a_state_there_is_not(program: Program) -> None:
    assert "running" in program("run", "list", "--state", "runing", code=2).stderr


def test_a_filter_that_nothing_passes_is_not_an_empty_home(program: Program, files: Any) -> None:
    files.run()
    assert "No run matches" in program("run", "list", "--state", "failed").stderr
    assert "filters" in program("sample", "list", "--arm", "none").stderr
    assert "makes some" in program("sample", "list").stderr


def test_results_of_an_experiment_without_samples(program: Program) -> None:
    done = program("results", "tiny-robot", code=2)
    assert "no samples" in done.stderr
    assert "wgen-tui run start tiny-robot" in done.stderr


def test_no_statement(program: Program) -> None:
    assert "There is no statement to run" in program("sql", "", code=2).stderr


def test_a_mistake_in_sql_is_shown_at_its_place(program: Program) -> None:
    said = program("sql", "select arm\nfrom sampels", code=2).stderr
    assert "LINE 2: from sampels\n             ^^^^^^^\nDid you mean samples?" in said


def test_one_row_is_one_row(program: Program) -> None:
    assert "1 row, " in program("sql", "select 1").stderr
    assert "2 rows, " in program("sql", "values (1), (2)").stderr
    assert "the first 1 row, " in program("sql", "values (1), (2)", "--limit", "1").stderr


def test_the_list_goes_shelf_by_shelf(program: Program) -> None:
    program("experiment", "new", "a-first-one")
    rows = [line.split()[:2] for line in program("experiment", "list").stdout.splitlines()[1:]]
    shelves = [shelf for _, shelf in rows]
    assert shelves == sorted(shelves)
    assert set(shelves) == {"field", "miniature", "yours"}
    assert rows[-1] == ["a-first-one", "yours"]


def test_a_saved_query_is_run_by_its_name(program: Program) -> None:
    assert "0 rows, " in program("sql", "--saved", "answers by length").stderr
    wrong = program("sql", "--saved", "answers by lenght", code=2).stderr
    assert "Did you mean answers by length?" in wrong
    assert "slowest launches" in program("sql", "--saved", "nothing", code=2).stderr
    assert "or --saved NAME" in program("sql", "select 1", "--saved", "x", code=2).stderr
