"""Whatever stands in the place of a definition or its data is one line; the others are listed."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from wgen_tui.paths import Home

Program = Callable[..., subprocess.CompletedProcess[str]]
LADDER = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 11)
)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(path.parent)  # a socket's path is short
        try:
            server.bind(path.name)
        finally:
            os.chdir(here)


def _loop(path: Path) -> None:
    path.symlink_to("other")
    path.with_name("other").symlink_to(path.name)


PLANTS: dict[str, Callable[[Path], object]] = {
    "folder": lambda path: path.mkdir(),
    "fifo": os.mkfifo,
    "socket": _socket,
    "loop": _loop,
    "gone": lambda path: path.symlink_to("nowhere"),
    "empty": lambda path: path.write_bytes(b""),
    "deep": lambda path: path.write_text("[" * 200_000),
    "ladder": lambda path: path.write_text(LADDER),
    "utf-16": lambda path: path.write_text("title: x", encoding="utf-16"),
    "latin-1": lambda path: path.write_text("title: é", encoding="latin-1"),
    "nul": lambda path: path.write_bytes(b"title: a\0b"),
    "lfs": lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid x"),
    "parquet": lambda path: path.write_bytes(b"PAR1xxxx"),
    "long line": lambda path: path.write_bytes(b"x" * 20_000_000),
}


@pytest.fixture
def planted(program: Program, home: Home) -> Home:
    """A home with a good experiment, and one of each kind in each place."""
    program("experiment", "new", "good")
    for kind, plant in PLANTS.items():
        for place in ("experiment.yaml", "data/old.jsonl", "questions.yaml"):
            name = f"bad-{kind}-{place[:4]}".replace(" ", "-")
            program("experiment", "copy", "good", name)
            folder = home.experiments / name
            definition = folder / "experiment.yaml"
            if place == "questions.yaml":
                text = definition.read_text()
                start, end = text.index("questions:"), text.index("judges:")
                definition.write_text(f"{text[:start]}questions: questions.yaml\n\n{text[end:]}")
            else:
                (folder / place).unlink()
            plant(folder / place)
    return home


@pytest.mark.slow
def test_one_bad_definition_is_one_bad_line(program: Program, planted: Home) -> None:
    listed = program("experiment", "list").stdout
    names = {line.split()[0] for line in listed.splitlines() if line}
    assert {folder.name for folder in planted.experiments.iterdir()} <= names
    for folder in sorted(planted.experiments.iterdir()):
        if folder.name == "good":
            continue
        wrong = program("experiment", "validate", folder.name, code=2).stderr
        assert len(wrong.splitlines()) <= 20
        assert len(wrong) < 6_000, wrong[:2_000]
    program("experiment", "validate", "good")
