"""started.json: the file keeps its form, and every version's can be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wgen_tui.protocol.launches import read_start
from wgen_tui.protocol.record import write_record

# As commit 92ae5ea wrote it.
WRITTEN = """{
  "at": "2026-11-26T03:05:03.749773+00:00",
  "pid": 22460,
  "ticks": 112540,
  "host": "box",
  "argv": [
    "/opt/python",
    "-m",
    "wgen_tui.workers.judge"
  ],
  "attempt": 1,
  "gpus": [],
  "memory_mb": null
}
"""


def test_a_file_is_read_and_written_as_ever(tmp_path: Path) -> None:
    path = tmp_path / "started.json"
    path.write_text(WRITTEN)
    start = read_start(path)
    assert start is not None
    assert (start.pid, start.ticks, start.host, start.attempt) == (22460, 112540, "box", 1)
    write_record(path, start)
    assert path.read_text() == WRITTEN


def test_of_another_versions_file_what_is_known_counts(tmp_path: Path) -> None:
    path = tmp_path / "started.json"
    path.write_text(json.dumps({"at": "2026-01-02T03:04:05+00:00", "pid": 7, "cgroup": "new"}))
    start = read_start(path)
    assert start is not None
    assert (start.pid, start.attempt, start.gpus, start.memory_mb) == (7, 1, (), None)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"at": "soon", "pid": 1}'])
def test_a_damaged_file_counts_as_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "started.json"
    assert read_start(path) is None
    path.write_text(text)
    assert read_start(path) is None
