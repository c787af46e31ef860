"""What `doctor` says of Slurm, by the programs that are on the PATH."""

from __future__ import annotations

from pathlib import Path

import pytest

from wgen_tui.paths import Home
from wgen_tui.services.doctor import Finding, examine
from wgen_tui.services.slurm.commands import PROGRAMS

PARTITION = '[slurm]\npartition = "gpu"\n'


def _of_slurm(home: Home) -> list[Finding]:
    return [finding for finding in examine(home) if finding.topic == "Slurm"]


def _program(folder: Path, name: str) -> None:
    (folder / name).write_text("#!/bin/sh\necho slurm 25.05.1\n")
    (folder / name).chmod(0o755)


def test_no_slurm_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (finding,) = _of_slurm(Home(tmp_path / "home"))
    assert (finding.verdict, "none on the PATH" in finding.value) == ("note", True)


@pytest.mark.parametrize(("config", "verdict"), [("", "note"), (PARTITION, "problem")])
def test_half_of_slurm_is_a_problem_for_who_uses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: str, verdict: str
) -> None:
    _program(tmp_path, "sbatch")
    monkeypatch.setenv("PATH", str(tmp_path))
    home = Home(tmp_path / "home").ensure()
    home.config.write_text(config)
    (finding,) = _of_slurm(home)
    assert (finding.verdict, finding.value.split()[0]) == (verdict, "squeue")


def test_programs_without_a_cluster_are_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in PROGRAMS:
        _program(tmp_path, name)
    (tmp_path / "sbatch").write_text("#!/bin/sh\necho no configuration >&2\nexit 1\n")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    (finding,) = _of_slurm(Home(tmp_path / "home").ensure())
    assert (finding.verdict, "no configuration" in finding.value) == ("note", True)


def test_slurm_is_reported_with_its_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in PROGRAMS:
        _program(tmp_path, name)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    home = Home(tmp_path / "home").ensure()
    home.config.write_text(PARTITION)
    said = {finding.name: finding for finding in _of_slurm(home)}
    assert said["version"].value == "slurm 25.05.1"
    assert said["[slurm] of config.toml"].value == "partition gpu"
