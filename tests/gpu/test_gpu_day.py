"""`make gpu` where there is no GPU: tiny, whole, with the exit code that its checks deserve."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from tests.gpu.__main__ import PARTS, main
from tests.gpu.report import JSON_LIMIT, Report
from tests.gpu.session import Session

ROOT = Path(__file__).parents[2]
AsProof = Callable[[Callable[[Session], None]], tuple[int, dict[str, Any]]]


@pytest.mark.slow
def test_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "gpu.json"
    command = [sys.executable, "-m", "tests.gpu", "--json", str(path)]
    blind = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}  # also where there is one
    done = subprocess.run(command, cwd=ROOT, env=blind, capture_output=True, text=True, timeout=550)
    assert done.returncode == 0, done.stdout + done.stderr
    assert path.stat().st_size <= JSON_LIMIT
    found = json.loads(path.read_text())
    assert "no GPU" in found["hardware"]
    assert tuple(found["seconds"]) == tuple(PARTS)
    assert {line["part"] for line in found["lines"]} == set(PARTS)
    assert all(line["note"] for line in found["lines"] if line["kind"] == "left out")
    assert all(line["ok"] for line in found["lines"] if line["kind"] == "check")
    assert found["hardware"] in done.stdout and str(path) in done.stdout


@pytest.fixture
def as_proof(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[AsProof]:
    """Runs something in the place of the part `proof`: the exit code, and what the JSON says."""
    threads = torch.get_num_threads()

    def run(part: Callable[[Session], None]) -> tuple[int, dict[str, Any]]:
        module = ModuleType("tests.gpu.proof")
        monkeypatch.setattr(module, "run", part, raising=False)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        path = tmp_path / "gpu.json"
        code = main(["proof", "--json", str(path)])
        return code, json.loads(path.read_text())

    yield run
    torch.set_num_threads(threads)


def test_a_check_that_fails_gives_1(as_proof: AsProof) -> None:
    assert as_proof(lambda session: session.report.check("proof", "it holds", ok=True))[0] == 0
    assert as_proof(lambda session: session.report.check("proof", "it holds", ok=False))[0] == 1


def test_a_part_that_breaks_is_a_check_that_fails(as_proof: AsProof) -> None:
    def breaks(_: Session) -> None:
        raise ValueError("no such kernel")

    code, found = as_proof(breaks)
    assert (code, found["lines"][0]["note"]) == (1, "ValueError: no such kernel")


def test_what_time_is_too_short_for_is_left_out_and_fails_nothing(as_proof: AsProof) -> None:
    code, found = as_proof(lambda session: session.need(1e6))
    (line,) = found["lines"]
    assert (code, line["kind"], line["part"]) == (0, "left out", "proof")
    assert line["note"].startswith("time: needs 1000000 s")


def test_an_unknown_part_gives_2_and_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["prof"])
    assert raised.value.code == 2 and "no part is named prof" in capsys.readouterr().err


def test_figures_that_are_too_long_are_left_out(tmp_path: Path) -> None:
    report = Report("here")
    report.figure("grid", "fast", "1 s", numbers={"all": "x" * JSON_LIMIT})
    report.write(tmp_path / "gpu.json")
    assert (tmp_path / "gpu.json").stat().st_size <= JSON_LIMIT
    assert "left out" in json.loads((tmp_path / "gpu.json").read_text())["numbers"]
