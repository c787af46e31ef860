"""What is written says in its name what it is; `-` is stdout; what cannot be written is named."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from tests.builders.mini_home import MiniHome
from wgen_tui.cli.main import main
from wgen_tui.cli.options import form_of
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home

Program = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize(
    ("name", "form", "written"),
    [
        ("x.csv", None, "csv"),
        ("x.JSON", None, "json"),
        ("x.parquet", None, "parquet"),
        ("x", None, "csv"),
        ("x", "json", "json"),
        ("x.txt", "csv", "csv"),
        (None, None, "csv"),
        (None, "json", "json"),
    ],
)
def test_the_name_says_the_format(name: str | None, form: str | None, written: str) -> None:
    assert form_of(None if name is None else Path(name), form, "csv") == written


@pytest.mark.parametrize(
    ("name", "form"),
    [("x.xlsx", None), ("x.jsonl", None), ("x.csv.gz", None), ("x.parquet", "csv")],
)
def test_a_name_that_says_something_else_is_refused(name: str, form: str | None) -> None:
    with pytest.raises(UsageError, match=r"does not say which format|and --format is"):
        form_of(Path(name), form, "csv")


def test_a_fifo_has_any_name(tmp_path: Path) -> None:
    fifo = tmp_path / "x.parquet"
    os.mkfifo(fifo)
    assert form_of(fifo, None, "csv") == "csv"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    mini = MiniHome(Home(tmp_path / "home"))
    mini.definition("mini")
    mini.draw(mini.run("old", 0), lambda question, draw: "a coach")
    return mini.home


def test_every_export_goes_by_it(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*words: str) -> int:
        return main(["--home", str(home.root), *words])

    parquet, table = tmp_path / "a.parquet", tmp_path / "b.json"
    assert run("sample", "export", "--output", str(parquet)) == 0
    assert parquet.read_bytes()[:4] == b"PAR1"
    assert run("sql", "select 1 as one", "--output", str(table)) == 0
    assert json.loads(table.read_text())["columns"] == ["one"]
    assert run("grade", "export", "mini", "--graders", "all", "--output", str(table)) == 0
    assert json.loads(table.read_text())["schema"]
    capsys.readouterr()
    assert run("sql", "select 1 as one", "--format", "csv", "--output", "-") == 0
    assert capsys.readouterr().out.split() == ["one", "1"]
    assert not Path("-").exists()
    for name, why in (("", "a file has a name"), ("x" * 300, "File name too long")):
        assert run("sample", "export", "--output", str(tmp_path / name) if name else "") == 2
        assert why in " ".join(capsys.readouterr().err.split())
    assert run("results", "mini", "--figure", "/dev/null/x.svg") == 2
    assert "/dev/null/x.svg cannot be written" in capsys.readouterr().err


def test_no_command_has_an_output_of_its_own() -> None:
    from wgen_tui.cli import grade, sample, sql

    for command in (sample.export, grade.export, sql.command):
        (option,) = (p for p in command.params if p.name == "output")
        with pytest.raises(click.BadParameter):
            option.process_value(click.Context(command), ".")
