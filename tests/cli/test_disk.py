"""Homes that cannot be written, are full, or are none: exit 2, one message, nothing left behind."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from store.database import opening
from store.verify import rebuild
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.data.database import files_of

Program = Callable[..., subprocess.CompletedProcess[str]]
KIB = 1024


def everything(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a file system can be mounted by root only")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path, *, leave: int = 0) -> None:
    block = b"\0" * 4 * KIB
    number = 0
    try:
        with (disk / "filler").open("wb", buffering=0) as stream:
            while stream.write(block) == len(block):
                number += 1
    except OSError:
        pass
    os.truncate(disk / "filler", max(number * len(block) - leave, 0))


WRITING = [
    ("run", "start", "tiny-old-bird-names", "--detach"),
    ("experiment", "copy", "tiny-old-bird-names", "mine"),
    ("experiment", "new", "mine"),
    ("store", "rebuild"),
]


@pytest.mark.parametrize("words", WRITING, ids=lambda words: "-".join(words[:2]))
def test_a_full_disk_keeps_nothing_of_a_new_home(
    program: Program, small_disk: Path, words: tuple[str, ...]
) -> None:
    fill(small_disk)
    before = everything(small_disk)
    done = program("--home", small_disk / "home", *words, code=2)
    assert "No space left on device" in done.stderr
    assert everything(small_disk) == before


@pytest.mark.parametrize("words", WRITING[1:], ids=lambda words: "-".join(words[:2]))
def test_a_home_that_becomes_full_is_left_as_it_was(
    program: Program, small_disk: Path, words: tuple[str, ...]
) -> None:
    home = Home(small_disk / "home").ensure()
    home.ingest_lock.touch()
    fill(small_disk)
    before = everything(small_disk)
    done = program("--home", home.root, *words, code=2)
    assert "No space left on device" in done.stderr
    assert everything(small_disk) == before


@pytest.mark.parametrize(
    "words", [*WRITING, ("run", "list"), ("store", "verify"), ("sql", "from runs")]
)
def test_a_home_that_is_a_file(program: Program, tmp_path: Path, words: tuple[str, ...]) -> None:
    place = tmp_path / "a-file"
    place.write_text("mine")
    assert "is a file, not a folder" in program("--home", place, *words, code=2).stderr
    assert place.read_text() == "mine"


def test_what_duckdb_is_refused_is_said_in_the_systems_words(
    home: Home, files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise duckdb.IOException('IO Error: Could not write file "x": No space left on device')

    files.run()
    rebuild(files_of(home))
    before = everything(home.root)
    monkeypatch.setattr(opening, "migrate", refuse)
    with pytest.raises(OSError, match="No space left on device"):
        rebuild(files_of(home))
    assert everything(home.root) == before


def test_an_unwritable_database_is_the_users_to_mend(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wgen_tui.services.data import storage

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied", str(home.database))

    home.ensure()
    monkeypatch.setattr(storage, "verify_files", refuse)
    with pytest.raises(UsageError, match="Permission denied"):
        storage.verify(home)
