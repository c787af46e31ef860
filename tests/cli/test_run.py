"""`wgen-tui run` on runs that lie there as files."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.builders.home import write_done
from wgen_tui.protocol.launches import FailedAt, RunOutcome

Program = Callable[..., subprocess.CompletedProcess[str]]
# design §9
CONTRACT = {
    *("id", "experiment", "model", "arm", "seed", "state", "stage", "step", "steps"),
    *("why", "started", "ended"),
}


def test_list_json_keeps_its_contract(command: Program, files: Any) -> None:
    files.chain([files.run()])
    files.run("x-base-s0-1", arm="base")
    listed = json.loads(command("run", "list", "--json").stdout)
    assert listed["schema"] == 1
    assert [run["arm"] for run in listed["runs"]] == ["base", "a"]
    assert set(listed["runs"][0]) >= CONTRACT
    assert listed["runs"][1]["state"] == "queued"
    assert listed["runs"][1]["stage"] == "train"


def test_list_in_a_pipe_is_aligned_and_filtered(command: Program, files: Any) -> None:
    files.chain([files.run()])
    lost = files.run("x-b-s0-1", arm="b")
    files.lost(files.launch("train", [lost], number=7))
    head, row = command("run", "list", "--state", "lost").stdout.splitlines()
    assert head.split()[:4] == ["run", "arm", "seed", "state"]
    assert row.split()[:4] == [lost, "b", "0", "lost"]
    assert command("run", "list", "--experiment", "tiny-robot").stdout == ""
    assert "no experiment 'y'" in command("run", "list", "--experiment", "y", code=2).stderr


def test_the_hash_is_enough_where_it_is_unique(command: Program, files: Any) -> None:
    one, two = files.run("x-a-s0-aaa"), files.run("x-b-s0-bbb", arm="b")
    shown = command("run", "list").stdout.splitlines()
    assert [line.split()[0] for line in shown[1:]] == ["aaa", "bbb"]
    assert json.loads(command("run", "show", "bbb", "--json").stdout)["id"] == two
    command("run", "cancel", "aaa")
    files.run("y-a-s0-aaa")
    assert "whole id" in command("run", "show", "aaa", code=2).stderr
    assert json.loads(command("run", "show", one, "--json").stdout)["id"] == one


def test_show(command: Program, files: Any) -> None:
    run = files.run()
    launches = files.chain([run])
    shown = json.loads(command("run", "show", run, "--json").stdout)
    assert shown["id"] == run
    assert shown["launches"] == list(launches)
    assert shown["spec"]["training"]["max_steps"] == 10
    assert "training.max_steps" in command("run", "show", run).stdout


def test_show_says_where_a_run_failed(command: Program, files: Any) -> None:
    run, other = files.run(), files.run("x-b-s0-1", arm="b")
    train = files.launch("train", [run, other])
    files.started(train)
    place = FailedAt(step=12, rows=tuple(range(3, 23)))
    diverged = RunOutcome(outcome="failed", title="Training diverged", failed_at=place)
    why = RunOutcome(outcome="failed", title="Model not loaded")
    write_done(files.home.launch(train), {run: diverged, other: why}, "failed")
    shown = json.loads(command("run", "show", run, "--json").stdout)
    assert shown["failed_at"] == {"step": 12, "rows": list(range(3, 23))}
    (line,) = [
        line
        for line in command("run", "show", run).stdout.splitlines()
        if line.startswith("failed at")
    ]
    assert line.split(maxsplit=2)[2].startswith("step 12: lines 3, 4, 5,")
    assert line.endswith("18 and 4 more of its data.jsonl")
    assert json.loads(command("run", "show", other, "--json").stdout)["failed_at"] is None
    assert "failed at" not in command("run", "show", other).stdout
    listed = json.loads(command("run", "list", "--json").stdout)["runs"]
    assert not any("failed_at" in run for run in listed)


def test_logs_show_control_characters_instead_of_sending_them(command: Program, files: Any) -> None:
    run = files.run()
    train = files.launch("train", [run])
    assert "has written" in command("run", "logs", run).stderr
    files.home.launch(train).log.write_text("one\ntwo\x1b]52;c;aGk=\x07\nthree\n")
    shown = command("run", "logs", run, "-n", 2).stdout
    assert "\x1b" not in shown
    assert "three" in shown
    assert "one" not in shown


def test_cancel(command: Program, files: Any) -> None:
    run, other = files.run(), files.run("x-b-s0-1", arm="b")
    files.chain([run, other])
    command("run", "cancel", code=2)
    assert run in command("run", "cancel", run).stderr
    states = {
        r["id"]: r["state"] for r in json.loads(command("run", "list", "--json").stdout)["runs"]
    }
    assert states == {run: "cancelled", other: "queued"}
    assert "nothing to cancel" in command("run", "cancel", run, code=2).stderr
    command("run", "cancel", "--all")
    assert "No live runs" in command("run", "cancel", "--all").stderr


def test_rm_asks_refuses_live_runs_and_removes(command: Program, files: Any) -> None:
    run = files.run()
    train = files.launch("train", [run])
    assert "--yes" in command("run", "rm", run, code=2).stderr
    assert "wgen-tui run cancel" in command("run", "rm", run, "--yes", code=2).stderr
    files.lost(train)
    command("run", "rm", run, "--yes")
    assert json.loads(command("run", "list", "--json").stdout)["runs"] == []
    assert list(files.home.runs.iterdir()) == []


def test_watch_tells_what_was_lost(command: Program, files: Any) -> None:
    run = files.run()
    files.lost(files.launch("train", [run]))
    shown = command("run", "watch", run, code=1).stderr
    assert "lost" in shown
    assert f"wgen-tui run logs {run}" in shown


def test_nothing_waits_for_a_run_without_launch(command: Program, files: Any) -> None:
    run, lost = files.run(), files.run("x-b-s0-1", arm="b")
    files.lost(files.launch("train", [lost]))
    for words in ((), ("--experiment", "x"), (run, lost)):
        shown = command("run", "watch", *words, code=1).stderr
        assert "a, seed 0 has no launch, so nothing works for it" in shown
        assert "wgen-tui run start x" in shown
    assert f"run logs {lost}" in shown
    shown = command("run", "logs", run, "--follow").stderr
    assert "has written anything yet" in shown
    assert "wgen-tui run start x" in shown


@pytest.mark.parametrize("words", [("cancel", "--all"), ("rm", "x", "--yes")])
def test_readonly_refuses_what_writes(command: Program, words: tuple[str, ...]) -> None:
    assert "--readonly" in command("--readonly", "run", *words, code=2).stderr


def test_an_id_never_leads_out_of_the_home(command: Program, files: Any) -> None:
    for word in ("../../etc", "a/b", ".."):
        assert "id" in command("run", "show", word, code=2).stderr
