"""`wgen-tui store` and `doctor`, on a home that holds something and on none."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from wgen_tui.paths import Home

Program = Callable[..., subprocess.CompletedProcess[str]]


def test_a_home_that_is_not_there(command: Program, home: Home) -> None:
    assert json.loads(command("store", "info", "--json").stdout)["rows"]["samples"] == 0
    command("store", "verify")
    command("doctor")
    assert not home.root.exists()


def test_verify_names_what_killed_processes_left(command: Program, home: Home, files: Any) -> None:
    run = home.run(files.run())
    assert json.loads(command("store", "verify", "--json").stdout)["leftovers"] == []
    left = run.root / ".spec.json.4711.tmp"
    left.touch()
    assert "temporary" not in command("store", "verify").stderr, "it may be being written"
    os.utime(left, (1e9, 1e9))
    named = str(left.relative_to(home.root))
    assert json.loads(command("store", "verify", "--json").stdout)["leftovers"] == [named]
    said = command("store", "verify").stderr
    assert "1 temporary file was left by killed processes" in said
    assert f"{home.root}: {named}" in said


def test_verify_notices_and_rebuild_mends(command: Program, home: Home, files: Any) -> None:
    files.run()
    files.run("x-b-s0-1", arm="b")
    command("store", "verify")
    assert json.loads(command("store", "info", "--json").stdout)["rows"]["runs"] == 2
    with duckdb.connect(str(home.database)) as con:
        con.execute("update run set arm = 'forged' where arm = 'b'")
    found = json.loads(command("store", "verify", "--json", code=1).stdout)
    assert found["ok"] is False
    assert found["problems"][0]["where"] == "run"
    assert "rebuild" in command("store", "verify", code=1).stderr
    assert json.loads(command("store", "rebuild", "--json").stdout)["rows"]["run"] == 2
    command("store", "verify")


@pytest.mark.slow
def test_who_holds_the_database_is_named(program: Program, home: Home, files: Any) -> None:
    files.run()
    program("store", "verify")
    with duckdb.connect(str(home.database)):
        assert "Database is held" in program("store", "verify", code=3).stderr
        doctor = json.loads(program("doctor", "--json", code=1).stdout)
    (problem,) = [item for item in doctor["findings"] if item["verdict"] == "problem"]
    assert problem["topic"] == "database"
    assert "process" in problem["value"]


def test_a_removed_run_leaves_the_database(command: Program, home: Home, files: Any) -> None:
    run = files.run()
    files.lost(files.launch("train", [run]))
    command("store", "verify")
    command("run", "rm", run, "--yes")
    with duckdb.connect(str(home.database), read_only=True) as con:
        assert con.execute("select count(*) from run").fetchone() == (0,)


def test_the_doctor_tells_of_a_token_and_never_shows_it(program: Program, tmp_path: Path) -> None:
    secret = "hf_verySecret123"
    (tmp_path / "hf").mkdir()
    done = program("doctor", "--json", HF_TOKEN=secret, HF_HOME=str(tmp_path / "hf"))
    found = {(f["topic"], f["name"]): f for f in json.loads(done.stdout)["findings"]}
    assert found["models", "token"]["value"] == "in HF_TOKEN"
    assert found["models", "HF_HOME"]["value"] == str(tmp_path / "hf")
    assert secret not in done.stdout + done.stderr

    (tmp_path / "hf" / "token").write_text(secret)
    done = program("doctor", HF_TOKEN="", HF_HOME=str(tmp_path / "hf"), HF_HUB_OFFLINE="1")
    assert str(tmp_path / "hf" / "token") in done.stdout
    assert "HF_HUB_OFFLINE" in done.stdout
    assert secret not in done.stdout + done.stderr


def test_the_doctor_counts_a_newer_home_as_a_problem(command: Program, home: Home) -> None:
    home.root.mkdir()
    home.marker.write_text('{"format": 999}\n')
    done = command("doctor", code=1)
    assert "newer version" in done.stdout
    assert "PROBLEM" in done.stdout


def test_the_doctor_names_checkpoints_of_another_version(
    command: Program, home: Home, files: Any
) -> None:
    folder = home.run(files.run()).checkpoint(10)
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text('{"run_id": "half')
    command("doctor")
    (folder / "manifest.json").write_text('{"schema_version": 2}')
    doctor = json.loads(command("doctor", "--json", code=1).stdout)
    (problem,) = [item for item in doctor["findings"] if item["verdict"] == "problem"]
    assert problem["topic"] == "home"
    assert str(folder / "manifest.json") in problem["value"]
    assert "newer version (schema 2; this version reads 1)" in problem["value"]
    assert f"move the folder {folder} away" in problem["hint"]
    assert json.loads(command("run", "show", "x-a-s0-1", "--json").stdout)["checkpoints"] == []


def test_a_hidden_gpu_is_no_gpu(program: Program) -> None:
    done = program("doctor", "--json", CUDA_VISIBLE_DEVICES="")
    values = [f["value"] for f in json.loads(done.stdout)["findings"] if f["topic"] == "machine"]
    assert any("workers use the CPU" in value for value in values)


def test_what_is_only_read_is_ingested_unless_readonly(
    command: Program, home: Home, files: Any
) -> None:
    for number in range(65):  # more than a reader reads for itself
        files.run(f"x-a-s{number}-1")
    count = ("sql", "select count(*) as n from runs", "--format", "csv")
    assert command("--readonly", *count).stdout == "n\n65\n"
    assert not home.database.exists()
    assert not home.ingest_lock.exists()
    assert command(*count).stdout == "n\n65\n"
    with duckdb.connect(str(home.database), read_only=True) as con:
        assert con.execute("select count(*) from runs").fetchall() == [(65,)]
