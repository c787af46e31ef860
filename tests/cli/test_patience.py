"""What takes long is said, on a terminal and in a pipe; what is quick says nothing."""

from __future__ import annotations

import os
import pty
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from pathlib import Path

import pytest

from store.ingest import ingest
from store.layout import StoreFiles
from store.parts import scan
from store.progress import OnProgress, tell_by
from tests.builders import store_home
from tests.builders.waiting import until
from wgen_tui.cli import patience
from wgen_tui.cli.patience import patiently, while_taking_in


def test_what_is_quick_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with patiently("Checking old") as on_progress:
        on_progress(1, 2)
    assert capsys.readouterr() == ("", "")


def test_in_a_pipe_lines_say_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "AFTER", 0.0)
    monkeypatch.setattr(patience, "AGAIN", 0.01)
    said = ""

    def shown(text: str) -> bool:
        nonlocal said
        said += capsys.readouterr().err
        return text in said

    with patiently("Checking old") as on_progress:
        until(lambda: shown("Checking old ("))
        on_progress(1_000, 265_100)
        until(lambda: shown("Checking old: 1,000 of 265,100 examples ("))


def test_on_a_terminal_a_bar_says_it_and_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "AFTER", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    reader, writer = pty.openpty()
    os.set_blocking(reader, False)
    shown = bytearray()

    def shows(text: bytes) -> bool:
        try:
            shown.extend(os.read(reader, 65536))
        except BlockingIOError:
            return False
        return text in shown

    with open(writer, "w", encoding="utf-8") as terminal:  # noqa: PTH123 - a descriptor
        monkeypatch.setattr(sys, "stderr", terminal)
        with patiently("Checking [old]") as on_progress:
            on_progress(20, 40)
            until(lambda: shows(b"20/40"))
            assert b"Checking [old]" in shown
        until(lambda: shows(b"\x1b[2K"))  # the line is erased
    os.close(reader)


def test_a_command_that_waits_for_an_ingest_says_how_far_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = store_home.write_home(tmp_path / "home")
    told: list[tuple[int, int]] = []

    @contextmanager
    def around() -> Iterator[OnProgress]:
        yield lambda done, total: told.append((done, total))

    copy_context().run(lambda: (tell_by(around), ingest(StoreFiles.of(root))))
    (total,) = {total for _, total in told}
    assert told[-1] == (total, total)
    assert total == sum(part.size for part in scan(StoreFiles.of(root)))

    monkeypatch.setattr(patience, "AFTER", 0.0)
    monkeypatch.setattr(patience, "AGAIN", 0.01)
    with while_taking_in() as on_progress:
        on_progress(441_700_000, 1_266_000_000)
        until(lambda: "Taking in what runs wrote: 441 of 1,266 MB (" in capsys.readouterr().err)
